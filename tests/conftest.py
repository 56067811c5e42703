"""Fixtures of the whole tree of tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent

# A law holds or fails whatever the machine's load: no example has a deadline.
settings.register_profile("carbonport", deadline=None)
settings.load_profile("carbonport")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Templates, tables and vectors: `$CARBONPORT_SHARED`, else the folder `shared` beside the checkout."""
    folder = Path(os.environ.get("CARBONPORT_SHARED") or REPOSITORY.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"the reference folder is not there: {folder} (set CARBONPORT_SHARED)")
    return folder
