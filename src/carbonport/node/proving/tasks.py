"""What the proving process can be asked to do, by name: from a task to the bytes of its answer."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from carbonport.attestation.proof_evidence import EvidenceTask
from carbonport.crypto.canonical import canonical_bytes

EVIDENCE = "evidence"
"""Make evidence by proof from an `EvidenceTask`; the answer is its canonical JSON."""


def _evidence(task: EvidenceTask) -> bytes:
    return canonical_bytes(task.prove().to_json())


TASKS: Mapping[str, Callable[[Any], bytes]] = MappingProxyType({EVIDENCE: _evidence})
"""Every task. Its argument comes from the node's own process, pickled."""
