"""Products of the template (Summary_Products rows 10-109): which CN codes leave, and from which process."""

from collections.abc import Mapping

from carbonport.footprint.intake.record_keeper import RecordKeeper
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_map import PRODUCT_ROWS, PRODUCTS
from carbonport.footprint.ledger import Good

CONTENTS = (("clinker_content", "AB"), ("nitrogen_content", "AG"))
"""What a functional unit counts, and its column; fractions of 1."""

SHARES = (
    ("alloy_content", "mn", "R"),
    ("alloy_content", "cr", "S"),
    ("alloy_content", "ni", "T"),
    ("alloy_content", "other-alloys", "U"),
    ("alloy_content", "carbon", "V"),
    ("scrap_share", "steel", "W"),
    ("alloy_content", "other-materials", "X"),
    ("scrap_share", "pre-consumer", "Y"),
    ("scrap_share", "aluminium", "Z"),
    ("alloy_content", "non-aluminium", "AA"),
    ("concentration", "solution", "AD"),
    ("concentration", "nitric-acid", "AE"),
    ("concentration", "urea", "AF"),
    ("concentration", "nitrogen-ammonium", "AH"),
    ("concentration", "nitrogen-nitrate", "AI"),
    ("concentration", "nitrogen-urea", "AJ"),
    ("concentration", "nitrogen-other", "AK"),
)
"""Sector parameters that the declaration asks for: field, last part of the path, column."""

TEXTS = (
    ("reducing_agent", "P"),
    ("steel_mill", "Q"),
    ("calcined", "AC"),
    ("carbon_price_instrument", "AL"),
    ("carbon_price_currency", "AP"),
    ("carbon_price_rebate", "AT"),
)

CARBON_PRICE_COLUMNS = ("AM", "AR", "AU", "AX")


def _parameters(cells: TemplateCells, keeper: RecordKeeper, row: int, base: str) -> dict[str, str]:
    """The records of the good's composition; other parameters are kept beside it."""
    records: dict[str, str] = {}
    for field, column in CONTENTS:
        path = _share(cells, keeper, base, field, f"{column}{row}")
        if path:
            records[field] = path
    for field, last, column in SHARES:
        _share(cells, keeper, f"{base}/{last}", field, f"{column}{row}")
    for field, column in TEXTS:
        text = cells.listed_value(PRODUCTS, f"{column}{row}")
        keeper.fact(f"{base}/{field}", field, text, PRODUCTS, f"{column}{row}")
    cells.leave(
        PRODUCTS,
        [f"{column}{row}" for column in CARBON_PRICE_COLUMNS],
        "the carbon price due is the obligation's matter; state it there with its evidence",
    )
    return records


def _share(cells: TemplateCells, keeper: RecordKeeper, base: str, field: str, cell: str) -> str:
    """A fraction as a record; one that is none is named, not taken: no result depends on it."""
    if not cells.filled(PRODUCTS, [cell]):
        return ""
    number = cells.amount(PRODUCTS, cell)
    if number is None or number > 1:
        cells.leave(PRODUCTS, [cell], "no fraction between 0 and 1")
        return ""
    return keeper.record(base, field, number, "1", PRODUCTS, cell)


def read_goods(
    cells: TemplateCells, keeper: RecordKeeper, process_ids: Mapping[str, str]
) -> tuple[Good, ...]:
    """One good per process and CN code; `process_ids` maps the names of A_InstData.

    Products that differ only in name are one good: they have one value. The others' names are noted.
    """
    goods: dict[tuple[str, str], Good] = {}
    for row in PRODUCT_ROWS:
        process_name, cn, label = (cells.text(PRODUCTS, f"{column}{row}") for column in "DFH")
        if not (process_name or cn or label):
            continue
        process = process_ids.get(process_name, "")
        if not process_name:
            cells.missing(PRODUCTS, f"D{row}", "the production process of the product")
        elif not process:
            cells.unknown(PRODUCTS, f"D{row}", process_name, "a production process that A_InstData lists")
        code = cn.replace(" ", "")
        if not cn:
            cells.missing(PRODUCTS, f"F{row}", "the CN code of the product")
        elif not (len(code) == 8 and code.isascii() and code.isdigit()):
            cells.unknown(PRODUCTS, f"F{row}", cn, "a CN code of 8 digits")
        elif process and (process, code) in goods:
            cells.notes.append(
                f"{PRODUCTS}!H{row}: the same process and CN code as {goods[process, code].label!r}."
            )
        elif process:
            base = f"good/{process}/{code}"
            goods[process, code] = Good(process, code, label, _parameters(cells, keeper, row, base))
            keeper.fact(f"{base}/cn", "cn", code, PRODUCTS, f"F{row}")
            keeper.fact(f"{base}/product_name", "product_name", label, PRODUCTS, f"H{row}")
    if not goods:
        cells.missing(PRODUCTS, f"F{PRODUCT_ROWS.start}", "at least one product with its CN code")
    return tuple(goods.values())
