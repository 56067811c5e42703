"""A carbon price effectively paid in the country of origin: the payments, their evidence, and the reduction.

Regulation (EU) 2023/956 Article 9 lets a price effectively paid reduce the certificates: net of rebates and
free allocation, certified by an independent person. How payments turn into certificates is in an act that is
still a draft (May 2026); the rule is therefore an object that can be replaced (`ReductionRule`) and its name
and version stand in every result that used it. A payment without evidence reduces nothing: it is refused.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from carbonport.errors import Misuse
from carbonport.footprint.graph_builder import GraphBuilder, NodeId

ARTICLE = "Regulation (EU) 2023/956 Article 9"


@dataclass(frozen=True, slots=True)
class CarbonPricePayment:
    """A payment for the emissions of one line of imports, in EUR at the rate of its date.

    `paid`, `rebates` and `free_allocation` are EUR; what counts is `net`. `instrument` names the scheme
    (an ETS, a tax), `document` the proof of payment, `certifier` the independent person who certified it.
    """

    paid: Decimal
    document: str
    certifier: str
    country: str = ""
    instrument: str = ""
    paid_on: date | None = None
    rebates: Decimal = Decimal(0)
    free_allocation: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not (self.document.strip() and self.certifier.strip()):
            raise Misuse(
                "obligation-price-evidence",
                found="a carbon price without a document or without a certifier",
                expected="the proof of payment and the independent person who certified it",
                remedy="Name both, or leave the payment out: without evidence it reduces nothing.",
            )
        amounts = (self.paid, self.rebates, self.free_allocation)
        if not all(map(Decimal.is_finite, amounts)) or min(amounts) < 0 or self.net < 0:
            raise Misuse(
                "obligation-price-evidence",
                found="an amount that is negative or not finite, or rebates above the payment",
                expected="what was paid, and what was rebated or free of it",
                remedy="Correct the amounts.",
            )

    @property
    def net(self) -> Decimal:
        """What was effectively paid, EUR."""
        return self.paid - self.rebates - self.free_allocation

    @property
    def place(self) -> str:
        """Evidence in one line, for the explanation."""
        details = [part for part in (self.instrument, self.country) if part]
        day = f", {self.paid_on.isoformat()}" if self.paid_on else ""
        scheme = f" ({', '.join(details)}{day})" if details or day else ""
        return f"{self.document}, certified by {self.certifier}{scheme}"


class ReductionRule(Protocol):
    """Turns euros paid into certificates. Implementations are hashable: a graph is built once per rule."""

    @property
    def name(self) -> str:
        """Name and version, as results state it."""

    def build(self, builder: GraphBuilder, *, paid: NodeId, price: NodeId, embedded: NodeId) -> NodeId:
        """Add nodes; return the one with the reduction in certificates (tCO2e)."""


@dataclass(frozen=True, slots=True)
class PaidOverPrice:
    """The draft's principle: one certificate less for each certificate price paid, at most the embedded
    emissions: min(paid / price, embedded)."""

    name: str = "paid over certificate price, capped at the emissions (draft of May 2026)"

    def build(self, builder: GraphBuilder, *, paid: NodeId, price: NodeId, embedded: NodeId) -> NodeId:
        """min(a, b) as a - max(0, a - b): a graph has a floor and needs no minimum."""
        covered = builder.quotient(
            "carbon_price/covered", "tCO2e", paid, price, label="covered by the price paid", equation=ARTICLE
        )
        over = builder.sum(
            "carbon_price/difference",
            "tCO2e",
            [(1, covered), (-1, embedded)],
            label="covered less embedded",
            equation="",
        )
        excess = builder.floor(
            "carbon_price/excess", "tCO2e", over, label="covered beyond the emissions", equation=""
        )
        return builder.sum(
            "carbon_price/reduction",
            "tCO2e",
            [(1, covered), (-1, excess)],
            label="reduction for the carbon price paid",
            equation=f"{ARTICLE}: at most the embedded emissions",
        )


DEFAULT_RULE = PaidOverPrice()
"""The rule in use until the act is adopted."""
