"""`carbonport intake`: the operator that a workbook cannot name, and bundles as precursors."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from test_identity_commands import carbonport, init

from carbonport.errors import CarbonportError

STEELWORKS = Path(str(files("carbonport") / "examples" / "steelworks.yaml"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("n")
    init(folder, "exporter")
    return folder / "exporter" / "home"


@pytest.fixture
def nameless(tmp_path: Path) -> Path:
    """The steelworks' data as a workbook would give them: without the operator."""
    lines = STEELWORKS.read_text().splitlines(keepends=True)
    path = tmp_path / "nameless.yaml"
    path.write_text("".join(line for line in lines if not line.startswith("  operator:")))
    return path


def taken(home: Path, *arguments: object) -> dict[str, Any]:
    return carbonport("intake", *arguments, "--home", home)


def notices(answer: dict[str, Any]) -> set[str]:
    return {notice["id"] for notice in answer["notices"]}


def test_an_operator_that_nobody_names_is_asked_for(home: Path, nameless: Path) -> None:
    assert "operator-missing" in notices(taken(home, nameless))
    assert "operator-missing" not in notices(taken(home, nameless, "--operator", "Yanhai Steel"))
    assert "operator-missing" not in notices(taken(home, STEELWORKS))


def refused(home: Path, *arguments: object) -> str:
    with pytest.raises(CarbonportError) as caught:
        taken(home, *arguments)
    return caught.value.id


def test_what_contradicts_the_document_or_is_no_bundle_is_refused(home: Path, nameless: Path) -> None:
    assert refused(home, STEELWORKS, "--operator", "Somebody else") == "operator-stated"
    assert refused(home, STEELWORKS, "--precursor", "ferro-manganese") == "precursor-option"
    bundle = f"ferro-manganese={nameless}"
    assert refused(home, STEELWORKS, "--precursor", bundle) == "bundle-not-valid"
    assert refused(home, STEELWORKS, "--precursor", f"gold={nameless}") == "precursor-unknown"
