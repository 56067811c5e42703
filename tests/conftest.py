"""Fixtures of the whole tree of tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Templates, tables and vectors to test against: `$CARBONPORT_SHARED`, else `shared` beside the checkout."""
    folder = Path(os.environ.get("CARBONPORT_SHARED") or REPOSITORY.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"the reference folder is not there: {folder} (set CARBONPORT_SHARED)")
    return folder
