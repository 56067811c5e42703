"""A verifiable sum as `bench aggregate` measures it: parameters, values, contributions, and every party's work.

Bit bound 32, three holders of whom two can read. Every party does all of its own checks: nothing is left out because
another party of the same process has just done it.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from carbonport.crypto.ambient import system_random
from carbonport.crypto.group import random_scalar
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.sums.answers import (
    HolderAnswer,
    SumResult,
    answer_of_slots,
    check_answer,
    check_result,
    combine_answers,
    roster_commitments,
)
from carbonport.crypto.sums.attested import AttestedCommitment, AttestedValue
from carbonport.crypto.sums.bfv_worker import BfvWorker, HolderContext
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.crypto.sums.contribution import Contribution, ContributionHead, check_ciphertext
from carbonport.crypto.sums.contribution_proofs import SubmittedHead, verify_heads
from carbonport.crypto.sums.parameters import SumMetric, SumParameters
from carbonport.crypto.sums.threshold import Threshold
from carbonport.errors import FailedVerification

BITS = 32
"""Bit bound of every metric: the goals are for this one."""

DECIMALS = 3

THRESHOLD = Threshold(3, 2)

MAX_ROSTER = 1000


def case_parameters(metrics: int) -> SumParameters:
    """So many metrics of 32 bits."""
    return SumParameters(
        bytes(32),
        THRESHOLD,
        tuple(SumMetric(f"metric-{i}", DECIMALS, BITS) for i in range(metrics)),
        MAX_ROSTER,
    )


def drawn_values(metrics: int) -> list[AttestedValue]:
    """Attested values of one contributor."""
    return [
        AttestedValue(Opening(secrets.randbelow(1 << BITS), random_scalar(system_random)), DECIMALS)
        for _ in range(metrics)
    ]


def contributor_name(number: int) -> str:
    """Of the contributor with this number."""
    return f"exporter-{number}"


def contribute(
    parameters: SumParameters,
    number: int,
    values: Sequence[AttestedValue],
    contexts: Mapping[int, bytes],
    worker: BfvWorker,
) -> Contribution:
    """All that a contributor's node does: open the holders' contexts, commit, share, prove, encrypt."""
    for holder, public in contexts.items():
        worker.open_context(holder, public)
    contribution, _ = make_contribution(
        parameters, contributor_name(number), values, worker.encrypt, nonce_secret=system_random(32)
    )
    return contribution


Row: TypeAlias = tuple[int, Sequence[AttestedCommitment], Contribution]
"""A contributor's number, what its statement shows, and its contribution."""


@dataclass(frozen=True)
class FullSum:
    """Everybody's work for one sum, in one process and one worker."""

    parameters: SumParameters
    rows: Sequence[Sequence[AttestedValue]]
    worker: BfvWorker

    def run(self) -> None:
        """From the holders' keys to the public check; raises unless the result is the sum of the values."""
        keys = {holder: self.worker.generate() for holder in self.parameters.threshold.indices}
        contexts = {holder: context.public for holder, context in keys.items()}
        sent: list[Row] = [
            (
                number,
                [value.public for value in values],
                contribute(self.parameters, number, values, contexts, self.worker),
            )
            for number, values in enumerate(self.rows)
        ]
        totals = self._coordinate(sent)
        answers = {holder: self._hold(holder, keys[holder], sent, total) for holder, total in totals.items()}
        roster = roster_commitments(self.parameters, self._verified(sent))
        result = combine_answers(self.parameters, roster, answers)
        check_result(self.parameters, roster, result)
        self._check(result)

    def _verified(self, sent: Sequence[Row]) -> list[ContributionHead]:
        return verify_heads(
            self.parameters,
            [
                SubmittedHead(contributor_name(number), tuple(attested), contribution.head)
                for number, attested, contribution in sent
            ],
        )

    def _coordinate(self, sent: Sequence[Row]) -> dict[int, bytes]:
        """The coordinator: checks everything, adds up what it cannot read."""
        for head, (_, _, contribution) in zip(self._verified(sent), sent, strict=True):
            add_contribution(self.parameters, head, contribution, self.worker)
        return {holder: self.worker.total(holder) for holder in self.parameters.threshold.indices}

    def _hold(self, holder: int, keys: HolderContext, sent: Sequence[Row], total: bytes) -> HolderAnswer:
        """A holder: checks everything again, decrypts the sum, checks that too."""
        roster = roster_commitments(self.parameters, self._verified(sent))
        self.worker.unlock(keys.secret)
        decrypted = self.worker.decrypt(total, slots=self.parameters.slots)
        answer = answer_of_slots(self.parameters, holder, decrypted.slots)
        check_answer(self.parameters, roster, answer)
        return answer

    def _check(self, result: SumResult) -> None:
        require_sums(result.values, [[value.opening.value for value in row] for row in self.rows])


def add_contribution(
    parameters: SumParameters, head: ContributionHead, contribution: Contribution, worker: BfvWorker
) -> None:
    """What a coordinator does with the ciphertexts of a contribution: size, hash, then parsing and adding."""
    for holder in parameters.threshold.indices:
        ciphertext = contribution.ciphertexts[holder]
        check_ciphertext(parameters, head, holder, ciphertext)
        worker.add(holder, ciphertext, slots=parameters.slots)


def require_sums(found: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
    """Raise unless these are the sums of the rows: exact in every digit, or the figures are withheld."""
    if list(found) != [sum(column) for column in zip(*rows, strict=True)]:
        raise FailedVerification(
            "bench-sum",
            found="a sum that is not the sum of its values",
            expected="sums that are exact in every digit",
            remedy="The figures are withheld; report it as a defect.",
        )
