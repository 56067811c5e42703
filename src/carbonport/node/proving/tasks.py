"""What the proving process can be asked to do, by name: from a task to the bytes of its answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from carbonport.attestation.evidence_task import EvidenceTask
from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.proofs.ranges import prove_openings

EVIDENCE = "evidence"
"""Make evidence by proof from an `EvidenceTask`; the answer is its canonical JSON."""


RANGES = "ranges"
"""Make one range proof from a `RangeTask`; the answer is the proof."""


@dataclass(frozen=True, slots=True, repr=False)
class RangeTask:
    """What a range proof is made of; openings and secret are secret."""

    openings: tuple[Opening, ...]
    widths: tuple[int, ...]
    context: bytes
    nonce_secret: bytes = field(repr=False)

    def prove(self) -> bytes:
        """The proof."""
        return prove_openings(self.openings, self.widths, self.context, nonce_secret=self.nonce_secret)


def _evidence(task: EvidenceTask) -> bytes:
    return canonical_bytes(task.prove().to_json())


TASKS: Mapping[str, Callable[[Any], bytes]] = MappingProxyType({EVIDENCE: _evidence, RANGES: RangeTask.prove})
"""Every task. Its argument comes from the node's own process, pickled."""
