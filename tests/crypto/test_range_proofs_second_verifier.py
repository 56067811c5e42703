"""A second verifier of our range proofs, slow and plain: it folds generators round by round as the paper describes,
checks both equations one after the other, and shares no code with the product but the group. It must accept and reject
the same as the product's one big sum."""

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.group import ORDER, G, H, Point, hash_to_group
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.crypto.proofs.ranges import prove_openings, verify_range_claims
from carbonport.errors import FailedVerification, Malformed

CONTEXT = hashlib.sha512(b"second verifier").digest()
TAG = b"CARBONPORT-V01-0001-bulletproofs-with-duplex-sponge-SHAKE128"
MUTATIONS = 4000

_generators: dict[tuple[str, int], Point] = {}


def generator(name: str, i: int) -> Point:
    if (name, i) not in _generators:
        _generators[name, i] = hash_to_group("carbonport/generators/v1", name, i)
    return _generators[name, i]


class PlainTranscript:
    """Everything absorbed so far is one byte string; a challenge hashes all of it."""

    def __init__(self) -> None:
        label = b"irtf-cfrg-fiat-shamir/session-id"
        self.data = hashlib.shake_128(label + bytes(136) + TAG).digest(32) + bytes(136)

    def absorb(self, label: bytes, data: bytes) -> None:
        for part in (label, data):
            self.data += len(part).to_bytes(4, "little") + part

    def challenge(self, label: bytes) -> int:
        self.absorb(b"challenge", label)
        return int.from_bytes(hashlib.shake_128(self.data).digest(48), "little") % ORDER


def plain_verify(claim: RangeClaim[Point]) -> bool:
    """Whether the claim holds, by the equations (65) to (68) of the paper, one after the other."""
    total = sum(claim.widths)
    size = 4
    while size < total:
        size *= 2
    rounds = (size // 4).bit_length() - 1
    data = claim.proof
    if len(data) != 48 * (4 + 2 * rounds) + 32 * (3 + 8):
        return False
    if any(point.is_identity for point in claim.commitments):
        return False
    try:
        points = [Point.decode(data[48 * i : 48 * i + 48]) for i in range(4)]
        rest = data[48 * 4 + 32 * 3 :]
        halvings = [Point.decode(rest[48 * i : 48 * i + 48]) for i in range(2 * rounds)]
    except Malformed:
        return False
    middle = data[48 * 4 : 48 * 4 + 96]
    tail = rest[96 * rounds :]
    t, tau, mu = (int.from_bytes(middle[32 * i : 32 * i + 32], "big") for i in range(3))
    last = [int.from_bytes(tail[32 * i : 32 * i + 32], "big") for i in range(8)]
    if any(scalar >= ORDER for scalar in (t, tau, mu, *last)):
        return False
    left, right = last[:4], last[4:]

    transcript = PlainTranscript()
    transcript.absorb(b"suite", b"BLS12381-G1")
    transcript.absorb(b"generators", b"carbonport/generators/v1")
    transcript.absorb(b"context", claim.context)
    transcript.absorb(b"count", len(claim.widths).to_bytes(4, "little"))
    transcript.absorb(b"widths", b"".join(width.to_bytes(4, "little") for width in claim.widths))
    for point in claim.commitments:
        transcript.absorb(b"V", point.encode())
    a, s, t1, t2 = points
    transcript.absorb(b"A", a.encode())
    transcript.absorb(b"S", s.encode())
    y = transcript.challenge(b"y")
    z = transcript.challenge(b"z")
    transcript.absorb(b"T_1", t1.encode())
    transcript.absorb(b"T_2", t2.encode())
    x = transcript.challenge(b"x")
    transcript.absorb(b"t_x", t.to_bytes(32, "big"))
    transcript.absorb(b"t_x_blinding", tau.to_bytes(32, "big"))
    transcript.absorb(b"e_blinding", mu.to_bytes(32, "big"))
    w = transcript.challenge(b"w")
    transcript.absorb(b"inner product", size.to_bytes(4, "little"))

    # t(x) = sum(z^(2+j) v_j) + delta(y, z) + t1 x + t2 x^2, in the exponent
    weights = [z ** (2 + j) * 2**k for j, width in enumerate(claim.widths) for k in range(width)]
    weights += [0] * (size - total)
    y_powers = [pow(y, i, ORDER) for i in range(size)]
    delta = (z - z * z) * sum(y_powers) - z * sum(weights)
    expected = G * delta + t1 * x + t2 * (x * x)
    for j, commitment in enumerate(claim.commitments):
        expected += commitment * pow(z, 2 + j, ORDER)
    if G * t + H * tau != expected:
        return False

    # P = A + x S - z <1, g> + <z y^n + weights, h'>, with h'_i = y^-i h_i
    g = [generator("range-G", i) for i in range(size)]
    h = [generator("range-H", i) * pow(y_powers[i], -1, ORDER) for i in range(size)]
    p = a + s * x - H * mu + G * (w * t)
    for i in range(size):
        p += g[i] * -z + h[i] * (z * y_powers[i] + weights[i])
    for i in range(rounds):
        big_l, big_r = halvings[2 * i : 2 * i + 2]
        transcript.absorb(b"L", big_l.encode())
        transcript.absorb(b"R", big_r.encode())
        u = transcript.challenge(b"u")
        inverse = pow(u, -1, ORDER)
        half = len(g) // 2
        g = [g[k] * inverse + g[k + half] * u for k in range(half)]
        h = [h[k] * u + h[k + half] * inverse for k in range(half)]
        p += big_l * (u * u) + big_r * (inverse * inverse)
    inner = sum(one * other for one, other in zip(left, right, strict=True))
    expected = G * (w * inner)
    for k in range(4):
        expected += g[k] * left[k] + h[k] * right[k]
    return p == expected


def product_verify(claim: RangeClaim[Point]) -> bool:
    try:
        verify_range_claims([claim])
    except (Malformed, FailedVerification):
        return False
    return True


def claim_of(values: list[int], widths: list[int]) -> RangeClaim[Point]:
    openings = [Opening(value, 1000 + i) for i, value in enumerate(values)]
    proof = prove_openings(openings, widths, CONTEXT, nonce_secret=bytes(32))
    return RangeClaim(tuple(commit(opening) for opening in openings), tuple(widths), CONTEXT, proof)


@pytest.mark.parametrize(
    ("values", "widths"),
    [([5], [3]), ([200], [8]), ([0, 1, 1], [1, 1, 1]), ([2**19, 3], [20, 5]), ([2**64 - 1], [64])],
)
def test_both_verifiers_accept_what_the_prover_makes(values: list[int], widths: list[int]) -> None:
    claim = claim_of(values, widths)
    assert plain_verify(claim)
    assert product_verify(claim)


@pytest.fixture(scope="module")
def small() -> RangeClaim[Point]:
    return claim_of([9, 1], [5, 3])


@given(st.data())
@settings(max_examples=60)
def test_both_verifiers_reject_the_same(small: RangeClaim[Point], data: st.DataObject) -> None:
    """One byte, or one field replaced by another field of the same kind."""
    proof = bytearray(small.proof)
    if data.draw(st.booleans()):
        proof[data.draw(st.integers(0, len(proof) - 1))] = data.draw(st.integers(0, 255))
    elif data.draw(st.booleans()):
        one, other = (48 * data.draw(st.integers(0, 3)) for _ in range(2))
        proof[one : one + 48] = small.proof[other : other + 48]
    else:
        one, other = (len(proof) - 32 * data.draw(st.integers(1, 8)) for _ in range(2))
        proof[one : one + 32] = small.proof[other : other + 32]
    claim = RangeClaim(small.commitments, small.widths, CONTEXT, bytes(proof))
    expected = bytes(proof) == small.proof
    assert plain_verify(claim) is expected
    assert product_verify(claim) is expected


@given(st.integers(0, 4))
@settings(max_examples=5)
def test_both_reject_other_public_values(small: RangeClaim[Point], what: int) -> None:
    one, other = small.commitments
    claim = [
        RangeClaim((other, one), (5, 3), CONTEXT, small.proof),
        RangeClaim((one + G, other), (5, 3), CONTEXT, small.proof),
        RangeClaim((one, other), (3, 5), CONTEXT, small.proof),
        RangeClaim((one, other), (5, 2), CONTEXT, small.proof),
        RangeClaim((one, other), (5, 3), CONTEXT[::-1], small.proof),
    ][what]
    assert not plain_verify(claim)
    assert not product_verify(claim)


def test_thousands_of_random_mutations_are_all_rejected(small: RangeClaim[Point]) -> None:
    """Bits turned, bytes replaced, fields exchanged, tails cut and added; the seed makes a failure repeatable."""
    source = random.Random(2018)
    length = len(small.proof)
    for _ in range(MUTATIONS):
        changed = bytearray(small.proof)
        match source.randrange(4):
            case 0:
                changed[source.randrange(length)] ^= 1 << source.randrange(8)
            case 1:
                start = source.randrange(length)
                changed[start : start + 32] = source.randbytes(min(32, length - start))
            case 2:
                one, other = (length - 32 * source.randrange(1, 9) for _ in range(2))
                changed[one : one + 32], changed[other : other + 32] = (
                    changed[other : other + 32],
                    changed[one : one + 32],
                )
            case _:
                cut = source.randrange(length)
                changed = changed[:cut] + source.randbytes(source.randrange(3))
        if bytes(changed) != small.proof:
            assert not product_verify(RangeClaim(small.commitments, small.widths, CONTEXT, bytes(changed)))
