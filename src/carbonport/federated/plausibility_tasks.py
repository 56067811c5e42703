"""The public definition of the plausibility models: routes, ranges, and what counts as the claim of each route.

Fixed here, so that everybody who trains or reads a model means the same. A claim is the specific direct embedded
emissions in tCO2e per tonne; of the routes whose electricity matters most, direct and indirect together.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from carbonport.federated.features import OTHER, Category, PublicRange
from carbonport.federated.private_shape import PrivateShape
from carbonport.federated.recalculation import RecalculationTask
from carbonport.federated.ridge import RidgeTask

ROUTE, RECALCULATED, SEE_INDIRECT, CLAIM = "route", "recalculated", "see_indirect", "see"
"""Columns: the route, the claim recalculated with standard factors, the indirect emissions, the claim (tCO2e/t)."""

ROUTES = Category(("BF-BOF", "EAF", "DRI-EAF", "aluminium", "clinker"))
"""Production routes that are learned apart."""

COUNTS_ELECTRICITY = frozenset({"EAF", "DRI-EAF"})
"""Routes whose claim is direct and indirect emissions together."""

CLAIMS = PublicRange(0.02, 5.0, "log")
"""Claims in tCO2e per tonne; outside, a claim is doubted without a model."""

RECALCULATION_TASK = RecalculationTask(RECALCULATED, ROUTE, ROUTES, CLAIMS)
"""The first score's task."""

INDEPENDENT_TASK = RidgeTask(
    numbers={SEE_INDIRECT: PublicRange(0.002, 20.0, "log")},
    categories={ROUTE: ROUTES},
    target=CLAIMS,
    squares=False,
    slopes_by=ROUTE,
)
"""The second score's task: what an importer finds in an attestation beside the claim."""

TYPICAL_CLAIMS: Mapping[str, float] = MappingProxyType(
    {"BF-BOF": 1.8, "EAF": 0.1, "DRI-EAF": 0.65, "aluminium": 1.65, "clinker": 0.84, OTHER: 1.0}
)
"""Public typical direct emissions of each route in tCO2e/t, rounded; what the electricity emits is added where it
counts. With noise only the ratio of a claim to these is learned."""

PRIVATE_PENALTY = 30
"""Rows that say a plant is typical: they keep the noise out of the weights."""

PRIVATE_INDEPENDENT_TASK = replace(
    INDEPENDENT_TASK,
    private=PrivateShape(
        ROUTE,
        TYPICAL_CLAIMS,
        cells=ROUTES.values,
        added_column=SEE_INDIRECT,
        added_kinds=COUNTS_ELECTRICITY,
    ),
    target=PublicRange(0.6, 1.7, "log"),
    slopes_by=None,
    penalty=PRIVATE_PENALTY,
)
"""The second score's task for a training with noise; its target is the ratio to the typical claim."""

ROUTE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "basic oxygen steelmaking": "BF-BOF",
        "blast furnace route": "BF-BOF",
        "electric arc furnace": "EAF",
        "scrap/eaf": "EAF",
        "direct reduced iron": "DRI-EAF",
        "dri/eaf": "DRI-EAF",
        "primary (electrolytic) aluminium": "aluminium",
        "primary aluminium": "aluminium",
        "cement clinker": "clinker",
    }
)
"""What ledgers and attestations call the routes, in lowercase."""


def route_named(words: str) -> str | None:
    """The route that `words` name: one of `ROUTES`, or one of `ROUTE_WORDS`; None for another."""
    plain = words.strip()
    for route in ROUTES.values:
        if plain.lower() == route.lower():
            return route
    return ROUTE_WORDS.get(plain.lower())
