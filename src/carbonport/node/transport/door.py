"""The request door: plain checks of every message before a handler sees it, refusing by default.

A `Door` names every field of its message with a check; a field without one is a defect found at import, an
unknown field in a message is refused. A violation says the rule that was broken and never repeats the
value.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-not-found]

from carbonport.errors import Misuse
from carbonport.node.transport.rich_errors import FieldViolation, RequestMalformed

Check = Callable[[Any], str | None]
"""Says what the value must be when it is not; nothing when it is."""

MAX_REPORTED = 20
"""Violations reported of one message."""


def text(*, max_characters: int, min_characters: int = 1) -> Check:
    """A text without control characters."""
    rule = f"a text of {min_characters} to {max_characters} printable characters"

    def check(value: str) -> str | None:
        good = min_characters <= len(value) <= max_characters and not re.search(
            r"[\x00-\x1f\x7f-\x9f]", value
        )
        return None if good else rule

    return check


def matching(pattern: str, meaning: str, *, optional: bool = False) -> Check:
    """A text that matches the pattern as a whole; `meaning` names it for people."""
    compiled = re.compile(pattern)
    return lambda value: None if (optional and not value) or compiled.fullmatch(value) else meaning


def one_of(*words: str) -> Check:
    """One of these words."""
    return lambda value: None if value in words else "one of " + ", ".join(words)


def iso_date(value: str) -> str | None:
    """A day, YYYY-MM-DD."""
    try:
        good = len(value) == 10 and date.fromisoformat(value).isoformat() == value
    except ValueError:
        good = False
    return None if good else "a day, YYYY-MM-DD"


def data(*, max_bytes: int, min_bytes: int = 0) -> Check:
    """Bytes within these bounds."""
    return lambda value: None if min_bytes <= len(value) <= max_bytes else f"{min_bytes} to {max_bytes} bytes"


def number(low: int, high: int) -> Check:
    """A whole number within these bounds, both included."""
    return lambda value: None if low <= value <= high else f"a number from {low} to {high}"


def repeated(check: Check, *, max_items: int) -> Check:
    """A list of at most `max_items`, each passing `check`."""

    def check_all(values: Any) -> str | None:
        if len(values) > max_items:
            return f"at most {max_items} items"
        return next((rule for value in values if (rule := check(value)) is not None), None)

    return check_all


request_id = matching(r"[0-9a-f]{32}", "sixteen bytes in lowercase hex")
"""An id that the client draws: 16 random bytes."""

plain_decimal = matching(
    r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?", "a plain decimal: up to 12 digits, up to 9 decimals"
)
"""A decimal number without sign, exponent or superfluous zeros in front."""


class Door:
    """The rules of one message type."""

    def __init__(self, message_type: type[Message], checks: Mapping[str, Check]) -> None:
        named, known = set(checks), {field.name for field in message_type.DESCRIPTOR.fields}
        if named != known:
            raise Misuse(
                "transport-door-incomplete",
                found=f"rules for {sorted(named ^ known)} missing or superfluous",
                expected=f"one rule for every field of {message_type.DESCRIPTOR.name}",
                remedy="Add the rule where the door is defined.",
            )
        self._name = message_type.DESCRIPTOR.name
        self._checks = tuple(checks.items())

    def admit(self, message: Message) -> None:
        """Pass, or raise `request-malformed` with a violation for every field that breaks its rule."""
        violations = [
            FieldViolation(name, rule)
            for name, check in self._checks
            if (rule := check(getattr(message, name))) is not None
        ]
        if len(UnknownFieldSet(message)) > 0:
            violations.append(FieldViolation("(unknown)", "no field that this version does not know"))
        if violations:
            raise RequestMalformed(
                "request-malformed",
                tuple(violations[:MAX_REPORTED]),
                found=f"{len(violations)} fields against the rules",
                expected="; ".join(f"{item.field}: {item.description}" for item in violations[:MAX_REPORTED]),
                remedy="Correct the request; the wire contract explains each field.",
                where=self._name,
            )
