"""Products of the template (Summary_Products rows 10-109): which CN codes leave, and from which process."""

from collections.abc import Mapping

from carbonport.footprint.intake.record_keeper import RecordKeeper
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_map import PRODUCT_ROWS, PRODUCTS
from carbonport.footprint.ledger import Good


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
            goods[process, code] = Good(process, code, label)
            base = f"good/{process}/{code}"
            keeper.fact(f"{base}/cn", "cn", code, PRODUCTS, f"F{row}")
            keeper.fact(f"{base}/product_name", "product_name", label, PRODUCTS, f"H{row}")
    if not goods:
        cells.missing(PRODUCTS, f"F{PRODUCT_ROWS.start}", "at least one product with its CN code")
    return tuple(goods.values())
