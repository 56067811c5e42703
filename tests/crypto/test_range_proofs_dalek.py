"""Dalek's published range proofs verify through the product's code; any changed byte of them does not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ristretto_twin import ORDER, RISTRETTO255, Ristretto, dalek_system

from carbonport.crypto.proofs.range_prover import prove_range
from carbonport.crypto.proofs.range_verifier import RangeClaim, verify_ranges
from carbonport.errors import FailedVerification, Malformed

LABEL = b"Deserialize-And-Verify Test"


@pytest.fixture(scope="module")
def claims(shared: Path) -> dict[tuple[int, int], RangeClaim[Ristretto]]:
    records = json.loads((shared / "vectors/bulletproofs/dalek.json").read_text())["proofs"]
    assert len(records) == 8
    return {
        (record["n"], record["m"]): RangeClaim(
            tuple(RISTRETTO255.decode_element(bytes.fromhex(point)) for point in record["commitments"]),
            (record["n"],) * record["m"],
            LABEL,
            bytes.fromhex(record["proof"]),
        )
        for record in records
    }


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_published_proofs_verify(
    claims: dict[tuple[int, int], RangeClaim[Ristretto]], bits: int, count: int
) -> None:
    verify_ranges(dalek_system(bits), [claims[bits, count]])


def test_proofs_of_both_sizes_verify_as_one_batch(
    claims: dict[tuple[int, int], RangeClaim[Ristretto]],
) -> None:
    pair = [claims[8, 1], claims[8, 2], claims[8, 1]]
    verify_ranges(dalek_system(8), pair)
    swapped = RangeClaim(pair[1].commitments[::-1], (8, 8), LABEL, pair[1].proof)
    with pytest.raises(FailedVerification, match="range-proof"):
        verify_ranges(dalek_system(8), [pair[0], swapped])


def _changed(data: bytes, position: int, mask: int) -> bytes:
    return data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]


def _sampled_bytes(length: int) -> Iterator[int]:
    """One byte of each of the 32-byte fields, a different one in each."""
    return ((field * 32) + field * 7 % 32 for field in range(length // 32))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_changed_byte_in_any_field_fails(
    claims: dict[tuple[int, int], RangeClaim[Ristretto]], bits: int
) -> None:
    claim = claims[bits, 1]
    for position in _sampled_bytes(len(claim.proof)):
        changed = RangeClaim(
            claim.commitments, claim.widths, LABEL, _changed(claim.proof, position, 1 << position % 8)
        )
        with pytest.raises((Malformed, FailedVerification)):
            verify_ranges(dalek_system(bits), [changed])


@given(st.data())
@settings(max_examples=60)
def test_any_changed_byte_fails(
    claims: dict[tuple[int, int], RangeClaim[Ristretto]], data: st.DataObject
) -> None:
    claim = claims[data.draw(st.sampled_from(sorted(key for key in claims if key[0] * key[1] <= 32)))]
    position = data.draw(st.integers(0, len(claim.proof) - 1))
    mask = data.draw(st.integers(1, 255))
    changed = RangeClaim(claim.commitments, claim.widths, LABEL, _changed(claim.proof, position, mask))
    with pytest.raises((Malformed, FailedVerification)):
        verify_ranges(dalek_system(claim.widths[0]), [changed])


def test_another_label_or_commitment_or_length_fails(
    claims: dict[tuple[int, int], RangeClaim[Ristretto]],
) -> None:
    claim = claims[8, 1]
    others = [
        RangeClaim(claim.commitments, claim.widths, b"another label", claim.proof),
        RangeClaim((claim.commitments[0] + RISTRETTO255.base,), claim.widths, LABEL, claim.proof),
        RangeClaim(claim.commitments, claim.widths, LABEL, claim.proof[:-1]),
        RangeClaim(claim.commitments, claim.widths, LABEL, claim.proof + b"\0"),
    ]
    for other in others:
        with pytest.raises((Malformed, FailedVerification)):
            verify_ranges(dalek_system(8), [other])


def test_our_prover_makes_proofs_of_dalek_shape() -> None:
    values, blindings = [255, 0], [7, ORDER - 1]
    commitments = [
        RISTRETTO255.base * value + RISTRETTO255.blinding_base * blinding
        for value, blinding in zip(values, blindings, strict=True)
    ]
    proof = prove_range(
        dalek_system(8), values, blindings, commitments, [8, 8], LABEL, nonce_secret=bytes(32)
    )
    assert len(proof) == 544
    verify_ranges(dalek_system(8), [RangeClaim(tuple(commitments), (8, 8), LABEL, proof)])
