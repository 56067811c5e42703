"""The fast sum: vectors of integers, Shamir-shared modulo 2^61 - 1, each share sealed to its one holder.

For statistics of which there are many and which no commitment binds. A contributor calls `seal_shares`; holder j calls
`open_share` for each contributor of the roster and `add_shares`; anyone calls `combine_fast_answers` with the holders'
answers. Nobody but holder j sees a share of holder j, and any k - 1 shares are consistent with every vector.

Bound by the seal: a share opens only for the plan, exchange, attempt, contributor, holder and length it was sealed for,
so a copy of somebody else's share is refused. Not bound: what the values are. A contributor may share any integers; the
sum is exact modulo 2^61 - 1 and right as long as everyone keeps to `value_bits`. A holder that lies is noticed, for its
answer leaves the polynomial, but mathematics does not say who lied: the exchange is tried again.

Integers come as any sequence whose elements are integers (`operator.index`: lists, tuples, integer arrays of numpy);
floats are refused. Nothing here needs numpy.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import index as exact_integer

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.sealing import HPKE_OVERHEAD_BYTES, hpke_open, hpke_seal
from carbonport.crypto.sums.plan_hash import check_plan_hash
from carbonport.crypto.sums.polynomials import lagrange_weights
from carbonport.crypto.sums.threshold import Threshold
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import FailedVerification, Malformed, Misuse

MODULUS = 2**61 - 1
"""The prime of the shares: Mersenne's ninth, the largest prime of 61 bits."""

SHARE_DOMAIN = "carbonport/fast-share/v1"
"""Domain string of the seals' `info`."""

RESIDUE_BYTES = 8
"""One share of one value, big-endian."""

MAX_LENGTH = 1 << 18
"""Most values of one exchange: 2 MB a share."""

MAX_EXCHANGE_BYTES = 64
"""Longest name of an exchange, in UTF-8."""


@dataclass(frozen=True, slots=True)
class FastExchange:
    """One exchange of a plan, in one attempt: everything a share belongs to but contributor and holder.

    `exchange` names it within the plan (a training has several), `attempt` counts from 0. Every contributor gives
    `length` integers v with |v| < 2^`value_bits`, and at most `roster_limit` contribute. Raises `Misuse` unless the
    sum of the largest values stays below half the modulus, and unless n >= 2k - 1: with fewer holders, k - 1 lying
    ones could move the result together unnoticed.
    """

    plan_hash: bytes
    exchange: str
    attempt: int
    threshold: Threshold
    length: int
    value_bits: int
    roster_limit: int

    def __post_init__(self) -> None:
        check_plan_hash(self.plan_hash)
        if self.threshold.holders < self.threshold.fast_answers_needed:
            raise _misuse(
                f"{self.threshold.holders} holders with threshold {self.threshold.threshold}",
                f"at least {self.threshold.fast_answers_needed} holders",
            )
        if not 1 <= self.length <= MAX_LENGTH:
            raise _misuse(f"{self.length} values", f"1 to {MAX_LENGTH} values")
        if (
            self.value_bits < 1
            or self.roster_limit < 1
            or self.roster_limit << self.value_bits > MODULUS // 2
        ):
            raise _misuse(
                f"{self.roster_limit} contributors with values of {self.value_bits} bits",
                "sums below 2^60",
            )
        if self.attempt < 0 or not 1 <= len(self.exchange.encode("utf-8")) <= MAX_EXCHANGE_BYTES:
            raise _misuse(
                "an exchange without a usable name or attempt", "a short name, an attempt from 0 on"
            )

    @property
    def share_bytes(self) -> int:
        """Length of a holder's share of one contributor, and of a holder's answer, before sealing."""
        return self.length * RESIDUE_BYTES

    @property
    def sealed_bytes(self) -> int:
        """Length of a sealed share: what a coordinator checks first."""
        return self.share_bytes + HPKE_OVERHEAD_BYTES

    def info(self, contributor: str, holder: int) -> bytes:
        """What a share of this contributor for this holder is sealed with."""
        self.threshold.check_index(holder)
        return tuple_hash(
            SHARE_DOMAIN,
            self.plan_hash,
            self.exchange,
            self.attempt,
            contributor,
            holder,
            self.length,
        )


def seal_shares(
    exchange: FastExchange,
    contributor: str,
    values: Sequence[int],
    holder_keys: Mapping[int, bytes],
    random_bytes: RandomBytes = system_random,
) -> dict[int, bytes]:
    """The sealed share of every holder, by index, of fresh polynomials.

    `holder_keys` has the X25519 public key that holder j made for this plan under j, for every j. A retry calls this
    again with the same values and the next attempt. Raises `Misuse` for values of another number or size (without
    naming one), `Malformed` for an unusable key.
    """
    if set(holder_keys) != set(exchange.threshold.indices):
        raise _misuse(
            "keys of other holders", f"a key for each holder from 1 to {exchange.threshold.holders}"
        )
    sealed = {}
    for holder, share in _share(exchange, values, random_bytes).items():
        info = exchange.info(contributor, holder)
        sealed[holder] = hpke_seal(holder_keys[holder], info, _encode(share))
    return sealed


def open_share(
    exchange: FastExchange, contributor: str, holder: int, private_key: bytes, sealed: bytes
) -> list[int]:
    """The share that `contributor` sealed to this holder: residues, one a value. A secret of the holder.

    Raises `Malformed` for another size or a residue out of range, `FailedVerification` for bytes sealed to another key
    or for another place (another contributor's share among them).
    """
    if len(sealed) != exchange.sealed_bytes:
        raise Malformed(
            "fast-sum-share-size",
            found=f"a sealed share of {len(sealed)} bytes",
            expected=f"{exchange.sealed_bytes} bytes for {exchange.length} values",
            remedy="Ask the contributor for its shares again; these are cut or belong to another exchange.",
            where=contributor,
        )
    return decode_fast_answer(exchange, hpke_open(private_key, exchange.info(contributor, holder), sealed))


def add_shares(exchange: FastExchange, shares: Iterable[Sequence[int]]) -> list[int]:
    """The holder's answer: the sum of what it opened, value by value; shares may come one at a time.

    The caller gives each contributor of the roster exactly once. Raises `Misuse` for a share of another length.
    """
    total = [0] * exchange.length
    for share in shares:
        if len(share) != exchange.length:
            raise _misuse(f"a share of {len(share)} values", f"{exchange.length} values")
        total = list(map(int.__add__, total, share))
    return [value % MODULUS for value in total]


def encode_fast_answer(exchange: FastExchange, answer: Sequence[int]) -> bytes:
    """The one encoding of an answer (or of a share): 8 bytes a value, big-endian."""
    if len(answer) != exchange.length or not all(0 <= residue < MODULUS for residue in answer):
        raise _misuse("no answer of this exchange", f"{exchange.length} residues")
    return _encode(answer)


def decode_fast_answer(exchange: FastExchange, data: bytes) -> list[int]:
    """The answer of these bytes; raises `Malformed` for another length or a residue that is not below the modulus."""
    if len(data) != exchange.share_bytes:
        raise _malformed(f"{len(data)} bytes", f"{exchange.share_bytes} bytes for {exchange.length} values")
    residues = list(struct.unpack(f">{exchange.length}Q", data))
    if max(residues) >= MODULUS:
        raise _malformed("a residue that is not below the modulus", "residues modulo 2^61 - 1")
    return residues


def combine_fast_answers(exchange: FastExchange, answers: Mapping[int, Sequence[int]]) -> list[int]:
    """The sums, exact and signed, from the answers by holder index.

    Takes 2k - 1 answers or more, of which none may contradict the others. Raises `Misuse` when there are fewer (a
    missing answer is the caller's to wait for), and `FailedVerification` when the answers do not lie on one polynomial
    of degree k - 1, value by value: somebody's answer is false, and nothing here tells whose.
    """
    threshold = exchange.threshold
    if len(answers) < threshold.fast_answers_needed:
        raise Misuse(
            "fast-sum-answers",
            found=f"answers of {len(answers)} holders",
            expected=f"answers of {threshold.fast_answers_needed} holders or more",
            remedy="Wait for more answers; holders keep them and send the same again.",
        )
    for holder, answer in answers.items():
        threshold.check_index(holder)
        if len(answer) != exchange.length:
            raise _misuse(f"an answer of {len(answer)} values", f"{exchange.length} values")
    indices = sorted(answers)
    first, others = indices[: threshold.threshold], indices[threshold.threshold :]
    vectors = [answers[holder] for holder in first]
    for holder in others:
        if _at(first, vectors, holder) != list(answers[holder]):
            raise FailedVerification(
                "fast-sum-contradiction",
                found="answers of holders that do not lie on one polynomial",
                expected=f"consistent answers of all {len(answers)} holders",
                remedy="Try again with the same members and values; mathematics names nobody here, so exclude nobody.",
            )
    return [value if value <= MODULUS // 2 else value - MODULUS for value in _at(first, vectors, 0)]


def _at(indices: Sequence[int], vectors: Sequence[Sequence[int]], x: int) -> list[int]:
    """The polynomials through `vectors` at `indices`, evaluated at `x`, value by value."""
    weights = lagrange_weights(indices, x, MODULUS)
    return [sum(map(int.__mul__, weights, column)) % MODULUS for column in zip(*vectors, strict=True)]


def _share(exchange: FastExchange, values: Sequence[int], random_bytes: RandomBytes) -> dict[int, list[int]]:
    try:
        # numpy's integers become Python's, which do not wrap around.
        constants = [exact_integer(value) for value in values]
    except TypeError:
        raise _misuse("a value that is no integer", "integers in fixed point") from None
    bound = 1 << exchange.value_bits
    if len(constants) != exchange.length or not all(-bound < value < bound for value in constants):
        raise _misuse(
            f"{len(constants)} values, or one of another size",
            f"{exchange.length} integers below 2^{exchange.value_bits} in magnitude",
        )
    coefficients = [constants] + [
        _random_residues(exchange.length, random_bytes) for _ in range(exchange.threshold.threshold - 1)
    ]
    shares = {}
    for holder in exchange.threshold.indices:
        share = coefficients[-1]
        for lower in reversed(coefficients[:-1]):  # Horner, for all values at once
            share = [(high * holder + low) % MODULUS for high, low in zip(share, lower, strict=True)]
        shares[holder] = share
    return shares


def _random_residues(count: int, random_bytes: RandomBytes) -> list[int]:
    """Uniform residues: 61 random bits each, drawn again for the one value that is no residue."""
    residues: list[int] = []
    while missing := count - len(residues):
        words = struct.unpack(f">{missing}Q", random_bytes(missing * RESIDUE_BYTES))
        residues += [word & MODULUS for word in words if word & MODULUS != MODULUS]
    return residues


def _encode(residues: Sequence[int]) -> bytes:
    return struct.pack(f">{len(residues)}Q", *residues)


def _misuse(found: str, expected: str) -> Misuse:
    return Misuse(
        "fast-sum-parameters",
        found=found,
        expected=expected,
        remedy="Take the parameters from the signed plan, and give as many values as it says.",
    )


def _malformed(found: str, expected: str) -> Malformed:
    return Malformed(
        "fast-sum-residues",
        found=found,
        expected=expected,
        remedy="Ask the sender for the message again; it was damaged, or its maker does not follow the format.",
    )
