"""Bucket sums: a few separate trainings in the place of one, and the median of what their models predict.

A sum tells nothing about who spoiled it. With the members divided into buckets, a member that sends senseless
statistics spoils the model of its own bucket, and the median of the buckets' predictions is right as long as fewer than
half of them are spoiled. Buckets have the minimum cohort each and partition the members, so nobody contributes a row
twice.

Who is with whom must be nobody's choice: buckets are drawn from a hash of the membership and of one value of every key
holder, each of which committed to its value before it saw the others' (`value_commitment`, `opened_seed`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from carbonport.crypto.canonical import Json
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import FailedVerification, Refused
from carbonport.federated.features import Floats, Rows
from carbonport.federated.training import MINIMUM_COHORT, Model

COMMITMENT_DOMAIN = "carbonport/bucket-value/v1"
SEED_DOMAIN = "carbonport/bucket-seed/v1"
ORDER_DOMAIN = "carbonport/bucket-order/v1"
"""Domain strings of the three hashes."""

VALUE_BYTES = 32
"""Length of a holder's value."""

FEWEST_BUCKETS = 3
"""With two, one spoiled bucket is half."""


def value_commitment(holder: str, value: bytes) -> bytes:
    """What a holder publishes with its vote."""
    return tuple_hash(COMMITMENT_DOMAIN, holder, value)


def opened_seed(membership: bytes, commitments: Mapping[str, bytes], values: Mapping[str, bytes]) -> bytes:
    """The seed of the buckets from the holders' opened values.

    FailedVerification (`bucket-opening`) when a holder is missing or opens another value than it committed to.
    """
    good = commitments.keys() == values.keys() and all(
        len(value) == VALUE_BYTES and value_commitment(holder, value) == commitments[holder]
        for holder, value in values.items()
    )
    if not good:
        raise FailedVerification(
            "bucket-opening",
            found="a holder's value that is missing or another than it committed to",
            expected="the committed value of every holder",
            remedy="End this training; a holder tried to choose who is with whom.",
        )
    opened = [part for holder in sorted(values) for part in (holder, values[holder])]
    return tuple_hash(SEED_DOMAIN, membership, *opened)


def drawn_buckets(
    members: Sequence[str], seed: bytes, *, size: int = MINIMUM_COHORT
) -> tuple[tuple[str, ...], ...]:
    """The members in buckets of `size` or more; Refused (`bucket-members`) when they make fewer than three."""
    count = len(members) // size if size >= MINIMUM_COHORT else 0
    if count < FEWEST_BUCKETS:
        raise Refused(
            "bucket-members",
            found=f"{len(members)} members for buckets of {size}",
            expected=f"at least {FEWEST_BUCKETS} buckets of {MINIMUM_COHORT} or more",
            remedy="Invite more members, or train without buckets.",
        )
    ordered = sorted(members, key=lambda member: tuple_hash(ORDER_DOMAIN, seed, member))
    return tuple(tuple(sorted(ordered[place::count])) for place in range(count))


@dataclass(frozen=True, slots=True)
class BucketModel(Model):
    """The models of all buckets; predicts the median of what those with an opinion predict."""

    models: tuple[Model, ...]

    def predict(self, rows: Rows) -> Floats:
        """The median prediction of each row; NaN where fewer than half of the buckets have an opinion."""
        predicted = np.array([model.predict(rows) for model in self.models])
        given = np.isfinite(predicted).sum(axis=0)
        result = np.full(len(rows), np.nan)
        enough = 2 * given > len(self.models)
        if enough.any():
            result[enough] = np.nanmedian(predicted[:, enough], axis=0)
        return result

    def integers(self) -> tuple[int, ...]:
        """Those of every bucket."""
        return tuple(value for model in self.models for value in model.integers())

    def as_json(self) -> dict[str, Json]:
        """Kind and models."""
        return {"kind": "buckets", "models": [model.as_json() for model in self.models]}
