"""Small ledgers for tests, written in Carbonport's own YAML and read through its public door."""

from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake.yaml_ledger import parse_yaml_ledger
from carbonport.footprint.ledger import Ledger

HEAD = """carbonport: ledger/v1
installation: {{name: Test Works, country: {country}}}
period: {{start: {year}-01-01, end: {year}-12-31}}
"""

COKE = "{id: coke, method: mass-balance, process: p1, activity_data: 1000 t, carbon_content: 0.88 tC/t}"
"""1000 t × 0.88 × 3.664 = 3224.32 t CO2."""


def ledger_text(
    *,
    process: str = "activity_level: 2000 t, electricity: 500 MWh",
    streams: tuple[str, ...] = (COKE,),
    precursors: tuple[str, ...] = (),
    cn: str = "72083900",
    country: str = "CN",
    year: int = 2026,
) -> str:
    """One process `p1` with one good; `process` holds its figures, the lists hold YAML flow mappings."""
    lines = [HEAD.format(country=country, year=year)]
    lines.append(f"processes: [{{id: p1, name: Process one, {process}}}]\n")
    lines.append(f'goods: [{{cn: "{cn}", process: p1}}]\n')
    lines.append("streams:\n" + "".join(f"  - {stream}\n" for stream in streams) if streams else "")
    lines.append("precursors:\n" + "".join(f"  - {item}\n" for item in precursors) if precursors else "")
    return "".join(lines)


def read(text: str) -> Ledger:
    """The ledger that the YAML `text` writes, with the packaged catalogue."""
    return parse_yaml_ledger(text.encode(), "test.yaml", Catalogue.load())
