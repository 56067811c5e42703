"""Contributors, coordinator and holders of a verifiable sum, in one place and one worker process, for the tests."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from carbonport.crypto.ambient import system_random
from carbonport.crypto.group import random_scalar
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.sums.answers import (
    HolderAnswer,
    RosterCommitments,
    answer_of_slots,
    check_answer,
    roster_commitments,
)
from carbonport.crypto.sums.attested import AttestedCommitment, AttestedValue
from carbonport.crypto.sums.bfv_worker import BfvWorker, Decrypted, HolderContext
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.crypto.sums.contribution import Contribution, ContributionHead, check_ciphertext, decode_head
from carbonport.crypto.sums.contribution_proofs import SubmittedHead, verify_heads
from carbonport.crypto.sums.parameters import SumMetric, SumParameters
from carbonport.crypto.sums.threshold import Threshold

PLAN = bytes(range(32))
SECRET = bytes(32)
BITS = 8
"""Narrow, so that range proofs are cheap; the widths themselves have tests of their own."""

METRICS = (SumMetric("emissions", 3, BITS), SumMetric("production", 0, BITS))


TWO_OF_THREE = Threshold(3, 2)


def parameters_of(
    threshold: Threshold = TWO_OF_THREE, metrics: tuple[SumMetric, ...] = METRICS
) -> SumParameters:
    return SumParameters(PLAN, threshold, metrics, 100)


def attested_value(value: int, decimals: int = 0) -> AttestedValue:
    return AttestedValue(Opening(value, random_scalar(system_random)), decimals)


def attested_values(emissions: int, production: int) -> tuple[AttestedValue, ...]:
    return attested_value(emissions, 3), attested_value(production)


@dataclass(frozen=True)
class Sent:
    """A contribution as everybody has it, with the attested commitments that the statement shows."""

    contributor: str
    attested: tuple[AttestedCommitment, ...]
    contribution: Contribution

    def head(self, parameters: SumParameters) -> ContributionHead:
        return decode_head(parameters, self.contributor, self.contribution.head)

    @property
    def submitted(self) -> SubmittedHead:
        return SubmittedHead(self.contributor, self.attested, self.contribution.head)


@dataclass(frozen=True)
class Parties:
    worker: BfvWorker
    keys: Mapping[int, HolderContext]

    def send(self, parameters: SumParameters, contributor: str, values: Sequence[AttestedValue]) -> Sent:
        contribution, _ = make_contribution(
            parameters, contributor, values, self.worker.encrypt, nonce_secret=SECRET
        )
        return Sent(contributor, tuple(value.public for value in values), contribution)

    def send_all(
        self, parameters: SumParameters, rows: Sequence[tuple[int, int]], prefix: str = "plant"
    ) -> list[Sent]:
        return [self.send(parameters, f"{prefix}-{i}", attested_values(*row)) for i, row in enumerate(rows)]

    def roster(self, parameters: SumParameters, sent: Sequence[Sent]) -> RosterCommitments:
        heads = verify_heads(parameters, [one.submitted for one in sent])
        return roster_commitments(parameters, heads)

    def total(self, parameters: SumParameters, holder: int, sent: Sequence[Sent]) -> bytes:
        """The coordinator's sum, after its checks."""
        for one in sent:
            ciphertext = one.contribution.ciphertexts[holder]
            check_ciphertext(parameters, one.head(parameters), holder, ciphertext)
            self.worker.add(holder, ciphertext, slots=parameters.slots)
        return self.worker.total(holder)

    def decrypt(
        self, parameters: SumParameters, holder: int, ciphertext: bytes, key: int | None = None
    ) -> Decrypted:
        self.worker.unlock(self.keys[key or holder].secret)
        return self.worker.decrypt(ciphertext, slots=parameters.slots)

    def answer(self, parameters: SumParameters, holder: int, total: bytes) -> HolderAnswer:
        """A holder's answer before it is checked."""
        return answer_of_slots(parameters, holder, self.decrypt(parameters, holder, total).slots)

    def answers(self, parameters: SumParameters, sent: Sequence[Sent]) -> dict[int, HolderAnswer]:
        """Every holder's answer, checked as it checks it itself."""
        roster = self.roster(parameters, sent)
        answers = {}
        for holder in parameters.threshold.indices:
            answers[holder] = self.answer(parameters, holder, self.total(parameters, holder, sent))
            check_answer(parameters, roster, answers[holder])
        return answers


@contextmanager
def running_parties() -> Iterator[Parties]:
    """Five holders with fresh contexts, all open in one worker; a plan uses the first n of them."""
    with BfvWorker() as worker:
        keys = {holder: worker.generate() for holder in range(1, 6)}
        for holder, context in keys.items():
            worker.open_context(holder, context.public)
        yield Parties(worker, keys)
