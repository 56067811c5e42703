"""Strict reading of the fields of a signed or sealed JSON document.

A document of ours has exactly the fields its format names, each of one type and within a bound.
`StrictFields` reads them one by one and `finish` refuses whatever was not asked for, so that no document
carries a field that one reader ignores and another believes. Nothing here judges what a field says.
"""

import re
from collections.abc import Callable
from typing import Self, TypeVar

from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed

MAX_TEXT_CHARS = 512
"""Longest text of one field unless its reader says otherwise: names and identifiers, not documents."""

MAX_LIST_ITEMS = 100_000
"""Longest list in one field: leaves of a statement of a site with 10^5 source streams go in chunks of this
size.
"""

MAX_TIME = 253_402_300_800
"""Unix time of the year 10000: a bound on every time stamp."""

T = TypeVar("T")


class StrictFields:
    """One JSON object, read field by field; `where` names it in errors (`trust list CN: participant 3`)."""

    def __init__(self, value: Json, where: str) -> None:
        if not isinstance(value, dict):
            raise _malformed(where, "something that is not an object", "a JSON object")
        self._value: dict[str, Json] = value
        self._where = where
        self._read: set[str] = set()

    def _take(self, name: str) -> Json:
        self._read.add(name)
        if name not in self._value:
            raise _malformed(self._where, f"no field {name}", "every field of the format")
        return self._value[name]

    def text(
        self,
        name: str,
        *,
        pattern: re.Pattern[str] | None = None,
        max_chars: int = MAX_TEXT_CHARS,
        empty: bool = False,
    ) -> str:
        """A text of at most `max_chars` that matches `pattern` in full; empty only when `empty` is given."""
        value = self._take(name)
        if not isinstance(value, str) or len(value) > max_chars or (value == "" and not empty):
            raise _malformed(
                self._where, f"field {name} is no text of the allowed length", f"1 to {max_chars} characters"
            )
        if pattern is not None and value != "" and not pattern.fullmatch(value):
            raise _malformed(
                self._where, f"field {name} has another form", f"a text of the form {pattern.pattern}"
            )
        return value

    def choice(self, name: str, allowed: frozenset[str]) -> str:
        """A text out of `allowed`."""
        value = self.text(name)
        if value not in allowed:
            raise _malformed(self._where, f"field {name} with an unknown word", " or ".join(sorted(allowed)))
        return value

    def integer(self, name: str, *, minimum: int = 0, maximum: int = MAX_TIME) -> int:
        """An integer between the bounds, both included."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise _malformed(
                self._where,
                f"field {name} is no integer in its range",
                f"an integer from {minimum} to {maximum}",
            )
        return value

    def items(self, name: str, *, max_items: int = MAX_LIST_ITEMS) -> list[Json]:
        """A list of at most `max_items`."""
        value = self._take(name)
        if not isinstance(value, list) or len(value) > max_items:
            raise _malformed(
                self._where, f"field {name} is no list of the allowed length", f"at most {max_items} items"
            )
        return value

    def texts(
        self, name: str, *, pattern: re.Pattern[str] | None = None, max_items: int = MAX_LIST_ITEMS
    ) -> tuple[str, ...]:
        """A list of different texts."""
        items = tuple(
            StrictFields({"item": item}, f"{self._where}: {name}").text("item", pattern=pattern)
            for item in self.items(name, max_items=max_items)
        )
        if len(set(items)) != len(items):
            raise _malformed(self._where, f"field {name} with a repeated text", "different texts")
        return items

    def each(self, name: str, read: Callable[[Self], T], *, max_items: int = MAX_LIST_ITEMS) -> tuple[T, ...]:
        """A list of objects, each read by `read`, each read to its last field."""
        result = []
        for index, item in enumerate(self.items(name, max_items=max_items)):
            fields = type(self)(item, f"{self._where}: {name} {index}")
            result.append(read(fields))
            fields.finish()
        return tuple(result)

    def nested(self, name: str) -> Self:
        """A nested object; the caller reads and finishes it."""
        return type(self)(self._take(name), f"{self._where}: {name}")

    def value(self, name: str) -> Json:
        """Any JSON value: for parts that a module of their own reads."""
        return self._take(name)

    def has(self, name: str) -> bool:
        """Whether an optional field is there."""
        return name in self._value

    def finish(self) -> None:
        """Refuse fields that nobody read."""
        unknown = sorted(set(self._value) - self._read)
        if unknown:
            raise _malformed(
                self._where, f"{len(unknown)} unknown fields", "the fields of the format and no others"
            )


def _malformed(where: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "document-field",
        found=found,
        expected=expected,
        remedy="Ask its issuer for a document that follows the format of this version.",
        where=where,
    )
