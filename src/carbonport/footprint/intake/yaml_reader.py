"""The words of Carbonport's ledger file (YAML): figures, texts, choices, each with its line.

Figures become records and texts become facts as they are read; unknown keys, units and words are refused.
"""

from datetime import date

from carbonport.errors import Malformed
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.intake.yaml_document import Mapping, Scalar, Sequence, Tree
from carbonport.footprint.ledger import DataQuality, Fact, Record, Source

UNSTATED_QUALITY = DataQuality.ESTIMATED
"""The quality of a figure that states none: the worst, so that silence never flatters."""


class YamlReader:
    """Collects `records` and `facts` while a file is read; `name` is the document's."""

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        self._name = name
        self._catalogue = catalogue
        self.records: dict[str, Record] = {}
        self.facts: dict[str, Fact] = {}

    def figures(self, base: str, entry: dict[str, Tree], fields: dict[str, str]) -> dict[str, str]:
        """Records of the entry's figures at `base/field`: catalogue field -> path."""
        quality = self.quality(entry["quality"]) if "quality" in entry else UNSTATED_QUALITY
        paths: dict[str, str] = {}
        for key, field in fields.items():
            if key in entry:
                path = f"{base}/{field}"
                self.keep(path, self.figure(path, field, entry[key], quality))
                paths[field] = path
        return paths

    def figure(self, path: str, field: str, tree: Tree, quality: DataQuality) -> Record:
        """One figure, `2186473.915 t` or a mapping, as a record."""
        document = self._name
        if isinstance(tree, Mapping):
            entry = self.mapping(tree, "figure", ("value", "unit"), ("quality", "document"))
            number, unit = self.text(entry["value"]), self.text(entry["unit"])
            quality = self.quality(entry["quality"]) if "quality" in entry else quality
            document = self.text(entry["document"]) if "document" in entry else document
        else:
            number, _, unit = self.text(tree).partition(" ")
        return self._catalogue.record(
            path,
            field,
            parse_decimal(number, where=tree.place),
            unit.strip(),
            Source(document, tree.place),
            quality,
        )

    def keep(self, path: str, record: Record) -> None:
        """Keep a record; a path may be there once."""
        if path in self.records:
            raise Malformed(
                "ledger-duplicate-id",
                found=f"two entries with the path {path}",
                expected="an id of its own for each stream, process and precursor",
                remedy="Rename one of them, or join them when they are the same.",
                where=record.source.location,
            )
        self.records[path] = record

    def fact(self, path: str, field: str, tree: Tree) -> None:
        """Keep a text."""
        self.facts[path] = self._catalogue.fact(path, field, self.text(tree), Source(self._name, tree.place))

    def quality(self, tree: Tree) -> DataQuality:
        """A data quality."""
        text = self.text(tree)
        if text not in tuple(DataQuality):
            raise self.bad(tree, f"the data quality {text[:40]!r}", "one of " + ", ".join(DataQuality))
        return DataQuality(text)

    def choice(self, entry: dict[str, Tree], key: str, choices: tuple[str, ...], default: str) -> str:
        """One of `choices`."""
        if key not in entry:
            return default
        text = self.text(entry[key])
        if text not in choices:
            raise self.bad(entry[key], f"{key} {text[:40]!r}", "one of " + ", ".join(choices))
        return text

    def cn(self, tree: Tree) -> str:
        """A CN-8 code."""
        text = self.text(tree).replace(" ", "")
        if len(text) != 8 or not text.isascii() or not text.isdigit():
            raise self.bad(
                tree, "a CN code that is not 8 digits", 'a CN-8 code in quotes, such as "72083900"'
            )
        return text

    def day(self, tree: Tree) -> date:
        """A calendar day."""
        try:
            return date.fromisoformat(self.text(tree))
        except ValueError:
            raise self.bad(tree, "no calendar day", "a day such as 2026-01-01") from None

    def items(self, top: dict[str, Tree], key: str) -> tuple[Tree, ...]:
        """The list under `key`, empty when absent."""
        return self.items_of(top[key]) if key in top else ()

    def items_of(self, tree: Tree) -> tuple[Tree, ...]:
        """The items of a list."""
        if not isinstance(tree, Sequence):
            raise self.bad(tree, "a single value", "a list")
        return tree.items

    def text(self, tree: Tree) -> str:
        """A plain value."""
        if not isinstance(tree, Scalar) or not tree.text.strip():
            raise self.bad(tree, "an empty or nested value", "a single value")
        return tree.text.strip()

    def mapping(
        self, tree: Tree, what: str, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, Tree]:
        """A mapping with exactly these keys."""
        if not isinstance(tree, Mapping):
            raise self.bad(tree, f"a {what} that is no mapping", "keys and values")
        missing = [key for key in required if key not in tree.entries]
        unknown = [key for key in tree.entries if key not in required and key not in optional]
        if missing:
            raise self.bad(tree, f"a {what} without {', '.join(missing)}", "the required keys")
        if unknown:
            raise self.bad(
                tree.entries[unknown[0]],
                f"the key {unknown[0][:40]!r} in a {what}",
                ", ".join((*required, *optional)),
            )
        return tree.entries

    def bad(self, tree: Tree, found: str, expected: str) -> Malformed:
        """The error of an entry, with its line."""
        return Malformed(
            "ledger-file",
            found=found,
            expected=expected,
            remedy="Correct the line; examples/steelworks.yaml shows the form.",
            where=tree.place,
        )
