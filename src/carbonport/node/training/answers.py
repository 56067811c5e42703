"""A holder's answer to an exchange: the hash of its sums, of the contributions it added, for one place in a training.

The sums travel beside the signed answer. Whoever has enough of them reads the released sums: answers of different
holders must lie on one polynomial, value by value, and name the same contributions.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.crypto.sums.fast_sum import combine_fast_answers, decode_fast_answer
from carbonport.errors import FailedVerification
from carbonport.federated.course import Asked
from carbonport.federated.training import Sums
from carbonport.node.sessions.signed_document import DocumentKind, SealKeys, Signed
from carbonport.node.training.contribution import Place, fast_exchange, read_place
from carbonport.node.training.plan import AREA, MAX_MEMBERS, SignedPlan

MAX_ANSWER_BYTES = 64 * 1024
"""Longest answer as a token; the sums travel beside it."""


@dataclass(frozen=True, slots=True)
class HolderAnswer:
    """`contributions` is the digest of the heads that were added (`contributions_digest`), `sums` the SHA-256 (hex) of
    the encoded sums. `failing` are members whose share did not open or was not what they signed: then nothing was
    added, and both others are empty."""

    place: Place
    contributions: str
    sums: str
    failing: tuple[str, ...] = ()


SignedAnswer = Signed[HolderAnswer]


def open_answer(token: str, holder: str, place: Place, keys: SealKeys) -> SignedAnswer:
    """A holder's answer for this place; raises `FailedVerification` (`training-answer`) for another."""
    answer = ANSWER.open(token, holder, keys)
    if answer.content.place != place:
        raise answer_failed("an answer to another exchange, attempt or question", holder)
    return answer


def released_sums(
    plan: SignedPlan,
    place: Place,
    asked: Sequence[Asked],
    answers: Mapping[str, tuple[str, bytes]],
    keys: SealKeys,
) -> tuple[Sums, ...]:
    """The sums of each group that was asked, from the holders' answers (token and encoded sums, by holder).

    Raises `FailedVerification` for an answer that is none of this place, sums that are not the signed ones, or answers
    that contradict one another; `Misuse` (`fast-sum-answers`) for fewer than the plan needs.
    """
    exchanges = [fast_exchange(plan, place, one) for one in asked]
    residues: dict[int, list[list[int]]] = {}
    contributions = set()
    for holder, (token, sums) in answers.items():
        index = plan.content.holder_index(holder)
        answer = open_answer(token, holder, place, keys).content
        whole = sum(exchange.share_bytes for exchange in exchanges)
        if answer.failing or hashlib.sha256(sums).hexdigest() != answer.sums or len(sums) != whole:
            raise answer_failed("sums that are not those that the holder signed for", holder)
        contributions.add(answer.contributions)
        residues[index], start = [], 0
        for exchange in exchanges:
            residues[index].append(decode_fast_answer(exchange, sums[start : start + exchange.share_bytes]))
            start += exchange.share_bytes
    if len(contributions) > 1:
        raise answer_failed("answers about different contributions", "")
    return tuple(
        tuple(combine_fast_answers(exchange, {index: parts[number] for index, parts in residues.items()}))
        for number, exchange in enumerate(exchanges)
    )


def answer_failed(found: str, holder: str) -> FailedVerification:
    """The error of an answer that does not belong here."""
    return FailedVerification(
        "training-answer",
        found=found,
        expected="signed answers of the plan's holders, about the same contributions to this very exchange",
        remedy="Ask the holder again; it keeps what it answered.",
        where=holder,
    )


def _write(answer: HolderAnswer) -> Mapping[str, Json]:
    return {
        "place": answer.place.as_json(),
        "contributions": answer.contributions,
        "sums": answer.sums,
        "failing": list(answer.failing),
    }


def _read(fields: StrictFields) -> HolderAnswer:
    return HolderAnswer(
        read_place(fields.nested("place")),
        fields.text("contributions", pattern=SHA256_HEX, empty=True),
        fields.text("sums", pattern=SHA256_HEX, empty=True),
        fields.texts("failing", pattern=PARTICIPANT_ID, max_items=MAX_MEMBERS),
    )


ANSWER = DocumentKind[HolderAnswer]("answer", MAX_ANSWER_BYTES, _write, _read, AREA)
"""An answer, signed by its holder."""
