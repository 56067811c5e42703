"""The verifier's recalculation: the operator's own results beside the bench's, each difference with its cells.

Per good the difference of specific embedded emissions in scope, and of specific embedded free allocation, is
held against 5 % of the bench's own figure (Implementing Regulation (EU) 2025/2546): at or above it, the
misstatement is material. A national profile adds a rule of the country where the plant stands: in China's
monitoring practice (Beijing) a re-check that differs by more than 1,000 t, or by more than 10 % of the
unit's emissions, sends the report back. Which profile applies is the verifier's choice; it stands in the
statement.

Differences tell the verifier values, since it has both documents; the statement tells the largest percentage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from carbonport.attestation.statement import Materiality
from carbonport.errors import Malformed, Misuse
from carbonport.footprint.calculation import Calculation, GoodResult
from carbonport.footprint.cbam.installation import INSTALLATION_DECIMALS
from carbonport.footprint.cbam.specific_emissions import SEE_DECIMALS
from carbonport.footprint.evaluate import declared_values, evaluate_outputs
from carbonport.footprint.exact_decimal import round_half_up
from carbonport.footprint.graph import Graph
from carbonport.footprint.intake.operator_report import INSTALLATION_RESULT, RESULTS, ReportedFigure

PERCENT_DECIMALS = 6
"""Of a difference in percent, rounded half up."""

MAX_NAMED_CELLS = 40
"""Cells that one difference names; the explanation of the calculation has them all."""

DOCUMENTS = "the documents' own values"
"""The place of a result where the operator reported none: from the documents, not rounded to declared decimals."""


@dataclass(frozen=True, slots=True)
class MaterialityProfile:
    """Thresholds. `unit_tonnes` and `unit_percent` are a national rule's on the unit's direct emissions:
    above either, the report goes back (None: no such rule)."""

    name: str
    source: str
    percent: Decimal
    unit_tonnes: Decimal | None = None
    unit_percent: Decimal | None = None


PROFILES: Mapping[str, MaterialityProfile] = {
    profile.name: profile
    for profile in (
        MaterialityProfile(
            "eu", "Implementing Regulation (EU) 2025/2546: 5 % of SEE and of SEFA", Decimal(5)
        ),
        MaterialityProfile(
            "cn-beijing",
            "as eu; and Beijing's re-check: more than 1,000 t, or more than 10 % of the unit's emissions",
            Decimal(5),
            unit_tonnes=Decimal(1000),
            unit_percent=Decimal(10),
        ),
    )
}
"""The profiles that ship; another country's is one more entry."""

DEFAULT_PROFILE = "eu"


@dataclass(frozen=True, slots=True)
class Difference:
    """A result that the operator states otherwise than the bench computes it.

    `percent` is of the bench's figure that the threshold is about (for emissions the SEE in scope). `place` is
    where the operator states it, `cells` where the figures stand that it comes from. `beyond` says that it is
    at or above a threshold.
    """

    where: str
    result: str
    place: str
    reported: str
    recomputed: str
    unit: str
    percent: str
    beyond: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recalculation:
    """Every difference, and what the statement says of them."""

    materiality: Materiality
    differences: tuple[Difference, ...]


def profile_named(name: str) -> MaterialityProfile:
    """The profile; `Misuse` for a name that is none."""
    if name not in PROFILES:
        raise Misuse(
            "materiality-profile",
            found=f"{name[:40]!r}",
            expected=", ".join(PROFILES),
            remedy="Choose one of these.",
        )
    return PROFILES[name]


@dataclass(frozen=True, slots=True)
class _Own:
    """The bench's own result, as stated (rounded), with the graph and the output that it comes from."""

    value: Fraction
    graph: Graph
    output: str


def recalculate(
    calculation: Calculation, report: Sequence[ReportedFigure] | None, profile: MaterialityProfile
) -> Recalculation:
    """Hold `report` against the declared results of `calculation`, or, without one, the documents' own values
    (then only the effect of declared decimals is seen).

    Figures are compared as they are stated: SEE and SEFA at 5 decimals, emissions in whole tonnes. Raises
    `Malformed` for a figure about a good or a result that the bench does not have, and for a national rule
    without the unit's emissions.
    """
    own = _own_results(calculation)
    figures = _from_documents(calculation) if report is None else tuple(report)
    compared = [(figure, *_found(figure, own, calculation)) for figure in figures]
    if profile.unit_tonnes is not None and not any(name == _UNIT for _, name, _ in compared):
        raise Malformed(
            "report-unit-emissions",
            found="a report without the direct emissions of the installation",
            expected=f"them, since the profile {profile.name} has a rule about them",
            remedy=f"Add a line with the result {INSTALLATION_RESULT}, or choose another profile.",
        )
    differences: list[Difference] = []
    changes: dict[tuple[str, str], dict[str, Fraction]] = {}
    sent_back = False
    for figure, name, mine in compared:
        stated = _as_stated(figure.value, figure.result)
        change = stated - mine.value
        if not change:
            continue
        if name == _UNIT:
            beyond = _beyond_national(change, mine.value, profile)
            base, sent_back = mine.value, sent_back or beyond
        else:
            of_good = changes.setdefault(name, {})
            of_good[figure.result] = max(change, of_good.get(figure.result, Fraction(0)), key=abs)
            base = _held_against(own[name], figure.result).value
            beyond = _share(change, base) * 100 >= Fraction(profile.percent) and (
                figure.result != "see_indirect" or calculation.good(*name).rules.indirect_in_scope
            )
        differences.append(_difference(figure, name, stated, mine, _share(change, base), calculation, beyond))
    largest = max(
        (_largest(changes[name], own[name], calculation.good(*name)) for name in changes), default=Fraction(0)
    )
    outcome = "none" if not differences else "not-material"
    if largest * 100 >= Fraction(profile.percent):
        outcome = "material"
    if sent_back:
        outcome = "sent-back"
    materiality = Materiality(
        threshold_percent=format(profile.percent, "f"),
        largest_percent=_percent(largest),
        outcome=outcome,
        profile=profile.name,
        basis="documents" if report is None else "operator-report",
    )
    return Recalculation(materiality, tuple(differences))


_UNIT = ("", "")
"""Stands for the installation where goods are named by process and CN."""


def _own_results(calculation: Calculation) -> Mapping[tuple[str, str], Mapping[str, _Own]]:
    installation = calculation.installation
    total = Fraction(round_half_up(installation.declared[INSTALLATION_RESULT], INSTALLATION_DECIMALS))
    own: dict[tuple[str, str], Mapping[str, _Own]] = {
        _UNIT: {INSTALLATION_RESULT: _Own(total, installation.graph, INSTALLATION_RESULT)}
    }
    declared = declared_values(calculation.ledger)
    for good in calculation.goods:
        results = {
            name: _Own(good.declared[f"{name}_rounded"], good.graph, name)
            for name in RESULTS
            if name in good.declared
        }
        allocation = good.allocation.graph if good.allocation is not None else None
        if allocation is not None:
            value = evaluate_outputs(allocation, declared)["sefa_rounded"]
            results["sefa"] = _Own(value, allocation, "sefa")
        own[good.process, good.cn] = results
    return own


def _from_documents(calculation: Calculation) -> tuple[ReportedFigure, ...]:
    found = [
        ReportedFigure(good.process, good.cn, name, round_half_up(results[name], SEE_DECIMALS), DOCUMENTS)
        for good in calculation.goods
        for results in (good.source, good.allocation.source if good.allocation is not None else {})
        for name in RESULTS
        if name in results
    ]
    total = calculation.installation.source[INSTALLATION_RESULT]
    stated = round_half_up(total, INSTALLATION_DECIMALS)
    return (*found, ReportedFigure("", "", INSTALLATION_RESULT, stated, DOCUMENTS))


def _found(
    figure: ReportedFigure, own: Mapping[tuple[str, str], Mapping[str, _Own]], calculation: Calculation
) -> tuple[tuple[str, str], _Own]:
    """The good that a figure is about, by id or name of the process, and the bench's own result."""
    names = {process.label: process.id for process in calculation.ledger.processes}
    name = (names.get(figure.process, figure.process), figure.cn)
    mine = own.get(name, {}).get(figure.result)
    if mine is None:
        about = f"{figure.process}, CN {figure.cn}" if figure.cn else "the installation"
        raise Malformed(
            "report-unknown-result",
            found=f"{figure.result} of {about}",
            expected="results of goods that the ledger has, and that its figures suffice for",
            remedy="Leave the line out, or have the exporter correct the ledger.",
            where=figure.place,
        )
    return name, mine


def _largest(changes: Mapping[str, Fraction], own: Mapping[str, _Own], good: GoodResult) -> Fraction:
    """The good's largest share: of SEE in scope, or of SEFA."""
    see = changes.get("see_total")
    if see is None:
        see = changes.get("see_direct", Fraction(0))
        if good.rules.indirect_in_scope:
            see += changes.get("see_indirect", Fraction(0))
    found = [_share(see, _held_against(own, "see_direct").value)] if see else []
    if "sefa" in changes:
        found.append(_share(changes["sefa"], own["sefa"].value))
    return max(found, default=Fraction(0))


def _held_against(own: Mapping[str, _Own], result: str) -> _Own:
    """The bench's figure whose share a change of `result` is: SEE in scope (where it is known) or SEFA."""
    return own["sefa"] if result == "sefa" else own.get("see_total", own[result])


def _beyond_national(change: Fraction, total: Fraction, profile: MaterialityProfile) -> bool:
    if profile.unit_tonnes is None or profile.unit_percent is None:
        return False
    return abs(change) > Fraction(profile.unit_tonnes) or _share(change, total) * 100 > Fraction(
        profile.unit_percent
    )


def _difference(
    figure: ReportedFigure,
    name: tuple[str, str],
    stated: Fraction,
    mine: _Own,
    share: Fraction,
    calculation: Calculation,
    beyond: bool,
) -> Difference:
    records = calculation.ledger.records
    cells = [records[node.path].source.place for node in mine.graph.ancestors(mine.output).inputs()]
    more = [f"and {len(cells) - MAX_NAMED_CELLS} more"] if len(cells) > MAX_NAMED_CELLS else []
    return Difference(
        where="installation" if name == _UNIT else "/".join(name),
        result=figure.result,
        place=figure.place,
        reported=_text(stated, figure.result),
        recomputed=_text(mine.value, figure.result),
        unit=mine.graph[mine.graph.outputs[mine.output]].unit,
        percent=_percent(share),
        beyond=beyond,
        cells=(*cells[:MAX_NAMED_CELLS], *more),
    )


def _decimals(result: str) -> int:
    return INSTALLATION_DECIMALS if result == INSTALLATION_RESULT else SEE_DECIMALS


def _as_stated(value: Decimal, result: str) -> Fraction:
    return Fraction(round_half_up(Fraction(value), _decimals(result)))


def _text(value: Fraction, result: str) -> str:
    return format(round_half_up(value, _decimals(result)), "f")


def _share(change: Fraction, of: Fraction) -> Fraction:
    """The change as a share of the bench's own figure; all of it when that is 0."""
    return abs(change) / abs(of) if of else Fraction(1)


def _percent(share: Fraction) -> str:
    return format(round_half_up(share * 100, PERCENT_DECIMALS), "f")
