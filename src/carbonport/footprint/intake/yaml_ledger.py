"""Carbonport's own readable ledger file (YAML), for people without Excel: `examples/steelworks.yaml` shows
the form.

A figure is written `2186473.915 t`, or as a mapping with `value`, `unit` and, where wanted, `quality` and
`document` (the plant's own source document). Numbers are read as exact decimals. Unknown keys are refused,
never ignored.
"""

from pathlib import Path

from carbonport.errors import Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake.yaml_document import MAX_YAML_BYTES, Mapping, Tree, parse_yaml
from carbonport.footprint.intake.yaml_fields import (
    GOOD_FIGURES,
    INSTALLATION_FACTS,
    PRECURSOR_FIGURES,
    PROCESS_FIGURES,
    STREAM_FIGURES,
    TOTAL_FIGURES,
    UTILITY_FIGURES,
)
from carbonport.footprint.intake.yaml_reader import YamlReader
from carbonport.footprint.ledger import (
    CoProduct,
    Direction,
    Good,
    InternalFlow,
    Ledger,
    MeasuredHour,
    Period,
    Precursor,
    ProductionProcess,
    SourceStream,
    Utility,
)

LEDGER_VERSION = "ledger/v1"
"""What the key `carbonport` at the top of the file has to say."""

METHODS = (
    "combustion",
    "process",
    "mass-balance",
    "clinker",
    "kiln-dust",
    "pfc-slope",
    "pfc-overvoltage",
    "measurement",
)
"""Methods of a source stream, as `cbam.streams` knows them."""

WITHOUT_ACTIVITY = ("clinker", "measurement")
"""Methods whose amount follows from other figures."""

BASES = ("verified", "attested", "measured", "default", "unknown")
"""What a precursor's value rests on."""

BOILER, COGENERATION = "boiler", "chp"
SHARE = "process_amount"


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
    """Walks the tree."""

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        self._read = YamlReader(name, catalogue)

    def ledger(self, tree: Tree) -> Ledger:
        required = ("carbonport", "installation", "period", "processes", "goods")
        top = self._read.mapping(
            tree, "ledger", required, ("streams", "precursors", "internal_flows", "utilities", "totals")
        )
        if self._read.text(top["carbonport"]) != LEDGER_VERSION:
            raise self._read.bad(top["carbonport"], "another format version", LEDGER_VERSION)
        installation = self._read.mapping(
            top["installation"], "installation", ("name", "country"), tuple(INSTALLATION_FACTS)
        )
        for key, entry in installation.items():
            self._read.fact(f"installation/{INSTALLATION_FACTS[key]}", INSTALLATION_FACTS[key], entry)
        period = self._read.mapping(top["period"], "period", ("start", "end"), ())
        start, end = self._read.day(period["start"]), self._read.day(period["end"])
        self._read.fact("period/start", "period_start", period["start"])
        self._read.fact("period/end", "period_end", period["end"])
        processes = tuple(self._process(item) for item in self._read.items(top, "processes"))
        goods = tuple(self._good(item) for item in self._read.items(top, "goods"))
        streams = tuple(self._stream(item) for item in self._read.items(top, "streams"))
        precursors = tuple(self._precursor(item) for item in self._read.items(top, "precursors"))
        flows = tuple(self._flow(item) for item in self._read.items(top, "internal_flows"))
        utilities = tuple(self._utility(item) for item in self._read.items(top, "utilities"))
        totals = self._totals(top["totals"]) if "totals" in top else {}
        return Ledger(
            installation=self._read.facts["installation/installation_name"].text,
            country=self._read.facts["installation/country"].text,
            period=Period(start, end),
            records=self._read.records,
            facts=self._read.facts,
            streams=streams,
            processes=processes,
            precursors=precursors,
            goods=goods,
            flows=flows,
            utilities=utilities,
            totals=totals,
        )

    def _process(self, tree: Tree) -> ProductionProcess:
        optional = (
            "category",
            "routes",
            "direct_emissions_from",
            "electricity_source",
            "heat_from",
            "electricity_from",
            "co_products",
            "quality",
            *PROCESS_FIGURES,
        )
        entry = self._read.mapping(tree, "production process", ("id", "name", "activity_level"), optional)
        process_id = self._read.text(entry["id"])
        base = f"process/{process_id}"
        self._read.fact(f"{base}/process_name", "process_name", entry["name"])
        if "category" in entry:
            self._read.fact(f"{base}/category", "category", entry["category"])
        routes = self._read.items_of(entry["routes"]) if "routes" in entry else ()
        for number, route in enumerate(routes, start=1):
            self._read.fact(f"{base}/route/{number}", "route", route)
        if "electricity_source" in entry:
            self._read.fact(f"{base}/electricity_source", "electricity_source", entry["electricity_source"])
        own_record = "record" if "direct_emissions" in entry else "streams"
        attributed = self._read.choice(entry, "direct_emissions_from", ("streams", "record"), own_record)
        return ProductionProcess(
            id=process_id,
            label=self._read.text(entry["name"]),
            category=self._read.text(entry["category"]) if "category" in entry else "",
            routes=tuple(self._read.text(route) for route in routes),
            attributed_by=attributed,
            records=self._read.figures(base, entry, PROCESS_FIGURES),
            electricity_source=self._optional(entry, "electricity_source"),
            heat_from=self._optional(entry, "heat_from"),
            electricity_from=self._optional(entry, "electricity_from"),
            co_products=tuple(
                self._co_product(item, f"{base}/co_product")
                for item in self._read.items(entry, "co_products")
            ),
        )

    def _co_product(self, tree: Tree, base: str) -> CoProduct:
        entry = self._read.mapping(tree, "co-product", ("product", "amount"), ("good", "quality"))
        product = self._read.text(entry["product"])
        counted = self._read.choice(entry, "good", ("true", "false"), "false") == "true"
        return CoProduct(
            product, counted, self._read.figures(f"{base}/{product}", entry, {"amount": "co_product_amount"})
        )

    def _good(self, tree: Tree) -> Good:
        entry = self._read.mapping(tree, "good", ("cn", "process"), ("name", "quality", *GOOD_FIGURES))
        process, cn = self._read.text(entry["process"]), self._read.cn(entry["cn"])
        base = f"good/{process}/{cn}"
        figures = self._read.figures(base, entry, GOOD_FIGURES)
        good = Good(process, cn, self._optional(entry, "name"), figures)
        self._read.fact(f"{base}/cn", "cn", entry["cn"])
        if "name" in entry:
            self._read.fact(f"{base}/product_name", "product_name", entry["name"])
        return good

    def _stream(self, tree: Tree) -> SourceStream:
        optional = (
            "name",
            "direction",
            "process",
            "quality",
            "standard_factor",
            "gas",
            "waste_gas",
            "shares",
            "hours",
            *STREAM_FIGURES,
        )
        entry = self._read.mapping(tree, "source stream", ("id", "method"), optional)
        method = self._read.choice(entry, "method", METHODS, "")
        if method not in WITHOUT_ACTIVITY and "activity_data" not in entry:
            raise self._read.bad(tree, "a source stream without activity_data", "the required keys")
        stream_id = self._read.text(entry["id"])
        base = f"stream/{stream_id}"
        if "name" in entry:
            self._read.fact(f"{base}/stream_name", "stream_name", entry["name"])
        return SourceStream(
            id=stream_id,
            label=self._optional(entry, "name") or stream_id,
            method=method,
            direction=Direction(self._read.choice(entry, "direction", tuple(Direction), Direction.INPUT)),
            process=self._optional(entry, "process"),
            records=self._read.figures(base, entry, STREAM_FIGURES),
            standard=self._optional(entry, "standard_factor"),
            gas=self._read.choice(entry, "gas", ("CO2", "N2O"), ""),
            waste_gas=self._read.choice(entry, "waste_gas", ("true", "false"), "false") == "true",
            shares=self._shares(entry["shares"], base) if "shares" in entry else {},
            hours=tuple(
                self._hour(item, f"{base}/hour/{number}")
                for number, item in enumerate(self._read.items(entry, "hours"), start=1)
            ),
        )

    def _shares(self, tree: Tree, base: str) -> dict[str, str]:
        if not isinstance(tree, Mapping):
            raise self._read.bad(tree, "shares that are no mapping", "an amount per process")
        shares: dict[str, str] = {}
        for owner, amount in tree.entries.items():
            fields = self._read.figures(f"{base}/share/{owner}", {"amount": amount}, {"amount": SHARE})
            shares[owner] = fields[SHARE]
        return shares

    def _hour(self, tree: Tree, base: str) -> MeasuredHour:
        keys = {"flow": "flue_gas_flow", "concentration": "ghg_concentration", "data_share": "data_share"}
        entry = self._read.mapping(
            tree, "measured hour", ("flow",), ("concentration", "data_share", "quality")
        )
        paths = self._read.figures(base, entry, keys)
        return MeasuredHour(
            paths["flue_gas_flow"], paths.get("ghg_concentration", ""), paths.get("data_share", "")
        )

    def _flow(self, tree: Tree) -> InternalFlow:
        entry = self._read.mapping(tree, "internal flow", ("from", "to", "amount"), ("quality",))
        producer, consumer = self._read.text(entry["from"]), self._read.text(entry["to"])
        figures = self._read.figures(f"flow/{producer}/{consumer}", entry, {"amount": "internal_amount"})
        return InternalFlow(producer, consumer, figures)

    def _utility(self, tree: Tree) -> Utility:
        optional = ("name", "reference", "quality", *UTILITY_FIGURES)
        entry = self._read.mapping(tree, "utility", ("id", "kind"), optional)
        utility_id = self._read.text(entry["id"])
        return Utility(
            id=utility_id,
            label=self._optional(entry, "name") or utility_id,
            kind=self._read.choice(entry, "kind", (BOILER, COGENERATION), ""),
            records=self._read.figures(f"utility/{utility_id}", entry, UTILITY_FIGURES),
            reference=self._optional(entry, "reference"),
        )

    def _totals(self, tree: Tree) -> dict[str, str]:
        entry = self._read.mapping(tree, "totals", (), ("quality", *TOTAL_FIGURES))
        return self._read.figures("installation/total", entry, TOTAL_FIGURES)

    def _optional(self, entry: dict[str, Tree], key: str) -> str:
        return self._read.text(entry[key]) if key in entry else ""

    def _precursor(self, tree: Tree) -> Precursor:
        required = ("id", "country", "process", "basis", "amount")
        optional = ("cn", "category", "evidence", "name", "period", "quality", *PRECURSOR_FIGURES)
        entry = self._read.mapping(tree, "precursor", required, optional)
        if "cn" not in entry and "category" not in entry:
            raise self._read.bad(tree, "a precursor without cn", "its CN code, or else its category")
        precursor_id = self._read.text(entry["id"])
        base = f"precursor/{precursor_id}"
        for key in ("name", "cn", "category", "country", "basis", "evidence"):
            if key in entry:
                self._read.fact(f"{base}/precursor_{key}", f"precursor_{key}", entry[key])
        return Precursor(
            id=precursor_id,
            label=self._optional(entry, "name") or precursor_id,
            cn=self._read.cn(entry["cn"]) if "cn" in entry else "",
            country=self._read.text(entry["country"]),
            process=self._read.text(entry["process"]),
            basis=self._read.choice(entry, "basis", BASES, ""),
            records=self._read.figures(base, entry, PRECURSOR_FIGURES),
            category=self._optional(entry, "category"),
            evidence=self._optional(entry, "evidence"),
            period=self._period(entry["period"]) if "period" in entry else None,
        )

    def _period(self, tree: Tree) -> Period:
        entry = self._read.mapping(tree, "period", ("start", "end"), ())
        return Period(self._read.day(entry["start"]), self._read.day(entry["end"]))
