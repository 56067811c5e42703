"""The coordinator's sums of ciphertexts: for each holder, one of each released cohort, under the coordinator's seal.

A holder takes a ciphertext only after signature, hash and size; the note binds the hashes to plan, attempt, roster and
holder.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contribution import ContributionHead, check_ciphertext, check_ciphertext_size
from carbonport.errors import CarbonportError, FailedVerification, Malformed
from carbonport.node.aggregation.answers import cohort_members
from carbonport.node.aggregation.plan import COHORT_NAME, MAX_ATTEMPTS, MAX_PLAN_COHORTS, SignedPlan
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.sessions.signed_document import DocumentKind, Signed

MAX_TOTALS_BYTES = 64 * 1024
"""Longest note as a token; the ciphertexts travel beside it."""

CiphertextOf = Callable[[str, int], bytes]
"""A contributor's ciphertext for the holder of an index, as it was stored."""


@dataclass(frozen=True, slots=True)
class TotalsNote:
    """`plan` and `roster` are digests; `hashes` has the SHA-256 (hex) of each released cohort's ciphertext."""

    plan: str
    attempt: int
    roster: str
    holder: str
    hashes: Mapping[str, str]


def add_up(
    plan: SignedPlan,
    roster: SignedRoster,
    heads: Mapping[str, ContributionHead],
    holder: int,
    ciphertext_of: CiphertextOf,
    worker: BfvWorker,
) -> Mapping[str, bytes]:
    """The released cohorts' ciphertexts for one holder, one contribution in memory at a time.

    `worker` has the holder's context open. Raises as `check_ciphertext` does, and `FailedVerification` naming the
    contributor whose signed ciphertext is none.
    """
    parameters = plan.content.parameters(plan.digest)
    totals = {}
    try:
        for name in roster.content.released:
            for member in cohort_members(plan, roster, name):
                ciphertext = ciphertext_of(member, holder)
                check_ciphertext(parameters, heads[member], holder, ciphertext)
                _add(worker, holder, ciphertext, parameters.slots, member)
            totals[name] = worker.total(holder)
    except CarbonportError:
        with suppress(CarbonportError):
            worker.total(holder)  # what was begun is not to be part of another sum
        raise
    return totals


def _add(worker: BfvWorker, holder: int, ciphertext: bytes, slots: int, contributor: str) -> None:
    try:
        worker.add(holder, ciphertext, slots=slots)
    except Malformed as problem:  # the contributor signed these very bytes
        raise FailedVerification(
            "aggregation-ciphertext",
            found=f"a signed ciphertext that is none ({problem.id})",
            expected="a ciphertext under the key of each holder, as the plan's parameters make it",
            remedy="Leave the contributor out of the roster and tell it; everyone else can stay.",
            where=contributor,
        ) from None


def totals_note(
    plan: SignedPlan, roster: SignedRoster, holder: str, totals: Mapping[str, bytes]
) -> TotalsNote:
    """What the coordinator signs about these ciphertexts."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in totals.items()}
    return TotalsNote(plan.digest, roster.content.attempt, roster.digest, holder, hashes)


def check_totals(
    plan: SignedPlan,
    roster: SignedRoster,
    note: Signed[TotalsNote],
    holder: str,
    totals: Mapping[str, bytes],
) -> None:
    """Raise unless these are the ciphertexts that the note says, for this roster and holder, one a released cohort."""
    for data in totals.values():
        check_ciphertext_size(data, plan.issuer)
    if note.content != totals_note(plan, roster, holder, totals) or set(totals) != set(
        roster.content.released
    ):
        raise FailedVerification(
            "aggregation-totals",
            found="ciphertexts that the coordinator did not sign for this roster and holder",
            expected="one ciphertext of each released cohort, as signed",
            remedy="Ask the coordinator for them again; nothing was decrypted.",
            where=plan.issuer,
        )


def _write(note: TotalsNote) -> Mapping[str, Json]:
    return {
        "plan": note.plan,
        "attempt": note.attempt,
        "roster": note.roster,
        "holder": note.holder,
        "totals": [{"cohort": name, "sha256": digest} for name, digest in sorted(note.hashes.items())],
    }


def _read(fields: StrictFields) -> TotalsNote:
    return TotalsNote(
        fields.text("plan", pattern=SHA256_HEX),
        fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        fields.text("roster", pattern=SHA256_HEX),
        fields.text("holder", pattern=PARTICIPANT_ID),
        dict(fields.each("totals", _read_total, max_items=MAX_PLAN_COHORTS)),
    )


def _read_total(fields: StrictFields) -> tuple[str, str]:
    return fields.text("cohort", pattern=COHORT_NAME), fields.text("sha256", pattern=SHA256_HEX)


TOTALS = DocumentKind[TotalsNote]("totals", MAX_TOTALS_BYTES, _write, _read)
"""A note about sums, signed by the coordinator."""
