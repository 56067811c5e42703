"""What a verifier attested, as a sum uses it: a commitment (or its opening) and the decimals it counts in."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from carbonport.crypto.group import Point
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.sums.parameters import SumMetric, SumParameters
from carbonport.errors import Misuse


@dataclass(frozen=True, slots=True)
class AttestedCommitment:
    """`C = v*G + r*H` of the verifier's statement, v in units of the last of `decimals`.

    For a sum of attested quantities of the same decimals, C is the sum of their commitments.
    """

    commitment: Point
    decimals: int


@dataclass(frozen=True, slots=True)
class AttestedValue:
    """The same from its owner's side: the opening is a secret."""

    opening: Opening = field(repr=False)
    decimals: int

    @property
    def public(self) -> AttestedCommitment:
        """What everybody may see of it."""
        return AttestedCommitment(commit(self.opening), self.decimals)


def scale_factors(
    parameters: SumParameters, attested: Sequence[AttestedCommitment | AttestedValue]
) -> list[int]:
    """The public power of ten from each attested commitment to its metric.

    Raises `Misuse` unless there is one for each metric, with no more decimals than the metric has.
    """
    parameters.check_count(attested, "attested commitments")
    return [_factor(metric, one.decimals) for metric, one in zip(parameters.metrics, attested, strict=True)]


def _factor(metric: SumMetric, decimals: int) -> int:
    if not 0 <= decimals <= metric.decimals:
        raise Misuse(
            "sum-decimals",
            found=f"an attested commitment with {decimals} decimals",
            expected=f"0 to {metric.decimals} decimals, those of the metric",
            remedy="Plan the metric with at least as many decimals as every attested value has.",
            where=metric.metric_id,
        )
    return int(10 ** (metric.decimals - decimals))
