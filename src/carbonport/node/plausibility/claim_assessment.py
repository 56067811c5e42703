"""What a model says of the claim in an attestation: scores, intervals, and the reasons that moved them.

The claim is the attested specific emissions, direct or direct and indirect together, as the route counts them. An
attestation shows no amounts, so an importer has the independent score alone; whoever has the ledger (an exporter, its
verifier) has the recalculation too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.federated.features import Rows
from carbonport.federated.plausibility import ASK_ABOVE, Expectation, expectations, plausibility_scores
from carbonport.federated.plausibility_model import PlausibilityModel
from carbonport.federated.plausibility_tasks import (
    COUNTS_ELECTRICITY,
    RECALCULATED,
    ROUTE,
    ROUTES,
    SEE_INDIRECT,
    route_named,
)
from carbonport.footprint.calculation import calculate
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.standard_recalculation import with_standard_factors
from carbonport.footprint.tables.rule_tables import RuleTables


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim in tCO2e/t; `indirect` and `recalculated` are None where they are not known."""

    route: str
    claimed: float
    indirect: float | None
    recalculated: float | None


def attested_claim(
    items: Mapping[str, Json], *, route: str = "", ledger: Ledger | None = None, process: str = ""
) -> Claim:
    """The claim in the items of a verified attestation of the good made by `process`.

    `route` overrides what the attestation says; Misuse (`plausible-route`) when neither names one that is known, or
    what the route counts was not attested.
    """
    cn = str(items.get("cn", ""))
    named = route_named(route) if route else _attested_route(items, cn)
    if named is None:
        raise Misuse(
            "plausible-route",
            found=f"the route {route[:40]!r}" if route else "an attestation that names no known route",
            expected=f"one of {', '.join(ROUTES.values)}",
            remedy="Name the production route with --route.",
        )
    direct, indirect = _figure(items, "see_direct"), _figure(items, "see_indirect")
    counts = named in COUNTS_ELECTRICITY
    if direct is None or (counts and indirect is None):
        raise Misuse(
            "plausible-claim",
            found=f"an attestation without {'see_direct' if direct is None else 'see_indirect'}",
            expected="the values that make a claim of this route",
            remedy="Ask the exporter for an attestation of these items.",
        )
    recalculated = None if ledger is None else _recalculated(ledger, process, cn, counts=counts)
    return Claim(named, direct + ((indirect or 0.0) if counts else 0.0), indirect, recalculated)


def assessment(claim: Claim, model: PlausibilityModel) -> dict[str, Json]:
    """What the model says, as `--json` prints it; numbers are text."""
    unknown = float("nan")
    row = Rows(
        {
            RECALCULATED: np.array([unknown if claim.recalculated is None else claim.recalculated]),
            SEE_INDIRECT: np.array([unknown if claim.indirect is None else claim.indirect]),
        },
        {ROUTE: np.array([claim.route])},
        np.array([claim.claimed]),
    )
    flag = float(plausibility_scores(row, model.recalculation, model.independent).flag[0])
    expected = expectations(row, model.recalculation, model.independent)
    known = bool(expected)
    return {
        "route": claim.route,
        "claim": f"{claim.claimed:.5f}",
        "flag": f"{flag:.2f}" if known else None,
        "worth_asking": known and flag > ASK_ABOVE,
        "expectations": [_expectation_json(one, claim, model, row) for one in expected],
        "model": {
            "issuer": model.issuer,
            "number": model.number,
            "issued_at": model.issued_at,
            "participants": model.card.participants,
            "scores": dict(model.card.scores),
        },
        "limits": list(model.card.limits),
    }


def _expectation_json(
    expected: Expectation, claim: Claim, model: PlausibilityModel, row: Rows
) -> dict[str, Json]:
    reasons = (
        _recalculation_reasons(expected, claim)
        if expected.model == "recalculation"
        else _independent_reasons(expected, claim, model, row)
    )
    return {
        "model": expected.model,
        "predicted": f"{expected.predicted:.5f}",
        "low": f"{expected.low:.5f}",
        "high": f"{expected.high:.5f}",
        "score": f"{expected.score:.2f}",
        "reasons": [*reasons, _claim_reason(expected, claim)],
    }


def _recalculation_reasons(expected: Expectation, claim: Claim) -> list[str]:
    assert claim.recalculated is not None, "an expectation rests on it"
    factor = expected.predicted / claim.recalculated
    return [
        f"the plant's amounts with standard factors: {claim.recalculated:.5f} tCO2e/t",
        f"what standard factors miss, as the cohort found: x {factor:.3f}",
    ]


def _independent_reasons(
    expected: Expectation, claim: Claim, model: PlausibilityModel, row: Rows
) -> list[str]:
    effects = model.independent.effects(row)
    usual = expected.predicted
    for effect in effects.values():
        usual /= effect
    words = {
        SEE_INDIRECT: f"indirect emissions of {claim.indirect:.5f} tCO2e/t"
        if claim.indirect is not None
        else ""
    }
    moved = [f"{words.get(name) or name}: x {effect:.3f}" for name, effect in effects.items()]
    return [f"usual for {claim.route}: {usual:.5f} tCO2e/t", *moved]


def _claim_reason(expected: Expectation, claim: Claim) -> str:
    share = claim.claimed / expected.predicted - 1
    side = "below" if share < 0 else "above"
    inside = "inside" if expected.low <= claim.claimed <= expected.high else "outside"
    return f"the claim is {abs(share):.1%} {side} the prediction, {inside} the interval of nine in ten"


def _attested_route(items: Mapping[str, Json], cn: str) -> str | None:
    stated = items.get("route")
    words = [str(word) for word in stated] if isinstance(stated, list | tuple) else []
    entry = RuleTables.load().goods.get(cn)
    named = [route_named(word) for word in [*words, "" if entry is None else entry.category]]
    # Several routes are averaged in one value, for which no route's model holds.
    routes = {route for route in named if route is not None}
    return routes.pop() if len(routes) == 1 else None


def _figure(items: Mapping[str, Json], name: str) -> float | None:
    stated = items.get(name)
    return float(Decimal(stated)) if isinstance(stated, str) else None


def _recalculated(ledger: Ledger, process: str, cn: str, *, counts: bool) -> float:
    for good in calculate(with_standard_factors(ledger)).goods:
        if good.cn == cn and good.process == process:
            total = good.source["see_direct"] + (good.source.get("see_indirect", 0) if counts else 0)
            return float(total)
    raise Misuse(
        "plausible-ledger",
        found=f"a ledger without the good {cn} of the process {process[:40]}",
        expected="the ledger that the attestation rests on",
        remedy="Name the ledger of the same installation and period.",
    )
