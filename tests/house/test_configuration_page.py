"""The configuration page says what the program reads."""

from pathlib import Path

from carbonport.node.config import configuration_reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def test_the_reference_is_fresh() -> None:
    assert PAGE.read_text().endswith("\n" + configuration_reference()), (
        "run python tools/generate_configuration.py"
    )
