"""The draft's proofs, byte for byte, and records of every adversarial kind made from them."""

import json
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from seeded_proofs import SeededNonces, parse_relation

from carbonport.crypto.group import ORDER, POINT_BYTES, SCALAR_BYTES, Point
from carbonport.crypto.proofs.duplex_sponge import derive_session_id
from carbonport.crypto.proofs.linear_relation import LinearRelation
from carbonport.crypto.proofs.relation_proofs import (
    Form,
    RelationClaim,
    _prove,
    proof_bytes,
    verify_relation,
    verify_relation_batch,
)
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse

Record: TypeAlias = dict[str, Any]

NAMES = (
    "discrete_logarithm",
    "dleq",
    "pedersen_commitment",
    "pedersen_commitment_dleq",
    "bbs_blind_commitment_computation",
    "elgamal_decryption",
    "dleq_derived_element",
)
FORMS = {"batchable": Form.BATCHABLE, "compact": Form.COMPACT}
CASES = [(name, flavour) for name in NAMES for flavour in FORMS]

MIN_KINDS = 28
"""Kinds of adversarial records that stand beside the draft's vectors."""


class Vector:
    """A record, decoded."""

    def __init__(self, record: Record) -> None:
        self.name: str = record["Relation"]
        self.form = FORMS[record["Flavor"]]
        self.tag: bytes = record["Tag"].encode()
        self.session_id: str = record["SessionId"]
        self.instance = bytes.fromhex(record["Instance"])
        self.relation: LinearRelation[Point] = parse_relation(self.instance)
        witness = bytes.fromhex(record["Witness"])
        self.witness = [int.from_bytes(witness[i : i + 32], "big") for i in range(0, len(witness), 32)]
        self.proof = bytes.fromhex(record["NargString"])

    def verify(self, proof: bytes | None = None, tag: bytes | None = None) -> None:
        verify_relation(
            self.relation, self.proof if proof is None else proof, tag or self.tag, form=self.form
        )


def rejection(vector: Vector, proof: bytes) -> CarbonportError | None:
    """The error that `proof` meets in the place of the vector's own; none when it is accepted."""
    try:
        vector.verify(proof)
    except (Malformed, FailedVerification) as error:
        return error
    return None


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[tuple[str, str], Vector]:
    records = json.loads((shared / "vectors/sigma/sigma-proofs_Shake128_BLS12381.json").read_text())
    assert len(records) == len(CASES)
    return {(record["Relation"], record["Flavor"]): Vector(record) for record in records}


@pytest.mark.parametrize(("name", "flavour"), CASES)
def test_proofs_are_reproduced_byte_for_byte(
    vectors: dict[tuple[str, str], Vector], name: str, flavour: str
) -> None:
    vector = vectors[name, flavour]
    relation = vector.relation
    assert derive_session_id(vector.tag).hex() == vector.session_id
    assert relation.encode() == vector.instance
    assert tuple(relation.evaluate(vector.witness)) == relation.images
    nonces = SeededNonces(name, vector.form).take(relation.scalar_count)
    assert _prove(relation, vector.witness, vector.tag, vector.form, nonces) == vector.proof
    assert len(vector.proof) == proof_bytes(relation, vector.form)
    vector.verify()


def adversarial(vector: Vector) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Proofs that are no proofs, and proofs that do not hold, made from the vector's own."""
    compact = vector.form is Form.COMPACT
    head = SCALAR_BYTES if compact else POINT_BYTES * len(vector.relation.equations)
    proof, first, responses = vector.proof, vector.proof[:head], vector.proof[head:]
    response = int.from_bytes(responses[:SCALAR_BYTES], "big")
    later = responses[SCALAR_BYTES:]

    def answering(number: int) -> bytes:
        return first + number.to_bytes(SCALAR_BYTES + 1, "big")[-SCALAR_BYTES:] + later

    malformed = {
        "truncated": proof[:-1],
        "truncated by a scalar": proof[:-SCALAR_BYTES],
        "head alone": first,
        "empty": b"",
        "appended": proof + b"\0",
        "appended scalar": proof + bytes(SCALAR_BYTES),
        "twice": proof + proof,
        "response + order": answering(response + ORDER),
        "response = order": answering(ORDER),
        "response all ones": first + b"\xff" * SCALAR_BYTES + later,
    }
    failing = {
        "response + 1": answering((response + 1) % ORDER),
        "response - 1": answering((response - 1) % ORDER),
        "response negated": answering(-response % ORDER),
        "response little-endian": first + responses[:SCALAR_BYTES][::-1] + later,
        "zero responses": first + bytes(len(responses)),
    }
    if response + ORDER >= 256**SCALAR_BYTES:  # no room for a second encoding of this one
        del malformed["response + order"]
    if len(responses) > SCALAR_BYTES:
        failing["responses rotated"] = first + later + responses[:SCALAR_BYTES]
    if compact:
        malformed["challenge = order"] = ORDER.to_bytes(SCALAR_BYTES, "big") + responses
        malformed["challenge all ones"] = b"\xff" * SCALAR_BYTES + responses
        challenge = int.from_bytes(first, "big")
        if challenge + ORDER < 256**SCALAR_BYTES:
            malformed["challenge + order"] = (challenge + ORDER).to_bytes(SCALAR_BYTES, "big") + responses
        failing["changed challenge"] = bytes([proof[0] ^ 1]) + proof[1:]
        failing["zero challenge"] = bytes(SCALAR_BYTES) + responses
        failing["challenge negated"] = (-challenge % ORDER).to_bytes(SCALAR_BYTES, "big") + responses
        failing["swapped challenge and response"] = responses[:SCALAR_BYTES] + first + later
    else:
        rest = first[POINT_BYTES:] + responses
        malformed["identity commitment"] = b"\xc0" + bytes(POINT_BYTES - 1) + rest
        malformed["non-canonical identity"] = b"\xff" * POINT_BYTES + rest
        malformed["compression flag cleared"] = bytes([proof[0] & 0x7F]) + proof[1:]
        malformed["a point of order 3"] = b"\x80" + bytes(POINT_BYTES - 1) + rest
        malformed["a coordinate beyond the field"] = b"\x9f" + b"\xff" * (POINT_BYTES - 1) + rest
        failing["negated commitment"] = bytes([proof[0] ^ 0x20]) + proof[1:]
        moved = Point.decode(first[:POINT_BYTES]) + vector.relation.group.base
        failing["commitment of another proof"] = moved.encode() + rest
        failing["commitment = base"] = vector.relation.group.base.encode() + rest
        if head > POINT_BYTES:
            failing["commitments rotated"] = first[POINT_BYTES:] + first[:POINT_BYTES] + responses
    return malformed, failing


def other_tags(vector: Vector) -> dict[str, bytes]:
    tag, name = vector.tag, vector.name.encode()
    return {
        "tag extended": tag + b"x",
        "tag before": b"y" + tag,
        "tag of another": tag.replace(name, b"other"),
    }


@pytest.mark.parametrize(("name", "flavour"), CASES)
def test_adversarial_records_are_rejected(
    vectors: dict[tuple[str, str], Vector], name: str, flavour: str
) -> None:
    vector = vectors[name, flavour]
    malformed, failing = adversarial(vector)
    for kind, changed in malformed.items():
        assert isinstance(rejection(vector, changed), Malformed), kind
    for kind, changed in failing.items():
        assert changed == vector.proof or rejection(vector, changed) is not None, kind
    for tag in other_tags(vector).values():
        with pytest.raises(FailedVerification, match="relation-proof"):
            vector.verify(tag=tag)


def test_adversarial_records_are_of_every_kind(vectors: dict[tuple[str, str], Vector]) -> None:
    kinds = {
        kind
        for vector in vectors.values()
        for records in (*adversarial(vector), other_tags(vector))
        for kind in records
    }
    assert len(kinds) >= MIN_KINDS
    for vector in vectors.values():
        malformed, failing = adversarial(vector)
        changed = [*malformed.values(), *failing.values()]
        # A record that is the vector itself (two equal responses rotated) would show nothing.
        assert sum(record == vector.proof for record in changed) <= 1


@pytest.mark.parametrize(("name", "flavour"), CASES)
def test_a_commitment_to_the_identity_is_rejected(
    vectors: dict[tuple[str, str], Vector], name: str, flavour: str
) -> None:
    """Nonces of zero satisfy every equation and give the witness away; no honest prover draws them."""
    vector = vectors[name, flavour]
    nonces = [0] * vector.relation.scalar_count
    proof = _prove(vector.relation, vector.witness, vector.tag, vector.form, nonces)
    assert isinstance(rejection(vector, proof), FailedVerification | Malformed)


@pytest.mark.parametrize("name", NAMES)
def test_a_proof_is_good_in_its_own_form_and_statement_only(
    vectors: dict[tuple[str, str], Vector], name: str
) -> None:
    batchable, compact = vectors[name, "batchable"], vectors[name, "compact"]
    both = b"DSFS CMPT " + compact.tag  # a tag that allows either form does not make them exchangeable
    for one, form in ((compact, Form.BATCHABLE), (batchable, Form.COMPACT)):
        with pytest.raises((Malformed, FailedVerification)):
            verify_relation(one.relation, one.proof, both, form=form)
        with pytest.raises(Misuse, match="relation-tag"):
            verify_relation(one.relation, one.proof, one.tag, form=form)
    relation = batchable.relation
    for other in vectors.values():
        if other.name != name and other.form is Form.COMPACT:
            with pytest.raises((Malformed, FailedVerification)):
                verify_relation(other.relation, compact.proof, compact.tag)
    with pytest.raises(FailedVerification):
        verify_relation(relation, compact.proof, both)


def test_every_batch_of_valid_proofs_verifies_and_one_false_proof_spoils_it(
    vectors: dict[tuple[str, str], Vector],
) -> None:
    claims = [
        RelationClaim(vector.tag, vector.relation, vector.proof)
        for (_, flavour), vector in vectors.items()
        if flavour == "batchable"
    ]
    verify_relation_batch([])
    verify_relation_batch(claims)
    for claim in claims:
        verify_relation_batch([claim])
    for i, claim in enumerate(claims):
        bumped = (int.from_bytes(claim.proof[-32:], "big") + 1) % ORDER
        changed = claim.proof[:-SCALAR_BYTES] + bumped.to_bytes(SCALAR_BYTES, "big")
        for false in (
            RelationClaim(claim.tag, claim.relation, changed),
            RelationClaim(claim.tag + b"x", claim.relation, claim.proof),
        ):
            with pytest.raises(FailedVerification, match="relation-proof"):
                verify_relation_batch([*claims[:i], false, *claims[i + 1 :]])
