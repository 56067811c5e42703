"""Range proofs of the product: laws, bindings, batches, and what a false prover may try."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_arkworks_bls12381 import G1Point
from ristretto_twin import RISTRETTO255, Ristretto

from carbonport.crypto.group import (
    GENERATOR_DERIVATION,
    IDENTITY,
    ORDER,
    SCALAR_BYTES,
    G,
    H,
    Point,
    hash_to_group,
)
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.range_layout import RangeLayout
from carbonport.crypto.proofs.range_prover import prove_range
from carbonport.crypto.proofs.range_system import RangeSystem
from carbonport.crypto.proofs.range_transcript import SpongeRangeTranscript, nonzero
from carbonport.crypto.proofs.range_verifier import OpenedCommitment, RangeClaim, verify_ranges
from carbonport.crypto.proofs.ranges import (
    CARBONPORT_RANGES,
    openings_proof_bytes,
    prove_openings,
    range_generators,
    verify_range_claims,
)
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse

SECRET = bytes(range(32))
CONTEXT = hashlib.sha512(b"context").digest()
ORDER_3 = b"\x80" + bytes(47)
"""A point of the curve outside the group: its triple is the identity."""

unchecked = G1Point.from_compressed_bytes_unchecked

blindings = st.integers(1, ORDER - 1)


def claim_of(
    openings: Sequence[Opening], widths: Sequence[int], context: bytes = CONTEXT
) -> RangeClaim[Point]:
    proof = prove_openings(openings, widths, context, nonce_secret=SECRET)
    return RangeClaim(tuple(commit(opening) for opening in openings), tuple(widths), context, proof)


def rejection(*claims: RangeClaim[Point]) -> CarbonportError | None:
    try:
        verify_range_claims(claims)
    except (Malformed, FailedVerification) as error:
        return error
    return None


@st.composite
def values_in_ranges(draw: st.DrawFn) -> tuple[list[Opening], list[int]]:
    widths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
    edges = [draw(st.sampled_from([0, 2**width - 1]) | st.integers(0, 2**width - 1)) for width in widths]
    return [Opening(value, draw(blindings)) for value in edges], widths


@given(values_in_ranges())
@settings(max_examples=20)
def test_every_value_in_its_range_is_provable(drawn: tuple[list[Opening], list[int]]) -> None:
    openings, widths = drawn
    claim = claim_of(openings, widths)
    assert len(claim.proof) == openings_proof_bytes(claim.widths)
    assert rejection(claim) is None


@pytest.mark.parametrize(
    ("widths", "length"),
    [((64,), 928), ((128, 128), 1120), ((103, 76), 1120), ((1,), 544), ((64, 64, 64), 1120)],
)
def test_proofs_of_real_widths_hold_and_have_the_stated_length(widths: tuple[int, ...], length: int) -> None:
    openings = [Opening((1 << width) - 1 if i else 0, 7 + i) for i, width in enumerate(widths)]
    claim = claim_of(openings, widths)
    assert len(claim.proof) == openings_proof_bytes(widths) == length
    assert rejection(claim) is None


@pytest.mark.parametrize(
    "width", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 97, 127, 128]
)
def test_every_width_holds_its_edges_and_nothing_beyond(width: int) -> None:
    claims = [claim_of([Opening(value, 5 + value % 7)], [width]) for value in {0, (1 << width) - 1}]
    assert rejection(*claims) is None
    with pytest.raises(Misuse, match="range-value"):
        claim_of([Opening(1 << width, 5)], [width])
    beyond = commit(Opening(1 << width, 5))
    proof = prove_range(CARBONPORT_RANGES, [0], [5], [beyond], [width], CONTEXT, nonce_secret=SECRET)
    assert isinstance(rejection(RangeClaim((beyond,), (width,), CONTEXT, proof)), FailedVerification)


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16, 32, 3, 5, 31])
def test_any_number_of_values_share_a_proof(count: int) -> None:
    openings = [Opening(i % 8, 100 + i) for i in range(count)]
    claim = claim_of(openings, [3] * count)
    assert len(claim.proof) == openings_proof_bytes((3,) * count)
    assert rejection(claim) is None
    moved = list(claim.commitments)
    moved[-1] = moved[-1] + G * 8
    assert isinstance(rejection(replace(claim, commitments=tuple(moved))), FailedVerification)


@pytest.mark.parametrize("value", [-1, 2**8, 2**64, -(2**200)])
def test_a_value_outside_its_range_has_no_proof(value: int) -> None:
    with pytest.raises(Misuse, match="range-value") as caught:
        prove_openings([Opening(value, 99)], [8], CONTEXT, nonce_secret=SECRET)
    assert str(abs(value)) not in caught.value.found


@pytest.mark.parametrize("value", [-1, 2**8 + 3, ORDER // 2])
def test_a_prover_that_lies_about_its_value_makes_no_proof(value: int) -> None:
    """Negative tonnes by wrapping around: the bits of some number in range do not open this commitment."""
    commitment = G * value + H * 99
    proof = prove_range(
        CARBONPORT_RANGES, [value % 256], [99], [commitment], [8], CONTEXT, nonce_secret=SECRET
    )
    assert rejection(RangeClaim((commitment,), (8,), CONTEXT, proof)) is not None


@pytest.fixture(scope="module")
def pair() -> RangeClaim[Point]:
    return claim_of([Opening(200, 11), Opening(3, 12)], [8, 8])


def test_a_proof_holds_for_its_own_context_commitments_and_widths_only(pair: RangeClaim[Point]) -> None:
    one, other = pair.commitments
    changed = {
        "context": replace(pair, context=CONTEXT[::-1]),
        "order of commitments": replace(pair, commitments=(other, one)),
        "value moved": replace(pair, commitments=(one + G, other - G)),
        "blinding moved": replace(pair, commitments=(one + H, other)),
        "negated": replace(pair, commitments=(-one, other)),
        "widths of the same sum": replace(pair, widths=(9, 7)),
        "wider": replace(pair, widths=(8, 7)),
        "fewer values": replace(pair, commitments=(one,), widths=(16,)),
        "more values": replace(pair, commitments=(one, other, other), widths=(8, 7, 1)),
    }
    for what, claim in changed.items():
        assert isinstance(rejection(claim), FailedVerification), what
    assert isinstance(rejection(replace(pair, widths=(8, 9))), Malformed)


def test_the_identity_is_no_commitment(pair: RangeClaim[Point]) -> None:
    for commitments in ((IDENTITY, pair.commitments[1]), (pair.commitments[0], IDENTITY)):
        with pytest.raises(FailedVerification, match="range-commitment"):
            verify_range_claims([replace(pair, commitments=commitments)])


@pytest.mark.parametrize(
    "kind",
    ["cut", "extended", "empty", "identity point", "point off curve", "scalar = order", "small component"],
)
def test_bytes_that_are_no_proof_are_malformed(pair: RangeClaim[Point], kind: str) -> None:
    proof = pair.proof
    changed = {
        "cut": proof[:-1],
        "extended": proof + b"\0",
        "empty": b"",
        "identity point": b"\xc0" + bytes(47) + proof[48:],
        "point off curve": b"\x9a" + bytes(46) + b"\x01" + proof[48:],
        "scalar = order": proof[:-SCALAR_BYTES] + ORDER.to_bytes(SCALAR_BYTES, "big"),
        "small component": bytes((unchecked(proof[:48]) + unchecked(ORDER_3)).to_compressed_bytes())
        + proof[48:],
    }[kind]
    assert isinstance(rejection(replace(pair, proof=changed)), Malformed)


def test_a_batch_holds_when_all_its_proofs_do(pair: RangeClaim[Point]) -> None:
    claims = [pair, claim_of([Opening(2**20, 5)], [21]), claim_of([Opening(0, 6)], [1]), pair]
    verify_range_claims([])
    assert rejection(*claims) is None
    for i, claim in enumerate(claims):
        false = replace(claim, context=CONTEXT[::-1])
        assert isinstance(rejection(*claims[:i], false, *claims[i + 1 :]), FailedVerification)


def test_a_batch_refuses_errors_that_cancel_out(pair: RangeClaim[Point]) -> None:
    """The last scalar moved up in one copy and down in another: with one weight for both they would add up to zero."""
    last = int.from_bytes(pair.proof[-SCALAR_BYTES:], "big")
    moved = [
        replace(pair, proof=pair.proof[:-SCALAR_BYTES] + (last + step).to_bytes(SCALAR_BYTES, "big"))
        for step in (1, -1)
    ]
    assert all(isinstance(rejection(claim), FailedVerification) for claim in moved)
    assert isinstance(rejection(*moved), FailedVerification)

    def constant(count: int) -> bytes:
        return b"\x01" * count

    verify_ranges(
        CARBONPORT_RANGES, moved, random_bytes=constant
    )  # what predictable weights would let through


def test_weights_are_drawn_after_parsing_and_anew_for_every_equation(pair: RangeClaim[Point]) -> None:
    drawn = []

    def counted(count: int) -> bytes:
        drawn.append(count)
        return hashlib.shake_128(bytes([len(drawn)])).digest(count)

    verify_ranges(CARBONPORT_RANGES, [pair, pair, pair], random_bytes=counted)
    assert drawn == [16] * 6
    drawn.clear()
    with pytest.raises(Malformed):
        verify_ranges(CARBONPORT_RANGES, [pair, replace(pair, proof=b"")], random_bytes=counted)
    assert not drawn


@pytest.mark.parametrize(
    ("widths", "error_id"),
    [
        ([], "range-width"),
        ([0], "range-width"),
        ([129], "range-width"),
        ([-1], "range-width"),
        ([128] * 33, "range-too-many"),
    ],
)
def test_widths_that_no_range_has_are_refused(widths: list[int], error_id: str) -> None:
    with pytest.raises(Misuse, match=error_id):
        RangeLayout(tuple(widths), 4)


def test_counts_and_contexts_must_fit(pair: RangeClaim[Point]) -> None:
    with pytest.raises(Misuse, match="range-count"):
        verify_range_claims([replace(pair, commitments=(*pair.commitments, G))])
    with pytest.raises(Misuse, match="range-value"):
        prove_openings([Opening(1, 2)], [8, 8], CONTEXT, nonce_secret=SECRET)
    with pytest.raises(Misuse, match="proof-context"):
        verify_range_claims([replace(pair, context=b"short")])
    with pytest.raises(Misuse, match="proof-nonce-secret"):
        prove_openings([Opening(1, 2)], [8], CONTEXT, nonce_secret=b"short")
    with pytest.raises(FailedVerification, match="range-challenge-zero"):
        nonzero(0)


def test_layout_of_equal_powers_of_two_is_the_papers() -> None:
    layout = RangeLayout((4, 4), 1)
    assert (layout.size, layout.rounds) == (8, 3)
    assert layout.bits([0b0101, 0b1000]) == [1, 0, 1, 0, 0, 0, 0, 1]
    assert layout.weights(10, ORDER) == [100, 200, 400, 800, 1000, 2000, 4000, 8000]
    assert RangeLayout((5, 2), 4).weights(10, ORDER) == [100, 200, 400, 800, 1600, 1000, 2000, 0]


def test_generators_follow_their_derivation_and_are_all_different() -> None:
    g, h = range_generators(16)
    assert g[3] == hash_to_group(GENERATOR_DERIVATION, "range-G", 3)
    assert h[15] == hash_to_group(GENERATOR_DERIVATION, "range-H", 15)
    assert len({*g, *h, G, H}) == 34
    assert range_generators(4) == (g[:4], h[:4])


def test_the_format_does_not_change_unnoticed() -> None:
    """With constant randomness the proof is these bytes; a change of layout, transcript or nonces shows here."""
    proof = prove_openings([Opening(77, 5)], [8], CONTEXT, nonce_secret=SECRET, random_bytes=bytes)
    assert hashlib.sha256(proof).hexdigest() == PINNED


PINNED = "23fad665fa80d77cc6916371273aba1df6bffca998794048b2858a1bb5c99b56"
"""SHA-256 of that proof."""


def test_proofs_differ_when_anything_but_the_generator_does() -> None:
    proofs = [
        prove_openings([Opening(value, 5)], [8], context, nonce_secret=secret, random_bytes=bytes)
        for value, context, secret in [
            (77, CONTEXT, SECRET),
            (78, CONTEXT, SECRET),
            (77, CONTEXT[::-1], SECRET),
            (77, CONTEXT, bytes(32)),
        ]
    ]
    assert all(one[:48] != other[:48] for one, other in pairwise([*proofs, proofs[0]]))
    assert len({proof[:48] for proof in proofs}) == len(proofs)


def test_the_same_code_runs_over_another_group_with_our_transcript() -> None:
    def vectors(size: int) -> tuple[list[Ristretto], list[Ristretto]]:
        g, h = ([RISTRETTO255.hash_to_group("test", name, i) for i in range(size)] for name in "GH")
        return g, h

    def begin(
        context: bytes, widths: Sequence[int], commitments: Sequence[Ristretto]
    ) -> SpongeRangeTranscript[Ristretto]:
        return SpongeRangeTranscript(RISTRETTO255, "test", context, widths, commitments)

    system = RangeSystem(RISTRETTO255, vectors, begin, 2)
    commitment = RISTRETTO255.base * 1000 + RISTRETTO255.blinding_base * 7
    proof = prove_range(system, [1000], [7], [commitment], [10], CONTEXT, nonce_secret=SECRET)
    verify_ranges(system, [RangeClaim((commitment,), (10,), CONTEXT, proof)])
    with pytest.raises(FailedVerification):
        verify_ranges(system, [RangeClaim((commitment + RISTRETTO255.base,), (10,), CONTEXT, proof)])


def test_halving_over_folded_generators_gives_the_same_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folding generators is a matter of speed alone."""
    openings = [Opening(2**100 + 1, 3)]
    proofs = []
    monkeypatch.setattr("carbonport.crypto.proofs.range_prover.FOLD_BEFORE_ROUNDS", 1)
    for rounds in (1, 2, 4, 20):
        monkeypatch.setattr("carbonport.crypto.proofs.range_prover.FOLD_AFTER_ROUNDS", rounds)
        proofs.append(prove_openings(openings, [101], CONTEXT, nonce_secret=SECRET, random_bytes=bytes))
    assert len(set(proofs)) == 1


def test_openings_are_checked_in_the_same_sum_and_none_makes_up_for_another() -> None:
    claim = claim_of([Opening(9, 5)], [4])
    shown = [
        OpenedCommitment(commit(Opening(value, 7 + value)), value, 7 + value) for value in (3, 0, 1 << 200)
    ]
    for claims in ([claim], []):
        verify_range_claims(claims, shown)
        for false in (
            replace(shown[0], value=4),
            replace(shown[0], blinding=11),
            replace(shown[0], commitment=shown[1].commitment),
            replace(shown[0], commitment=IDENTITY),
        ):
            with pytest.raises(FailedVerification, match="range-proof"):
                verify_range_claims(claims, [shown[1], false])
        # Errors that cancel in a plain sum: one too much here, one too little there.
        with pytest.raises(FailedVerification, match="range-proof"):
            verify_range_claims(claims, [replace(shown[0], value=4), replace(shown[1], value=-1)])
