"""A YAML document as a tree of plain scalars, each with its place: no tags, no anchors, no aliases, no types.

Every scalar stays the text it was written as (so `2186473.915` never becomes a float and `NO` stays Norway).
Size, depth, number of entries and duplicate keys are checked while reading; PyYAML's event parser is all that
is used of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from carbonport.errors import Malformed

MAX_YAML_BYTES = 32 * 1024 * 1024
"""Checked before the first byte is parsed; a ledger with 10^5 streams takes about 20 MB."""

MAX_YAML_DEPTH = 16
"""Nesting; our own format needs 5 levels."""

MAX_YAML_NODES = 4_000_000
"""Scalars, lists and mappings of one document."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text and where it stands."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list and where it begins."""

    items: tuple["Tree", ...]
    place: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries by key, and where the mapping begins."""

    entries: dict[str, "Tree"]
    place: str


Tree = Scalar | Sequence | Mapping


def parse_yaml(data: bytes, name: str) -> Tree:
    """The one document in `data`; `name` is the file's name for errors and places."""
    if len(data) > MAX_YAML_BYTES:
        raise _bad(name, f"more than {MAX_YAML_BYTES} bytes", f"at most {MAX_YAML_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(name, f"a byte that is not UTF-8 at offset {error.start}", "UTF-8 text") from None
    try:
        return _Reader(text, name).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        raise _bad(where, str(getattr(error, "problem", "") or "broken YAML"), "well-formed YAML") from None


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=loader))
        self._name = name
        self._nodes = 0

    def document(self) -> Tree:
        next(self._events)  # stream start
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            raise _bad(self._name, "an empty document", "a ledger")
        tree = self._tree(next(self._events), 0)
        next(self._events)  # document end
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            raise _bad(self._name, "a second document in the file", "one document")
        return tree

    def _tree(self, event: yaml.Event, depth: int) -> Tree:
        place = self._place(event)
        self._nodes += 1
        if depth > MAX_YAML_DEPTH or self._nodes > MAX_YAML_NODES:
            raise _bad(
                place, "nesting or a number of entries beyond the limit", f"depth {MAX_YAML_DEPTH} at most"
            )
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _bad(place, "an anchor or alias", "every value written where it belongs")
        if getattr(event, "tag", None):
            raise _bad(place, "a tag", "plain values without tags")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, place)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Tree] = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                items.append(self._tree(item, depth + 1))
            return Sequence(tuple(items), place)
        entries: dict[str, Tree] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent) or key.anchor or key.tag:
                raise _bad(place, "a key that is no plain text", "plain keys")
            if key.value in entries:
                raise _bad(self._place(key), f"the key {key.value[:40]!r} twice", "each key once")
            entries[key.value] = self._tree(next(self._events), depth + 1)
        return Mapping(entries, place)

    def _place(self, event: yaml.Event) -> str:
        return f"{self._name}, line {event.start_mark.line + 1}" if event.start_mark else self._name


def _bad(where: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "yaml-malformed",
        found=found,
        expected=expected,
        remedy="Correct the file; examples/steelworks.yaml shows the form.",
        where=where,
    )
