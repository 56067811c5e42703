"""Who and when: the installation, the reporting period and the names of the processes (A_InstData)."""

from dataclasses import dataclass

from carbonport.footprint.intake.record_keeper import RecordKeeper, plain_id
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_map import BALANCE, INSTALLATION, PROCESS_ROWS
from carbonport.footprint.intake.template_words import TemplateWords
from carbonport.footprint.ledger import Period
from carbonport.footprint.tables.rule_tables import RuleTables

FACTS = {
    "I21": "street",
    "I22": "economic_activity",
    "I23": "postcode",
    "I25": "city",
    "I27": "unlocode",
    "I28": "latitude",
    "I29": "longitude",
    "I30": "contact_name",
    "I31": "contact_email",
    "I32": "contact_telephone",
    "I37": "verifier",
    "I53": "verifier_accreditation",
}
"""Cells of the installation that become facts as they are."""


@dataclass(frozen=True, slots=True)
class NamedProcess:
    """A production process as A_InstData lists it; `number` is its block in D_Processes, from 0."""

    id: str
    number: int
    name: str
    category: str


def read_installation(cells: TemplateCells, keeper: RecordKeeper) -> tuple[str, str]:
    """Name of the installation, and its country as ISO 3166 alpha-2; facts are kept on the way."""
    name_cell = "I19" if cells.blank(INSTALLATION, "I20") else "I20"
    name = cells.text(INSTALLATION, name_cell)
    if not name:
        cells.missing(INSTALLATION, "I20", "the name of the installation")
    keeper.fact("installation/installation_name", "installation_name", name, INSTALLATION, name_cell)
    country_cell, country = _country(cells)
    keeper.fact("installation/country", "country", country, INSTALLATION, country_cell)
    for cell, field in FACTS.items():
        keeper.fact(f"installation/{field}", field, cells.text(INSTALLATION, cell), INSTALLATION, cell)
    quality = cells.derived_text(BALANCE, "H40")
    keeper.fact("installation/data_quality", "data_quality", quality, BALANCE, "H40")
    return name, country


def _country(cells: TemplateCells) -> tuple[str, str]:
    """The code that the template derives from the country's name (S26); without it, our own table's."""
    name = cells.text(INSTALLATION, "I26")
    derived = cells.derived_text(INSTALLATION, "S26")
    if not name:
        cells.missing(INSTALLATION, "I26", "the country of the installation")
        return "I26", ""
    if derived:
        if not (len(derived) == 2 and derived.isascii() and derived.isalpha() and derived.isupper()):
            cells.unknown(INSTALLATION, "S26", derived, "the two-letter code of the country in I26")
        return "S26", derived
    country = RuleTables.load().country(name)
    if country is None:
        cells.unknown(INSTALLATION, "I26", name, "a country of the template's list, or its two-letter code")
        return "I26", ""
    return "I26", country.code


def read_period(cells: TemplateCells, keeper: RecordKeeper) -> Period | None:
    """The reporting period; None (and a fault) when it is none."""
    start, end = cells.day(INSTALLATION, "I9"), cells.day(INSTALLATION, "L9")
    if start is None or end is None:
        return None
    if end < start:
        cells.inconsistent(
            INSTALLATION, "L9", f"a period that ends on {end}", f"a day after its start, {start}"
        )
        return None
    keeper.fact("period/start", "period_start", start.isoformat(), INSTALLATION, "I9")
    keeper.fact("period/end", "period_end", end.isoformat(), INSTALLATION, "L9")
    return Period(start, end)


def read_process_names(cells: TemplateCells, words: TemplateWords) -> tuple[NamedProcess, ...]:
    """The production processes; at least one must be named."""
    taken: set[str] = set()
    processes: list[NamedProcess] = []
    for number, row in enumerate(PROCESS_ROWS):
        category, name = cells.text(INSTALLATION, f"E{row}"), cells.text(INSTALLATION, f"L{row}")
        if name and not category:
            cells.missing(INSTALLATION, f"E{row}", f"the goods category of the process {name!r}")
        if category or name:
            # The template itself names a process without a name so (A_InstData T83).
            label = name or f"P{number + 1} - {category}"
            if any(label == process.name for process in processes):
                cells.inconsistent(INSTALLATION, f"L{row}", f"the name {label!r} again", "a name per process")
            process_id = plain_id(label, f"p{number + 1}", taken)
            meant = words.category(category) or category
            processes.append(NamedProcess(process_id, number, label, meant))
    if not processes:
        cells.missing(INSTALLATION, f"E{PROCESS_ROWS.start}", "at least one production process")
    return tuple(processes)
