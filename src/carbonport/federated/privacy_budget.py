"""The privacy budget of a participant: how much epsilon it gives away, per task and calendar year.

Pure bookkeeping: what was spent is passed in, and a charge that fits is passed back to be stored *before* anything is
sent. Charges of one year and task are added up, which is an upper bound whatever the mechanisms were; what is charged
stays charged when a training breaks off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from carbonport.errors import Refused


@dataclass(frozen=True, slots=True)
class Charge:
    """One training's epsilon. `training` names it; a second charge of the same training is the same one."""

    task: str
    year: int
    training: str
    epsilon: Decimal


def charged(history: Sequence[Charge], charge: Charge, yearly: Decimal) -> Charge | None:
    """The charge to be stored, None when this training is charged already; Refused when it would exceed `yearly`."""
    same = [one for one in history if (one.task, one.year) == (charge.task, charge.year)]
    for one in same:
        if one.training == charge.training:
            if one.epsilon < charge.epsilon:
                raise _refused(
                    f"training {charge.training[:40]} charged with {one.epsilon} before", one.epsilon
                )
            return None
    spent = sum((one.epsilon for one in same), Decimal(0))
    if spent + charge.epsilon > yearly:
        raise _refused(f"{spent} of {yearly} spent on {charge.task} in {charge.year}", yearly - spent)
    return charge


def _refused(found: str, left: Decimal) -> Refused:
    return Refused(
        "privacy-budget",
        found=found,
        expected=f"a training that costs at most {left}",
        remedy="Wait for the next year, or raise the budget knowingly.",
    )
