"""The words in which an egress is asked for: the recipient's role, the purpose, and the form of what leaves.

The Cedar schema declares the same words; `policy` checks that both lists agree when it loads.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a recipient is, by the trust list of its jurisdiction."""

    DECLARANT = "declarant"
    """An importer, or its authorised CBAM declarant."""
    VERIFIER = "verifier"
    REGULATOR = "regulator"
    REGISTRY = "registry"
    """The EU CBAM registry."""
    COORDINATOR = "coordinator"
    """Runs aggregation sessions and training rounds."""


class Purpose(StrEnum):
    """What the recipient may use the data for; nothing else."""

    CBAM_DECLARATION = "cbam-declaration"
    VERIFICATION = "verification"
    SUPERVISION = "supervision"
    REGISTRY_FILING = "registry-filing"
    BENCHMARKING = "benchmarking"
    TRAINING = "training"


class Form(StrEnum):
    """In which form a value leaves."""

    RAW = "raw"
    """The value itself, at its declared decimals."""
    BANDED = "banded"
    """An interval that contains it."""
    COMMITMENT = "commitment"
    PROOF = "proof"
    """A zero-knowledge statement about it."""
    AGGREGATE = "aggregate"
    """An encrypted share of a sum over several exporters."""
    OPENING = "opening"
    """The value itself, sealed to the releaser of one sum, who tests whether it dominates the sum and forgets it."""
    MODEL_UPDATE = "model_update"
    """A contribution to a model: sealed shares of bounded integers, of which only sums over a cohort are known."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What a contribution to a training goes into: the fewest independent participants in any of its sums, as the
    signed plan says and key holders hold it to, and how many rows this node gives."""

    cohort: int
    rows: int
