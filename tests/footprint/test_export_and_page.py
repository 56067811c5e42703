"""What leaves the calculation for people: the HTML page, CSV, JSON and a workbook."""

import csv
import io
import re
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import openpyxl
from small_ledgers import ledger_text, read

from carbonport.footprint.calculation import calculate
from carbonport.footprint.explain_page import explanation_page
from carbonport.footprint.export import COLUMNS, export_csv, export_json, export_workbook

FLOWS = """
internal_flows: [{from: p2, to: p1, amount: 10 t}]
"""
TEXT = ledger_text().replace(
    "processes: [", "processes: [{id: p2, name: <b>Two</b> & more, activity_level: 30 t, electricity: 7 MWh,"
    " category: Crude steel, direct_emissions: 10 tCO2e}, "
) + FLOWS  # fmt: skip
CALCULATION = calculate(read(TEXT))


class Page(HTMLParser):
    """Collects anchors, links and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")


def test_the_page_holds_everything_and_needs_nothing() -> None:
    text = "".join(explanation_page(CALCULATION))
    page = Page()
    page.feed(text)
    assert len(set(page.ids)) == len(page.ids)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert "http://" not in text
    assert "https://" not in text
    assert "&lt;b&gt;Two&lt;/b&gt; &amp; more" in text
    assert "<b>" not in text
    for good in CALCULATION.goods:
        for node in good.graph:
            assert node.equation in text or not node.equation
    assert "test.yaml, line" in text
    assert "product carbon footprint" in text


def test_every_table_is_in_every_form(tmp_path: Path) -> None:
    data = cast(dict[str, Any], export_json(CALCULATION))
    export_workbook(CALCULATION, tmp_path / "values.xlsx")
    book = openpyxl.load_workbook(tmp_path / "values.xlsx")
    for table, columns in COLUMNS.items():
        lines = list(csv.DictReader(io.StringIO(export_csv(CALCULATION, table))))
        assert [tuple(line) for line in lines[:1]] == [tuple(columns)]
        assert len(lines) == len(data[table]) > 0
        assert book[table.capitalize()].max_row == len(lines) + 1


def test_numbers_are_exact_where_the_form_can_hold_them() -> None:
    (line,) = [
        line
        for line in csv.DictReader(io.StringIO(export_csv(CALCULATION)))
        if line["result"] == "attributed_direct"
    ]
    assert Fraction(line["value"]) == CALCULATION.goods[0].source["attributed_direct"]
    records = csv.DictReader(io.StringIO(export_csv(CALCULATION, "records")))
    for line in records:
        assert Decimal(line["value"]) == CALCULATION.ledger.records[line["path"]].value


def test_no_text_becomes_a_formula(tmp_path: Path) -> None:
    calculation = calculate(
        read(TEXT.replace("<b>Two</b> & more", '"=1+1"').replace("Process one", "'=2+2'"))
    )
    assert not re.search(r"(^|,)=", export_csv(calculation), re.MULTILINE)
    export_workbook(calculation, tmp_path / "values.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "values.xlsx")["Goods"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr", "n"}
    assert sheet["A2"].value == "=2+2"
