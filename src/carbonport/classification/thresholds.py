"""Threshold claims: a buyer that may not see a result learns that it is at most a published value, once.

Every answer is a bit about the result: some 18 free choices of the value would give it away, and a refusal tells as
much as a proof. So the value comes from a published table, a buyer gets one for a good and period, and whatever was
asked and admitted counts, proved or not. Everything here is decided before the result is looked at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from carbonport.crypto.canonical import Json
from carbonport.footprint.obligation.published_values import PublishedValue

THRESHOLD_ITEM = "see_direct"
"""The result that published values bound: specific direct emissions, tCO2e/t."""

CLAIM_ITEMS = ("country", "cn", "period", "verification_opinion", THRESHOLD_ITEM)
"""What a claim says: of which good and period it is, what the verifier thought, and the bound."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What is asked: that the rounded result `item` is at most the published value."""

    value: PublishedValue
    item: str = THRESHOLD_ITEM

    def as_item(self) -> Json:
        """As it stands in the message in the place of the result."""
        value = self.value
        return {
            "at_most": value.value,
            "table": str(value.table),
            "version": value.version,
            "row": value.row,
        }


Admitted = Callable[[str], Sequence[str]]
"""The places (`PublishedValue.place`) of all values that were ever asked by a recipient and admitted, for the good and
period of the gate's subject; the node keeps them."""


def no_memory(_recipient: str) -> tuple[str, ...]:
    """Of a gate that is given no memory: something may have been asked before, so no claim is admitted."""
    return ("nobody remembers what",)


def threshold_problem(threshold: Threshold, items: Sequence[str], admitted: Sequence[str]) -> str:
    """Why this claim may not be decided any further, or nothing. Knows nothing of the result."""
    if tuple(items) != CLAIM_ITEMS or threshold.item != THRESHOLD_ITEM:
        return "A threshold claim is about its own items and no others."
    if any(place != threshold.value.place for place in admitted):
        return "This recipient has asked for another published value of this good and period before."
    return ""
