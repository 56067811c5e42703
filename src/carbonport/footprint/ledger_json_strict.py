"""Strict reading of ledger JSON: exact keys, exact types, bounded lists; every miss is one `Malformed`."""

from collections.abc import Mapping

from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed

MAX_ENTRIES = 2_000_000
"""Records, facts or entries of one list; a site with 10^5 source streams stays far below."""


def an_object(data: Json, keys: str, where: str, optional: str = "") -> Mapping[str, Json]:
    """`data` as an object with exactly `keys`, and perhaps some of `optional`."""
    known = set(keys.split())
    if not isinstance(data, dict) or not known <= set(data) <= known | set(optional.split()):
        raise wrong(where, "missing, unknown or misplaced keys", f"an object with exactly {keys}")
    return data


def a_list(data: Json, where: str) -> list[Json]:
    """`data` as a bounded list."""
    if not isinstance(data, list) or len(data) > MAX_ENTRIES:
        raise wrong(where, "no list, or one beyond the limit", f"a list of at most {MAX_ENTRIES} entries")
    return data


def texts(data: Json, where: str) -> Mapping[str, str]:
    """`data` as an object of strings."""
    if not isinstance(data, dict):
        raise wrong(where, "no object", "record paths by field")
    return {key: a_text(value, where) for key, value in data.items()}


def a_text(data: Json, where: str) -> str:
    """`data` as a string."""
    if not isinstance(data, str):
        raise wrong(where, f"a {type(data).__name__}", "a string")
    return data


def a_count(data: Json, where: str) -> int:
    """`data` as decimals or bits."""
    if not isinstance(data, int) or isinstance(data, bool) or not 0 <= data <= 64:
        raise wrong(where, "no small whole number", "decimals and bits from 0 to 64")
    return data


def wrong(where: str, found: str, expected: str) -> Malformed:
    """The error of a ledger that Carbonport did not write."""
    return Malformed(
        "ledger-json",
        found=found,
        expected=expected,
        remedy="Read the workbook in again; Carbonport's own ledger file is not meant to be edited.",
        where=where,
    )


def a_flag(data: Json, where: str) -> bool:
    """`data` as a truth value."""
    if not isinstance(data, bool):
        raise wrong(where, f"a {type(data).__name__}", "true or false")
    return data
