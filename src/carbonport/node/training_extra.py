"""The extra that brings what training and models need, asked for before it is imported."""

import importlib.util

from carbonport.errors import Misuse

EXTRA = "federated"
"""Name of the extra."""


def require_extra() -> None:
    """Misuse (`extra-missing`) when the packages of the extra are not installed."""
    if importlib.util.find_spec("numpy") is None:
        raise Misuse(
            "extra-missing",
            found="an installation without numpy",
            expected=f"carbonport[{EXTRA}]",
            remedy=f"Install it with: pip install 'carbonport[{EXTRA}]'",
        )
