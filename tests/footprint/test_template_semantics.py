"""The template's own arithmetic, written a second time, against the engine, over workbooks filled at random.

The template solves all processes and purchased precursors of a workbook at once (its hidden sheet inverts a
matrix of shares); the engine follows each chain. Both must give the same for every product. Only the
template's formulas are followed here, none of the engine's code.
"""

import random
from fractions import Fraction
from pathlib import Path

import pytest
from filled_template import fill

from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.intake import read_with_notes

CATALOGUE = Catalogue.load()
PROCESSES, PRECURSORS, WORKBOOKS = 10, 20, 8

KINDS = (
    ("Cement", "25232900"),
    ("Cement clinker", "25231000"),
    ("Calcined clays", "25070080"),
    ("Aluminous cement", "25233000"),
    ("Iron or steel products", "72081000"),
    ("Crude steel", "72061000"),
    ("Direct reduced iron", "72031000"),
    ("Pig iron", "72011011"),
    ("Alloys (FeMn, FeCr, FeNi)", "72024910"),
    ("Sintered Ore", "26011200"),
    ("Hydrogen", "28041000"),
    ("Ammonia", "28141000"),
    ("Nitric acid", "28080000"),
    ("Urea", "31021090"),
    ("Mixed fertilisers", "31052010"),
    ("Aluminium products", "76041010"),
    ("Unwrought aluminium", "76011010"),
)

Cells = dict[tuple[str, str], object]


class Filled:
    """A workbook filled at random, and the template's matrix of it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.processes = 1 if seed == 0 else PROCESSES if seed == 1 else self._random.randint(2, PROCESSES)
        self.precursors = 0 if seed == 0 else PRECURSORS if seed == 1 else self._random.randint(0, PRECURSORS)
        self.emissions, self.biomass = Fraction(0), Fraction(0)
        self.cells: Cells = {
            ("B_EmInst", f"{column}{row}"): None for row in range(17, 22) for column in "DEFGHJKLNPR"
        }
        size = self.processes + self.precursors
        self.shares = [[Fraction(0)] * size for _ in range(self.processes)]
        self.direct, self.indirect = [Fraction(0)] * size, [Fraction(0)] * size
        self.defaults: set[int] = set()
        self.levels: list[Fraction] = []
        self.products: list[tuple[str, str]] = []
        for row in range(17, 17 + self._random.randint(1, 75)):
            self._stream(row)
        for row in range(98, 98 + self._random.randint(0, 10)):
            self._perfluorocarbon(row)
        for row in range(113, 113 + self._random.randint(0, 10)):
            self._stack(row)
        for number in range(self.processes):
            self._process(number)
        for number in range(self.precursors):
            self._precursor(number)
        for row in (10, 11):
            if row - 10 >= len(self.products):
                self.cells |= {("Summary_Products", f"{column}{row}"): None for column in "DFH"}

    def solved(self, own: list[Fraction]) -> list[Fraction]:
        """(I - shares)^-1 × own, by elimination over the processes."""
        n = self.processes
        rows = []
        for i in range(n):
            bought = sum((self.shares[i][j] * own[j] for j in range(n, n + self.precursors)), own[i])
            rows.append([Fraction(i == j) - self.shares[i][j] for j in range(n)] + [bought])
        for i in range(n):
            rows[i] = [value / rows[i][i] for value in rows[i]]
            for k in range(n):
                if k != i:
                    rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
        return [row[n] for row in rows]

    def _number(self, sheet: str, cell: str, high: float) -> Fraction:
        value = round(self._random.uniform(high / 100, high), self._random.randint(3, 6))
        self.cells[sheet, cell] = value
        return Fraction(repr(value))

    def _emitted(self, total: Fraction, row: int) -> None:
        """Adds what a row emits, less its share of biomass in column R (percent)."""
        share = Fraction(0)
        if self._random.random() < 0.4:
            share = self._number("B_EmInst", f"R{row}", 100) / 100
        self.emissions += total * (1 - share)
        self.biomass += total * share

    def _stream(self, row: int) -> None:
        """Columns BD, BE, BF of the template: combustion, process emissions, mass balance."""
        method = self._random.choice(["Combustion", "Process emissions", "Mass balance"])
        unit = self._random.choice(["t", "1000Nm3"])
        for column, text in (("D", method), ("E", f"Stream in row {row}"), ("G", unit)):
            self.cells["B_EmInst", f"{column}{row}"] = text
        amount = self._number("B_EmInst", f"F{row}", 100_000)
        if method == "Mass balance":
            if self._random.random() < 0.3:
                self.cells["B_EmInst", f"F{row}"] = -float(amount)
                amount = -amount
            self._emitted(amount * self._number("B_EmInst", f"L{row}", 1) * Fraction("3.664"), row)
            return
        by_energy = self._random.random() < 0.6
        factor = self._number("B_EmInst", f"J{row}", 110 if by_energy else 4)
        if by_energy:
            self.cells["B_EmInst", f"K{row}"] = "tCO2/TJ"
            factor *= self._number("B_EmInst", f"H{row}", 50) / 1000
        else:
            self.cells["B_EmInst", f"K{row}"] = f"tCO2/{unit}"
        if self._random.random() < 0.5:
            column = "N" if method == "Combustion" else "P"
            factor *= self._number("B_EmInst", f"{column}{row}", 100) / 100
        self._emitted(amount * factor, row)

    def _perfluorocarbon(self, row: int) -> None:
        """Columns AN to AU: slope or overvoltage, C2F6 by its ratio, over the collection efficiency."""
        metal = self._number("B_EmInst", f"F{row}", 500_000)
        slope = self._random.random() < 0.5
        self.cells["B_EmInst", f"D{row}"] = "Slope method" if slope else "Overvoltage method"
        highs = {"AG": 3, "AH": 3, "AI": 0.2} if slope else {"AJ": 40, "AK": 98, "AL": 2}
        a, b, c = (self._number("B_EmInst", f"{column}{row}", high) for column, high in highs.items())
        cf4 = metal * (a * b * c if slope else a / b * c) / 1000
        ratio = self._number("B_EmInst", f"AM{row}", 0.2)
        total = cf4 * 6630 + cf4 * ratio * 11100
        if self._random.random() < 0.5:
            total /= self._number("B_EmInst", f"AT{row}", 1)
        self.emissions += total

    def _stack(self, row: int) -> None:
        """Columns V, X, Z to AU: continuous measurement, with the gas's warming potential."""
        gas = self._random.choice(["CO2", "N2O"])
        self.cells |= {("B_EmInst", f"D{row}"): f"Stack {row}", ("B_EmInst", f"E{row}"): gas}
        total = Fraction(265 if gas == "N2O" else 1, 1000)
        for column, high in (("V", 500), ("X", 8760), ("Z", 300)):
            total *= self._number("B_EmInst", f"{column}{row}", high)
        self._emitted(total, row)

    def _process(self, number: int) -> None:
        start, chance, cells = 11 + 65 * number, self._random.random, self.cells
        category, cn = KINDS[self._random.randrange(len(KINDS))]
        name = f"Process {number + 1} of {category}"
        cells |= {("A_InstData", f"E{83 + number}"): category, ("A_InstData", f"L{83 + number}"): name}
        level = self._number("D_Processes", f"L{start + 5}", 500_000)
        cells["D_Processes", f"K{start + 5}"] = "t"
        if chance() < 0.3:
            level += self._number("D_Processes", f"L{start + 6}", 500_000)
        cells["D_Processes", f"L{start + 13}"] = float(level)
        direct = self._number("D_Processes", f"L{start + 43}", 1_000_000) + 10_000_000
        cells["D_Processes", f"L{start + 43}"] = float(direct)
        for column, sign in (("L", 1), ("M", -1)):
            cells["D_Processes", f"{column}{start + 46}"] = 0
            cells["D_Processes", f"{column}{start + 50}"] = 0
            if chance() < 0.5:
                heat = self._number("D_Processes", f"{column}{start + 46}", 5_000)
                direct += sign * heat * self._number("D_Processes", f"{column}{start + 47}", 90)
            if chance() < 0.5:
                gas = self._number("D_Processes", f"{column}{start + 50}", 20_000)
                direct += sign * gas * Fraction("56.1") * (Fraction("0.667") if sign < 0 else 1)
        power = self._number("D_Processes", f"L{start + 54}", 300_000)
        indirect = power * self._number("D_Processes", f"L{start + 55}", 1)
        cells["D_Processes", f"L{start + 56}"] = "Mix"
        cells["D_Processes", f"L{start + 60}"] = 0
        if chance() < 0.4:
            sold = self._number("D_Processes", f"L{start + 60}", 100_000)
            direct -= sold * self._number("D_Processes", f"L{start + 61}", 1)
        level = Fraction(repr(cells["D_Processes", f"L{start + 13}"]))
        self.direct[number], self.indirect[number] = direct / level, indirect / level
        self.levels.append(level)
        # An earlier process passes on to a later one, so that no circle arises.
        for earlier in range(number):
            if chance() < 0.35:
                row = 11 + 65 * earlier + 21 + number - 1
                self.shares[number][earlier] = self._number("D_Processes", f"L{row}", 100_000) / level
        row = 10 + len(self.products)
        cells |= {
            ("Summary_Products", f"D{row}"): name,
            ("Summary_Products", f"F{row}"): cn,
            ("Summary_Products", f"H{row}"): f"good {number}",
        }
        self.products.append((name, cn))

    def _precursor(self, number: int) -> None:
        start, cells = 14 + 44 * number, self.cells
        column = self.processes + number
        category = KINDS[self._random.randrange(len(KINDS))][0]
        basis = self._random.choice(["Measured", "Default", "Unknown"])
        cells |= {
            ("A_InstData", f"E{102 + number}"): category,
            ("A_InstData", f"F{102 + number}"): self._random.choice(["IN", "TR", "CN", "DE"]),
            ("A_InstData", f"L{102 + number}"): f"Bought {number}",
            ("E_PurchPrec", f"M{start + 35}"): basis,
        }
        if basis == "Default":
            self.defaults.add(column)
        self.direct[column] = self._number("E_PurchPrec", f"L{start + 35}", 10)
        power = self._number("E_PurchPrec", f"L{start + 36}", 10)
        self.indirect[column] = power * self._number("E_PurchPrec", f"L{start + 37}", 1)
        consumers = self._random.sample(
            range(self.processes), self._random.randint(1, min(3, self.processes))
        )
        for consumer in consumers:
            amount = self._number("E_PurchPrec", f"L{start + 14 + consumer}", 50_000)
            self.shares[consumer][column] = amount / self.levels[consumer]


@pytest.mark.parametrize("seed", range(WORKBOOKS))
def test_every_product_of_a_random_workbook_is_what_the_templates_formulas_give(
    tmp_path: Path, seed: int
) -> None:
    filled = Filled(seed)
    reading = read_with_notes(fill(tmp_path / "plant.xlsx", filled.cells), CATALOGUE)
    calculation = calculate(reading.ledger, Scope.TRANSITIONAL)
    direct, indirect = filled.solved(filled.direct), filled.solved(filled.indirect)
    defaults = filled.solved(
        [value if number in filled.defaults else Fraction(0) for number, value in enumerate(filled.direct)]
    )
    assert len(calculation.goods) == filled.processes
    totals = calculation.installation.source
    assert abs(totals["direct_emissions"] / filled.emissions - 1) < Fraction(1, 10**12)
    assert abs(totals["biomass_emissions"] - filled.biomass) < Fraction(1, 10**6)
    for number, process in enumerate(reading.ledger.processes):
        name, cn = filled.products[number]
        assert process.label == name
        found = calculation.good(process.id, cn).source
        assert abs(found["see_direct"] / direct[number] - 1) < Fraction(1, 10**12)
        assert abs(found["see_indirect"] / indirect[number] - 1) < Fraction(1, 10**12)
        assert abs(found["see_total"] / (direct[number] + indirect[number]) - 1) < Fraction(1, 10**12)
        assert abs(found["default_share"] - defaults[number] / direct[number]) < Fraction(1, 10**12)
