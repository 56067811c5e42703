"""Writes the reference part of docs/configuration.md from the dataclasses that read the configuration."""

from pathlib import Path

from carbonport.node.config import configuration_reference

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"


def page() -> str:
    """The page: what a person wrote, up to the first section, then the reference."""
    introduction = PAGE.read_text().partition("\n## [")[0].rstrip()
    return f"{introduction}\n\n{configuration_reference()}"


if __name__ == "__main__":
    PAGE.write_text(page())
