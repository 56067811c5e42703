"""What a range proof is generic over: group, generators, transcript, and where halving stops.

The product has one such system, `ranges.CARBONPORT_RANGES`; tests build dalek's from the same parts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias

from carbonport.crypto.group_interface import ElementT, Group
from carbonport.crypto.proofs.range_layout import RangeLayout
from carbonport.crypto.proofs.range_transcript import RangeTranscript
from carbonport.errors import FailedVerification, Misuse

Vectors: TypeAlias = Callable[[int], tuple[Sequence[ElementT], Sequence[ElementT]]]
"""So many generators for l and for r, independent of each other and of the bases; fewer are the first of more."""

Begin: TypeAlias = Callable[[bytes, Sequence[int], Sequence[ElementT]], RangeTranscript[ElementT]]
"""A transcript from context, widths and commitments."""


@dataclass(frozen=True)
class RangeSystem(Generic[ElementT]):
    """Everything prover and verifier agree on beforehand."""

    group: Group[ElementT]
    vectors: Vectors[ElementT]
    begin: Begin[ElementT]
    stop_length: int
    """Length at which halving stops and both vectors are sent: 4 costs two scalars more than 1 saves in points."""

    def layout(self, widths: Sequence[int]) -> RangeLayout:
        """The layout of values of these widths."""
        return RangeLayout(tuple(widths), self.stop_length)

    def transcript(
        self, context: bytes, widths: Sequence[int], commitments: Sequence[ElementT]
    ) -> RangeTranscript[ElementT]:
        """A transcript bound to these; raises `Misuse` unless there is one width for each commitment, and
        `FailedVerification` for a commitment that is the identity."""
        if len(widths) != len(commitments):
            raise Misuse(
                "range-count",
                found=f"{len(commitments)} commitments and {len(widths)} widths",
                expected="as many widths as commitments",
                remedy="Take both from the verifier's statement; this is a defect of the calling program.",
            )
        if any(commitment.is_identity for commitment in commitments):
            raise FailedVerification(
                "range-commitment",
                found="a commitment that is the identity: it binds nobody and hides nothing",
                expected="commitments with a blinding",
                remedy="Do not rely on the claim; the committed values cancel out.",
            )
        return self.begin(context, widths, commitments)
