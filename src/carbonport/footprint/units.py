"""Units of plant data and their exact conversion.

Every unit has a *kind* (what it measures) and a factor to the kind's own unit; all factors are finite
decimals, so that converting a figure never rounds. A conversion between kinds is refused: 1000Nm3 of gas has
no tonnes without a density. Heat in MWh counts as energy (1 MWh = 0.0036 TJ); electricity is a kind of its
own, since emission factors of electricity are per MWh. Source of the unit names: the Commission's
communication template V2.1 and Annex II of Implementing Regulation (EU) 2025/2547.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from carbonport.errors import Malformed
from carbonport.footprint.exact_decimal import exact_context


@dataclass(frozen=True, slots=True)
class Unit:
    """`name` as it is written, the `kind` of quantity, and how many of the kind's own unit one of it is."""

    name: str
    kind: str
    factor: Decimal


_TABLE: tuple[tuple[str, str, str], ...] = (
    ("t", "mass", "1"),
    ("kg", "mass", "0.001"),
    ("kt", "mass", "1000"),
    ("Gg", "mass", "1000"),
    ("Mt", "mass", "1000000"),
    ("1000Nm3", "volume", "1"),
    ("Nm3", "volume", "0.001"),
    ("TJ", "energy", "1"),
    ("GJ", "energy", "0.001"),
    ("MJ", "energy", "0.000001"),
    ("MWh", "electricity", "1"),
    ("kWh", "electricity", "0.001"),
    ("GWh", "electricity", "1000"),
    ("TJ/t", "energy per mass", "1"),
    ("GJ/t", "energy per mass", "0.001"),
    ("MJ/kg", "energy per mass", "0.001"),
    ("TJ/Gg", "energy per mass", "0.001"),
    ("TJ/1000Nm3", "energy per volume", "1"),
    ("GJ/1000Nm3", "energy per volume", "0.001"),
    ("MJ/Nm3", "energy per volume", "0.001"),
    ("tCO2/TJ", "emissions per energy", "1"),
    ("kgCO2/GJ", "emissions per energy", "1"),
    ("gCO2/MJ", "emissions per energy", "1"),
    ("tCO2/GJ", "emissions per energy", "1000"),
    ("tCO2/t", "emissions per mass", "1"),
    ("kgCO2/t", "emissions per mass", "0.001"),
    ("kgCO2/kg", "emissions per mass", "1"),
    ("tCO2/1000Nm3", "emissions per volume", "1"),
    ("kgCO2/Nm3", "emissions per volume", "1"),
    ("tC/t", "carbon per mass", "1"),
    ("tC/1000Nm3", "carbon per volume", "1"),
    ("tCO2/MWh", "emissions per electricity", "1"),
    ("kgCO2/kWh", "emissions per electricity", "1"),
    ("kgCO2/MWh", "emissions per electricity", "0.001"),
    ("gCO2/kWh", "emissions per electricity", "0.001"),
    ("MWh/t", "electricity per mass", "1"),
    ("kWh/t", "electricity per mass", "0.001"),
    ("tCO2", "emissions", "1"),
    ("kgCO2", "emissions", "0.001"),
    ("h", "time", "1"),
    ("g/Nm3", "concentration", "1"),
    ("mg/Nm3", "concentration", "0.001"),
    ("kg/1000Nm3", "concentration", "1"),
    ("1000Nm3/h", "flow", "1"),
    ("Nm3/h", "flow", "0.001"),
    ("kJ/kg", "enthalpy", "1"),
    ("MJ/t", "enthalpy", "1"),
    ("1/cell-day", "anode effects", "1"),
    ("min", "minutes of an anode effect", "1"),
    ("mV", "voltage", "1"),
    ("V", "voltage", "1000"),
    ("kgCF4/t/(min/cell-day)", "slope of anode effects", "1"),
    ("kgCF4/t/mV", "coefficient of overvoltage", "1"),
    ("1", "ratio", "1"),
    ("%", "ratio", "0.01"),
)

UNITS: Mapping[str, Unit] = MappingProxyType(
    {name: Unit(name, kind, Decimal(factor)) for name, kind, factor in _TABLE}
)
"""Every unit that can be read, by its name. `CO2e` is read as `CO2`: the template uses both for one thing."""

_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "": "1",
        "-": "1",
        "tonne": "t",
        "tonnes": "t",
        "kNm3": "1000Nm3",
        "1000 Nm3": "1000Nm3",
        "1000m3": "1000Nm3",
        "1000Nm³": "1000Nm3",
        "1000 Nm³": "1000Nm3",
        "Nm³": "Nm3",
        "percent": "%",
        "t/t": "1",
        "kg/kg": "1",
    }
)

_CROSS_KIND: Mapping[tuple[str, str], Decimal] = MappingProxyType(
    {("electricity", "energy"): Decimal("0.0036")}
)
"""Conversions that are physics, not convention: 1 MWh is 0.0036 TJ. (The way back does not end as a decimal.)
"""


def unit_named(name: str, *, where: str = "") -> Unit:
    """The unit written `name`; unknown units raise `Malformed`."""
    spelled = name.strip().replace("₂", "2").replace("CO2e", "CO2")
    spelled = _SPELLINGS.get(spelled, spelled)
    unit = UNITS.get(spelled)
    if unit is None:
        raise Malformed(
            "unit-unknown",
            found=f"unit {name[:40]!r}",
            expected="one of " + ", ".join(unit for unit in UNITS),
            remedy="State the figure in one of these units.",
            where=where,
        )
    return unit


def base_unit(kind: str) -> Unit:
    """The kind's own unit, in which its factors are 1: the one that rules and tables compare with."""
    return next(unit for unit in UNITS.values() if unit.kind == kind and unit.factor == 1)


def convertible(source: Unit, target: Unit) -> bool:
    """Whether `convert` knows a way from `source` to `target`."""
    return source.kind == target.kind or (source.kind, target.kind) in _CROSS_KIND


def convert(value: Decimal, source: Unit, target: Unit, *, where: str = "") -> Decimal:
    """`value` from one unit to another, exactly; units of different kinds raise `Malformed`."""
    if not convertible(source, target):
        raise Malformed(
            "unit-does-not-fit",
            found=f"a figure in {source.name} ({source.kind})",
            expected=f"a unit of {target.kind}, such as {target.name}",
            remedy="State the figure in a unit that fits the field.",
            where=where,
        )
    context = exact_context()
    cross = _CROSS_KIND.get((source.kind, target.kind), Decimal(1))
    in_kind = context.multiply(context.multiply(value, source.factor), cross)
    return context.divide(in_kind, target.factor)
