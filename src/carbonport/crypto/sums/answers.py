"""What holders answer, what follows from their answers, and the checks that anyone can repeat.

`RosterCommitments` are the sums of the coefficient commitments over a roster; nothing else of the contributions is
needed from here on. Holder j's answer holds for every metric F_j = sum f(j) and G_j = sum g(j); it is right exactly if
`F_j*G + G_j*H = sum over m of j^m * (sum of A_m)`: a coordinator that added other ciphertexts up, and a holder that
lies, fail this. k right answers give (sum v, sum r) by Lagrange, and the result is right exactly if it opens the sum of
A_0 and 0 <= sum v < roster * 2^b.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.crypto.group import (
    ORDER,
    SCALAR_BYTES,
    Point,
    decode_scalar,
    encode_scalar,
    multi_scalar_mul,
    sum_points,
)
from carbonport.crypto.pedersen import commit_scalars
from carbonport.crypto.sums.contribution import ContributionHead
from carbonport.crypto.sums.parameters import SumParameters
from carbonport.crypto.sums.polynomials import lagrange_weights
from carbonport.crypto.sums.share_slots import SharePair, shares_of_slots
from carbonport.errors import FailedVerification, Malformed, Misuse


@dataclass(frozen=True, slots=True)
class RosterCommitments:
    """`sums[i][m]` is the sum of A_m of metric i over the `size` contributors of a roster."""

    size: int
    sums: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True, slots=True)
class HolderAnswer:
    """Holder `holder`'s answer for one roster: (F_j, G_j) for each metric. Public once it is sent."""

    holder: int
    shares: tuple[SharePair, ...]

    def encode(self) -> bytes:
        """64 bytes a metric: F_j, then G_j, big-endian."""
        return _encode_pairs(self.shares)


@dataclass(frozen=True, slots=True)
class SumResult:
    """The sums: `values[i]` of metric i in units of its last decimal, `blindings[i]` opens the sum of A_0 with it."""

    values: tuple[int, ...]
    blindings: tuple[int, ...]

    def encode(self) -> bytes:
        """64 bytes a metric: the sum, then its blinding, big-endian."""
        return _encode_pairs(tuple(zip(self.values, self.blindings, strict=True)))


def roster_commitments(parameters: SumParameters, heads: Sequence[ContributionHead]) -> RosterCommitments:
    """The commitments of a roster of verified heads; raises `Misuse` for none, too many, or a contributor twice."""
    contributors = {head.contributor for head in heads}
    if not 1 <= len(heads) <= parameters.roster_limit or len(contributors) != len(heads):
        raise Misuse(
            "sum-roster",
            found=f"{len(heads)} contributions of {len(contributors)} contributors",
            expected=f"1 to {parameters.roster_limit} contributions, one of each contributor",
            remedy="Take the roster's members from the plan's signed list, each once.",
        )
    sums = tuple(
        tuple(sum_points(points) for points in zip(*(head.commitments[i] for head in heads), strict=True))
        for i in range(len(parameters.metrics))
    )
    return RosterCommitments(len(heads), sums)


def answer_of_slots(parameters: SumParameters, holder: int, slots: Sequence[int]) -> HolderAnswer:
    """The answer in a decrypted sum; `check_answer` it before it is sent."""
    parameters.threshold.check_index(holder)
    shares = shares_of_slots(slots)
    parameters.check_count(shares, "shares")
    return HolderAnswer(holder, tuple(shares))


def decode_answer(parameters: SumParameters, holder: int, data: bytes) -> HolderAnswer:
    """The answer of these bytes; raises `Malformed` for another length or scalars out of range."""
    parameters.threshold.check_index(holder)
    return HolderAnswer(holder, _decode_pairs(parameters, data, f"holder {holder}"))


def decode_result(parameters: SumParameters, data: bytes) -> SumResult:
    """The result of these bytes, which `check_result` then judges; raises `Malformed` as `decode_answer` does."""
    pairs = _decode_pairs(parameters, data, "result")
    return SumResult(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def check_answer(parameters: SumParameters, roster: RosterCommitments, answer: HolderAnswer) -> None:
    """Raise `FailedVerification` unless the answer is the sum of the roster's shares for this holder, in every metric.

    A holder calls it on its own decryption before it votes: a failure means that the coordinator added something else,
    or that a share is false. Anyone calls it on an answer: a failure means that this holder lies.
    """
    parameters.threshold.check_index(answer.holder)
    parameters.check_count(answer.shares, "shares")
    for metric, points, (f, g) in zip(parameters.metrics, roster.sums, answer.shares, strict=True):
        if commit_scalars(f, g) != value_in_exponent(points, answer.holder):
            raise FailedVerification(
                "sum-answer",
                found=f"a share of holder {answer.holder} that the roster's commitments contradict",
                expected="the sum of exactly the roster's shares",
                remedy="Vote abort if it is your own decryption; otherwise leave this holder's answer out.",
                where=metric.metric_id,
            )


def combine_answers(
    parameters: SumParameters, roster: RosterCommitments, answers: Mapping[int, HolderAnswer]
) -> SumResult:
    """The result from any k answers or more, every one of them checked, and the result too.

    Raises `Misuse` for fewer than k, and `FailedVerification` naming the holder of a false one.
    """
    needed = parameters.threshold.threshold
    if len(answers) < needed or any(holder != answer.holder for holder, answer in answers.items()):
        raise Misuse(
            "sum-answers",
            found=f"answers of {len(answers)} holders, or one under another index",
            expected=f"answers of {needed} holders or more",
            remedy="Wait for more answers; holders keep them and send the same again.",
        )
    for answer in answers.values():
        check_answer(parameters, roster, answer)
    chosen = sorted(answers)[:needed]
    weights = lagrange_weights(chosen, 0, ORDER)
    totals = [
        tuple(
            sum(weight * pair[part] for weight, pair in zip(weights, pairs, strict=True)) % ORDER
            for part in (0, 1)
        )
        for pairs in zip(*(answers[holder].shares for holder in chosen), strict=True)
    ]
    result = SumResult(tuple(total[0] for total in totals), tuple(total[1] for total in totals))
    check_result(parameters, roster, result)
    return result


def check_result(parameters: SumParameters, roster: RosterCommitments, result: SumResult) -> None:
    """The public check: raise `FailedVerification` unless the result opens the sum of A_0 and is in range.

    `roster` comes from heads that were verified (`verify_heads`), or that others are known to have verified.
    """
    parameters.check_count(result.values, "sums")
    parameters.check_count(result.blindings, "blindings")
    for metric, points, value, blinding in zip(
        parameters.metrics, roster.sums, result.values, result.blindings, strict=True
    ):
        in_range = 0 <= value < roster.size << metric.bits and 0 <= blinding < ORDER
        if not in_range or commit_scalars(value, blinding) != points[0]:
            raise FailedVerification(
                "sum-result",
                found="a sum that the roster's commitments contradict",
                expected="the sum of the committed values",
                remedy="Do not use the sum; ask the coordinator for the roster and the result again.",
                where=metric.metric_id,
            )


def value_in_exponent(points: Sequence[Point], holder: int) -> Point:
    """`sum of points[m] * holder^m`: the commitment to a share, from those to the coefficients."""
    return multi_scalar_mul(points, [holder**m for m in range(len(points))])


def _encode_pairs(pairs: Sequence[SharePair]) -> bytes:
    return b"".join(encode_scalar(scalar) for pair in pairs for scalar in pair)


def _decode_pairs(parameters: SumParameters, data: bytes, where: str) -> tuple[SharePair, ...]:
    expected = 2 * SCALAR_BYTES * len(parameters.metrics)
    if len(data) != expected:
        raise Malformed(
            "sum-answer-length",
            found=f"{len(data)} bytes",
            expected=f"{expected} bytes for {len(parameters.metrics)} metrics",
            remedy="Ask the sender for the message again; holders send the same bytes each time.",
            where=where,
        )
    scalars = [decode_scalar(data[at : at + SCALAR_BYTES]) for at in range(0, expected, SCALAR_BYTES)]
    return tuple(zip(scalars[::2], scalars[1::2], strict=True))
