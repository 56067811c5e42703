"""Carbonport's own readable ledger file (YAML), for people without Excel: `examples/steelworks.yaml` shows
the form.

A figure is written `2186473.915 t`, or as a mapping with `value`, `unit` and, where wanted, `quality` and
`document` (the plant's own source document). Numbers are read as exact decimals. Unknown keys are refused,
never ignored.
"""

from datetime import date
from pathlib import Path

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.intake.yaml_document import (
    MAX_YAML_BYTES,
    Mapping,
    Scalar,
    Sequence,
    Tree,
    parse_yaml,
)
from carbonport.footprint.ledger import (
    DataQuality,
    Direction,
    Fact,
    Good,
    Ledger,
    Period,
    Precursor,
    ProductionProcess,
    Record,
    Source,
    SourceStream,
)

LEDGER_VERSION = "ledger/v1"
"""What the key `carbonport` at the top of the file has to say."""

INSTALLATION_FACTS = {
    "name": "installation_name",
    "operator": "operator",
    "registration_code": "registration_code",
    "unlocode": "unlocode",
    "country": "country",
    "economic_activity": "economic_activity",
    "city": "city",
    "street": "street",
    "postcode": "postcode",
    "latitude": "latitude",
    "longitude": "longitude",
    "contact_name": "contact_name",
    "contact_email": "contact_email",
    "contact_telephone": "contact_telephone",
}
"""Keys of `installation` and the catalogue's field for each."""

STREAM_FIGURES = {
    name: name
    for name in (
        "activity_data",
        "net_calorific_value",
        "emission_factor",
        "carbon_content",
        "oxidation_factor",
        "conversion_factor",
        "biomass_fraction",
    )
}
"""Keys of a stream that hold figures."""

PROCESS_FIGURES = {
    name: name
    for name in (
        "activity_level",
        "direct_emissions",
        "electricity",
        "electricity_factor",
        "electricity_export",
        "electricity_export_factor",
        "heat_import",
        "heat_import_factor",
        "heat_export",
        "heat_export_factor",
        "waste_gas_import",
        "waste_gas_export",
    )
}
"""Keys of a production process that hold figures."""

PRECURSOR_FIGURES = {
    "amount": "precursor_amount",
    "see_direct": "precursor_see_direct",
    "see_indirect": "precursor_see_indirect",
    "electricity": "precursor_electricity",
    "electricity_factor": "precursor_electricity_factor",
}
"""Keys of a precursor that hold figures, and the catalogue's field for each."""

UNSTATED_QUALITY = DataQuality.ESTIMATED
"""The quality of a figure that states none: the worst, so that silence never flatters."""


def read_yaml_ledger(path: Path, catalogue: Catalogue) -> Ledger:
    """The ledger in the file `path`; errors name the file and the line."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_YAML_BYTES else b"\0" * (MAX_YAML_BYTES + 1)
    except OSError as error:
        raise Misuse(
            "intake-file",
            found=type(error).__name__,
            expected="a readable ledger file",
            remedy="Check the path and its permissions.",
            where=str(path),
        ) from None
    return parse_yaml_ledger(data, path.name, catalogue)


def parse_yaml_ledger(data: bytes, name: str, catalogue: Catalogue) -> Ledger:
    """The ledger that `data` writes; `name` is the document's name in sources and errors."""
    return _LedgerReader(name, catalogue).ledger(parse_yaml(data, name))


class _LedgerReader:
    """Collects records and facts while it walks the tree."""

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        self._name = name
        self._catalogue = catalogue
        self._records: dict[str, Record] = {}
        self._facts: dict[str, Fact] = {}

    def ledger(self, tree: Tree) -> Ledger:
        required = ("carbonport", "installation", "period", "processes", "goods")
        top = self._mapping(tree, "ledger", required, ("streams", "precursors"))
        if self._text(top["carbonport"]) != LEDGER_VERSION:
            raise self._bad(top["carbonport"], "another format version", LEDGER_VERSION)
        installation = self._mapping(
            top["installation"], "installation", ("name", "country"), tuple(INSTALLATION_FACTS)
        )
        for key, entry in installation.items():
            self._fact(f"installation/{INSTALLATION_FACTS[key]}", INSTALLATION_FACTS[key], entry)
        period = self._mapping(top["period"], "period", ("start", "end"), ())
        start, end = self._day(period["start"]), self._day(period["end"])
        self._fact("period/start", "period_start", period["start"])
        self._fact("period/end", "period_end", period["end"])
        processes = tuple(self._process(item) for item in self._items(top, "processes"))
        goods = tuple(self._good(item) for item in self._items(top, "goods"))
        streams = tuple(self._stream(item) for item in self._items(top, "streams"))
        precursors = tuple(self._precursor(item) for item in self._items(top, "precursors"))
        return Ledger(
            installation=self._facts["installation/installation_name"].text,
            country=self._facts["installation/country"].text,
            period=Period(start, end),
            records=self._records,
            facts=self._facts,
            streams=streams,
            processes=processes,
            precursors=precursors,
            goods=goods,
        )

    def _process(self, tree: Tree) -> ProductionProcess:
        optional = (
            "category",
            "routes",
            "direct_emissions_from",
            "electricity_source",
            "quality",
            *PROCESS_FIGURES,
        )
        entry = self._mapping(tree, "production process", ("id", "name", "activity_level"), optional)
        process_id = self._text(entry["id"])
        base = f"process/{process_id}"
        self._fact(f"{base}/process_name", "process_name", entry["name"])
        if "category" in entry:
            self._fact(f"{base}/category", "category", entry["category"])
        routes = self._list(entry["routes"]) if "routes" in entry else ()
        for number, route in enumerate(routes, start=1):
            self._fact(f"{base}/route/{number}", "route", route)
        if "electricity_source" in entry:
            self._fact(f"{base}/electricity_source", "electricity_source", entry["electricity_source"])
        own_record = "record" if "direct_emissions" in entry else "streams"
        attributed = self._choice(entry, "direct_emissions_from", ("streams", "record"), own_record)
        return ProductionProcess(
            id=process_id,
            label=self._text(entry["name"]),
            category=self._text(entry["category"]) if "category" in entry else "",
            routes=tuple(self._text(route) for route in routes),
            attributed_by=attributed,
            records=self._figures(base, entry, PROCESS_FIGURES),
            electricity_source=self._text(entry["electricity_source"])
            if "electricity_source" in entry
            else "",
        )

    def _good(self, tree: Tree) -> Good:
        entry = self._mapping(tree, "good", ("cn", "process"), ("name",))
        good = Good(
            self._text(entry["process"]),
            self._cn(entry["cn"]),
            self._text(entry["name"]) if "name" in entry else "",
        )
        base = f"good/{good.process}/{good.cn}"
        self._fact(f"{base}/cn", "cn", entry["cn"])
        if "name" in entry:
            self._fact(f"{base}/product_name", "product_name", entry["name"])
        return good

    def _stream(self, tree: Tree) -> SourceStream:
        optional = ("name", "direction", "process", "quality", "standard_factor", *STREAM_FIGURES)
        entry = self._mapping(tree, "source stream", ("id", "method", "activity_data"), optional)
        stream_id = self._text(entry["id"])
        base = f"stream/{stream_id}"
        if "name" in entry:
            self._fact(f"{base}/stream_name", "stream_name", entry["name"])
        return SourceStream(
            id=stream_id,
            label=self._text(entry["name"]) if "name" in entry else stream_id,
            method=self._choice(entry, "method", ("combustion", "process", "mass-balance"), ""),
            direction=Direction(self._choice(entry, "direction", tuple(Direction), Direction.INPUT)),
            process=self._text(entry["process"]) if "process" in entry else "",
            records=self._figures(base, entry, STREAM_FIGURES),
            standard=self._text(entry["standard_factor"]) if "standard_factor" in entry else "",
        )

    def _precursor(self, tree: Tree) -> Precursor:
        required = ("id", "cn", "country", "process", "basis", "amount")
        entry = self._mapping(tree, "precursor", required, ("name", "quality", *PRECURSOR_FIGURES))
        precursor_id = self._text(entry["id"])
        base = f"precursor/{precursor_id}"
        if "name" in entry:
            self._fact(f"{base}/precursor_name", "precursor_name", entry["name"])
        for key in ("cn", "country", "basis"):
            self._fact(f"{base}/precursor_{key}", f"precursor_{key}", entry[key])
        return Precursor(
            id=precursor_id,
            label=self._text(entry["name"]) if "name" in entry else precursor_id,
            cn=self._cn(entry["cn"]),
            country=self._text(entry["country"]),
            process=self._text(entry["process"]),
            basis=self._choice(entry, "basis", ("verified", "default"), ""),
            records=self._figures(base, entry, PRECURSOR_FIGURES),
        )

    def _figures(self, base: str, entry: dict[str, Tree], fields: dict[str, str]) -> dict[str, str]:
        quality = self._quality(entry["quality"]) if "quality" in entry else UNSTATED_QUALITY
        paths: dict[str, str] = {}
        for key, field in fields.items():
            if key in entry:
                path = f"{base}/{field}"
                self._keep(path, self._figure(path, field, entry[key], quality))
                paths[field] = path
        return paths

    def _figure(self, path: str, field: str, tree: Tree, quality: DataQuality) -> Record:
        document = self._name
        if isinstance(tree, Mapping):
            entry = self._mapping(tree, "figure", ("value", "unit"), ("quality", "document"))
            number, unit = self._text(entry["value"]), self._text(entry["unit"])
            quality = self._quality(entry["quality"]) if "quality" in entry else quality
            document = self._text(entry["document"]) if "document" in entry else document
        else:
            number, _, unit = self._text(tree).partition(" ")
        return self._catalogue.record(
            path,
            field,
            parse_decimal(number, where=tree.place),
            unit.strip(),
            Source(document, tree.place),
            quality,
        )

    def _keep(self, path: str, record: Record) -> None:
        if path in self._records:
            raise Malformed(
                "ledger-duplicate-id",
                found=f"two entries with the path {path}",
                expected="an id of its own for each stream, process and precursor",
                remedy="Rename one of them, or join them when they are the same.",
                where=record.source.location,
            )
        self._records[path] = record

    def _fact(self, path: str, field: str, tree: Tree) -> None:
        self._facts[path] = self._catalogue.fact(
            path, field, self._text(tree), Source(self._name, tree.place)
        )

    def _quality(self, tree: Tree) -> DataQuality:
        text = self._text(tree)
        if text not in tuple(DataQuality):
            raise self._bad(tree, f"the data quality {text[:40]!r}", "one of " + ", ".join(DataQuality))
        return DataQuality(text)

    def _choice(self, entry: dict[str, Tree], key: str, choices: tuple[str, ...], default: str) -> str:
        if key not in entry:
            return default
        text = self._text(entry[key])
        if text not in choices:
            raise self._bad(entry[key], f"{key} {text[:40]!r}", "one of " + ", ".join(choices))
        return text

    def _cn(self, tree: Tree) -> str:
        text = self._text(tree).replace(" ", "")
        if len(text) != 8 or not text.isascii() or not text.isdigit():
            raise self._bad(
                tree, "a CN code that is not 8 digits", 'a CN-8 code in quotes, such as "72083900"'
            )
        return text

    def _day(self, tree: Tree) -> date:
        try:
            return date.fromisoformat(self._text(tree))
        except ValueError:
            raise self._bad(tree, "no calendar day", "a day such as 2026-01-01") from None

    def _items(self, top: dict[str, Tree], key: str) -> tuple[Tree, ...]:
        return self._list(top[key]) if key in top else ()

    def _list(self, tree: Tree) -> tuple[Tree, ...]:
        if not isinstance(tree, Sequence):
            raise self._bad(tree, "a single value", "a list")
        return tree.items

    def _text(self, tree: Tree) -> str:
        if not isinstance(tree, Scalar) or not tree.text.strip():
            raise self._bad(tree, "an empty or nested value", "a single value")
        return tree.text.strip()

    def _mapping(
        self, tree: Tree, what: str, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, Tree]:
        if not isinstance(tree, Mapping):
            raise self._bad(tree, f"a {what} that is no mapping", "keys and values")
        missing = [key for key in required if key not in tree.entries]
        unknown = [key for key in tree.entries if key not in required and key not in optional]
        if missing:
            raise self._bad(tree, f"a {what} without {', '.join(missing)}", "the required keys")
        if unknown:
            raise self._bad(
                tree.entries[unknown[0]],
                f"the key {unknown[0][:40]!r} in a {what}",
                ", ".join((*required, *optional)),
            )
        return tree.entries

    def _bad(self, tree: Tree, found: str, expected: str) -> Malformed:
        return Malformed(
            "ledger-file",
            found=found,
            expected=expected,
            remedy="Correct the line; examples/steelworks.yaml shows the form.",
            where=tree.place,
        )
