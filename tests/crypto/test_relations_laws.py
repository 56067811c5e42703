"""Relations beyond the vectors: laws of proving and verifying, a second verifier, validity, nonces."""

import hashlib
import random
import secrets
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ristretto_twin import RISTRETTO255

from carbonport.crypto.group import BLS12_381_G1, IDENTITY, ORDER, G, H, Point, multi_scalar_mul
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.hedged_nonces import hedged_nonces
from carbonport.crypto.proofs.linear_relation import (
    BASE,
    Equation,
    ImageTerm,
    LinearRelation,
    RelationBuilder,
    Term,
)
from carbonport.crypto.proofs.relation_proofs import (
    Form,
    RelationClaim,
    proof_bytes,
    prove_relation,
    relation_tag,
    verify_relation,
    verify_relation_batch,
)
from carbonport.errors import FailedVerification, Malformed, Misuse

SECRET = bytes(range(32))
CONTEXT = bytes(64)
MUTATIONS = 3000

blindings = st.integers(1, ORDER - 1)
forms = st.sampled_from(Form)


def linear_claim(openings: list[Opening], factors: list[int]) -> tuple[LinearRelation[Point], list[int]]:
    """sum(k_j * C_j) opens to the public sum of k_j * x_j: one secret, the blinding of the sum."""
    total = sum(factor * opening.value for factor, opening in zip(factors, openings, strict=True))
    blinding = sum(factor * opening.blinding for factor, opening in zip(factors, openings, strict=True))
    builder = RelationBuilder(BLS12_381_G1)
    h = builder.element(H)
    image = [
        ImageTerm(builder.element(commit(opening)), factor)
        for opening, factor in zip(openings, factors, strict=True)
    ]
    builder.equation([*image, ImageTerm(BASE, -total)], [Term(builder.scalar(), h)])
    return builder.build(), [blinding % ORDER]


def product_claim(x: Opening, y: Opening, z: Opening) -> tuple[LinearRelation[Point], list[int]]:
    """C_y = y*G + r*H and C_z = y*C_x + s*H: z is the product of x and y."""
    builder = RelationBuilder(BLS12_381_G1)
    h, c_x, c_y, c_z = (builder.element(point) for point in (H, commit(x), commit(y), commit(z)))
    secret_y, r, s = builder.scalar(), builder.scalar(), builder.scalar()
    builder.equation([ImageTerm(c_y)], [Term(secret_y, BASE), Term(r, h)])
    builder.equation([ImageTerm(c_z)], [Term(secret_y, c_x), Term(s, h)])
    return builder.build(), [y.value, y.blinding, (z.blinding - y.value * x.blinding) % ORDER]


def simple_verify(relation: LinearRelation[Point], proof: bytes, tag: bytes, form: Form) -> bool:
    """A second verifier of the draft, written from its text: plain loops, no code of ours but the group."""

    def le32(number: int) -> bytes:
        return number.to_bytes(4, "little")

    def sponge(session: bytes, data: bytes, length: int) -> bytes:
        return hashlib.shake_128(session + bytes(136) + data).digest(length)

    statement = le32(len(relation.equations))
    for equation in relation.equations:
        statement += le32(len(equation.image))
        for element, coefficient in equation.image:
            statement += le32(element) + (coefficient % ORDER).to_bytes(32, "big")
        statement += le32(len(equation.terms))
        for scalar, element, coefficient in equation.terms:
            statement += le32(scalar) + le32(element) + (coefficient % ORDER).to_bytes(32, "big")
    statement += b"".join(point.encode() for point in relation.elements[1:])

    count = max(term.scalar for equation in relation.equations for term in equation.terms) + 1
    rows = len(relation.equations)
    head = 32 if form is Form.COMPACT else 48 * rows
    if len(proof) != head + 32 * count:
        return False
    responses = [int.from_bytes(proof[head + 32 * i : head + 32 * i + 32], "big") for i in range(count)]
    if any(response >= ORDER for response in responses):
        return False
    session = sponge(b"irtf-cfrg-fiat-shamir/session-id", tag, 32)

    def challenge_of(commitments: bytes) -> int:
        return int.from_bytes(sponge(session, statement + commitments, 48), "little") % ORDER

    rights, lefts = [], []
    for equation in relation.equations:
        right, left = IDENTITY, IDENTITY
        for scalar, element, coefficient in equation.terms:
            right += relation.elements[element] * (coefficient * responses[scalar])
        for element, coefficient in equation.image:
            left += relation.elements[element] * coefficient
        rights.append(right)
        lefts.append(left)
    if form is Form.COMPACT:
        challenge = int.from_bytes(proof[:32], "big")
        commitments = [right - left * challenge for right, left in zip(rights, lefts, strict=True)]
        return (
            challenge < ORDER and challenge_of(b"".join(point.encode() for point in commitments)) == challenge
        )
    try:
        commitments = [Point.decode(proof[48 * i : 48 * i + 48]) for i in range(rows)]
    except Malformed:
        return False
    challenge = challenge_of(proof[:head])
    return all(
        commitment + left * challenge == right
        for commitment, left, right in zip(commitments, lefts, rights, strict=True)
    )


def verdict(relation: LinearRelation[Point], proof: bytes, tag: bytes, form: Form) -> bool:
    try:
        verify_relation(relation, proof, tag, form=form)
    except (Malformed, FailedVerification):
        return False
    return True


openings = st.builds(Opening, st.integers(0, 2**64), blindings)


@given(
    st.lists(st.tuples(openings, st.integers(-(2**32), 2**32).filter(bool)), min_size=1, max_size=6), forms
)
@settings(max_examples=20)
def test_linear_claims_are_provable_and_only_for_their_own_sum(
    rows: list[tuple[Opening, int]], form: Form
) -> None:
    assume(
        sum(opening.blinding * factor for opening, factor in rows) % ORDER
    )  # else the left side is the identity
    relation, witness = linear_claim([opening for opening, _ in rows], [factor for _, factor in rows])
    tag = relation_tag(form, "test", CONTEXT)
    proof = prove_relation(relation, witness, tag, form=form, nonce_secret=SECRET)
    assert len(proof) == proof_bytes(relation, form)
    verify_relation(relation, proof, tag, form=form)
    assert simple_verify(relation, proof, tag, form)

    (equation,) = relation.equations
    *image, total = equation.image
    for changed_image in (
        (*image, ImageTerm(BASE, total.coefficient + 1)),
        (ImageTerm(image[0].element, -image[0].coefficient), *image[1:], total),
        (*image[::-1], total),
    ):
        if changed_image == equation.image:
            continue
        other = LinearRelation(BLS12_381_G1, relation.elements, (Equation(changed_image, equation.terms),))
        assert not verdict(other, proof, tag, form)
        assert not simple_verify(other, proof, tag, form)


@given(openings, st.integers(0, 2**32), blindings, blindings, st.integers(0, 2))
@settings(max_examples=15)
def test_a_product_is_provable_and_its_neighbours_are_not(
    x: Opening, y: int, r: int, s: int, off_by: int
) -> None:
    relation, witness = product_claim(x, Opening(y, r), Opening(x.value * y + off_by, s))
    tag = relation_tag(Form.COMPACT, "product", CONTEXT)
    if off_by:
        with pytest.raises(Misuse, match="relation-witness"):
            prove_relation(relation, witness, tag, nonce_secret=SECRET)
    else:
        verify_relation(relation, prove_relation(relation, witness, tag, nonce_secret=SECRET), tag)


@pytest.fixture(scope="module", params=list(Form), ids=[form.name.lower() for form in Form])
def proved(request: pytest.FixtureRequest) -> tuple[LinearRelation[Point], bytes, bytes, Form]:
    form: Form = request.param
    relation, witness = product_claim(Opening(1234, 5), Opening(77, 8), Opening(1234 * 77, 11))
    tag = relation_tag(form, "mutations", CONTEXT)
    return relation, prove_relation(relation, witness, tag, form=form, nonce_secret=SECRET), tag, form


@given(st.data())
@settings(max_examples=150)
def test_no_mutation_is_accepted_and_none_crashes(
    proved: tuple[LinearRelation[Point], bytes, bytes, Form], data: st.DataObject
) -> None:
    relation, proof, tag, form = proved
    changed = bytearray(proof)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(proof) - 1))] = data.draw(st.integers(0, 255))
    accepted = bytes(changed) == proof
    assert verdict(relation, bytes(changed), tag, form) is accepted
    assert simple_verify(relation, bytes(changed), tag, form) is accepted


def test_thousands_of_random_mutations_are_all_rejected(
    proved: tuple[LinearRelation[Point], bytes, bytes, Form],
) -> None:
    """Bits turned, scalars replaced, ends cut or added; the seed makes a failure repeatable."""
    relation, proof, tag, form = proved
    source = random.Random(1989)
    for _ in range(MUTATIONS):
        changed = bytearray(proof)
        match source.randrange(3):
            case 0:
                changed[source.randrange(len(proof))] ^= 1 << source.randrange(8)
            case 1:
                start = 32 * source.randrange(len(proof) // 32)
                changed[start : start + 32] = source.randrange(ORDER).to_bytes(32, "big")
            case _:
                changed = changed[: source.randrange(len(proof))] + source.randbytes(source.randrange(3))
        assert bytes(changed) == proof or not verdict(relation, bytes(changed), tag, form)


@given(st.binary(max_size=300))
@settings(max_examples=60)
def test_random_bytes_are_no_proof(
    proved: tuple[LinearRelation[Point], bytes, bytes, Form], data: bytes
) -> None:
    relation, _, tag, form = proved
    assert not verdict(relation, data, tag, form)


def test_a_proof_holds_under_its_own_purpose_and_context_only(
    proved: tuple[LinearRelation[Point], bytes, bytes, Form],
) -> None:
    relation, proof, _, form = proved
    assert not verdict(relation, proof, relation_tag(form, "mutation", CONTEXT), form)
    assert not verdict(relation, proof, relation_tag(form, "mutations", b"\x01" + CONTEXT[1:]), form)
    assert not verdict(relation, proof, relation_tag(form, "", CONTEXT), form)
    with pytest.raises(Misuse, match="proof-context"):
        relation_tag(form, "mutations", CONTEXT[:-1])


def test_swapped_commitments_and_other_elements_do_not_verify(
    proved: tuple[LinearRelation[Point], bytes, bytes, Form],
) -> None:
    relation, proof, tag, form = proved
    base, h, c_x, c_y, c_z = relation.elements
    for elements in ((base, h, c_y, c_x, c_z), (base, h, c_x, c_y, c_z + G), (base, h + G, c_x, c_y, c_z)):
        assert not verdict(LinearRelation(BLS12_381_G1, elements, relation.equations), proof, tag, form)


def test_a_batch_refuses_errors_that_cancel_out() -> None:
    """Two proofs whose commitments are off by +G and -G: equal weights would add up to nothing."""
    tag = relation_tag(Form.BATCHABLE, "batch", CONTEXT)
    claims = []
    for move in (G, -G):
        relation, witness = linear_claim([Opening(5, 6)], [3])
        proof = prove_relation(relation, witness, tag, form=Form.BATCHABLE, nonce_secret=SECRET)
        verify_relation_batch([RelationClaim(tag, relation, proof)])
        (image,) = relation.images
        # keep the challenge's statement, move what the equation adds up to
        object.__setattr__(relation, "images", (image + move,))
        claims.append(RelationClaim(tag, relation, proof))
    with pytest.raises(FailedVerification, match="relation-proof"):
        verify_relation_batch(claims)


def test_batch_weights_are_drawn_after_parsing_and_anew_for_every_equation() -> None:
    tag = relation_tag(Form.BATCHABLE, "batch", CONTEXT)
    relation, witness = product_claim(Opening(5, 6), Opening(7, 8), Opening(35, 9))
    proof = prove_relation(relation, witness, tag, form=Form.BATCHABLE, nonce_secret=SECRET)
    claims = [RelationClaim(tag, relation, proof)] * 3
    drawn: list[int] = []

    def counted(count: int) -> bytes:
        drawn.append(count)
        return hashlib.shake_128(bytes([len(drawn)])).digest(count)

    verify_relation_batch(claims, random_bytes=counted)
    assert drawn == [16] * 3 * len(relation.equations)
    drawn.clear()
    with pytest.raises(Malformed):
        verify_relation_batch([*claims, RelationClaim(tag, relation, proof[:-1])], random_bytes=counted)
    assert not drawn


def _equation(image: list[tuple[int, int]], terms: list[tuple[int, int, int]]) -> Equation:
    return Equation(tuple(ImageTerm(*entry) for entry in image), tuple(Term(*entry) for entry in terms))


@pytest.mark.parametrize(
    ("elements", "equations"),
    [
        ((G, H), []),
        ((G, H), [_equation([], [(0, 0, 1)])]),
        ((G, H), [_equation([(1, 1)], [])]),
        ((G, H), [_equation([(2, 1)], [(0, 0, 1)])]),
        ((G, H), [_equation([(-1, 1)], [(0, 0, 1)])]),
        ((G, H), [_equation([(1, 1)], [(-1, 0, 1)])]),
        ((G, H), [_equation([(1, 1)], [(2**32, 0, 1)])]),
        ((G, H, G), [_equation([(1, 1)], [(0, 0, 1)])]),
        ((G, H), [_equation([(1, 1)], [(1, 0, 1)])]),
        ((H, G), [_equation([(1, 1)], [(0, 0, 1)])]),
        ((G, IDENTITY), [_equation([(1, 1)], [(0, 0, 1)])]),
        ((G, H), [_equation([(1, 1), (1, -1)], [(0, 0, 1)])]),
        ((G, H), [_equation([(1, ORDER)], [(0, 0, 1)])]),
        ((G, H), [_equation([(1, 1)], [(0, 0, 1), (0, 0, -1)])]),
        ((G, H), [_equation([(1, 1)], [(0, 0, ORDER)])]),
    ],
    ids=[
        "no equation",
        "no image",
        "no terms",
        "index without element",
        "negative element",
        "negative scalar",
        "large scalar",
        "unused element",
        "unused scalar",
        "another generator",
        "identity element",
        "image cancels out",
        "image times the order",
        "scalar cancels out",
        "scalar times the order",
    ],
)
def test_invalid_relations_cannot_be_made(elements: tuple[Point, ...], equations: list[Equation]) -> None:
    with pytest.raises(Malformed, match="relation-invalid"):
        LinearRelation(BLS12_381_G1, elements, tuple(equations))


def test_a_wrong_witness_or_secret_is_refused() -> None:
    relation, witness = linear_claim([Opening(5, 6)], [3])
    tag = relation_tag(Form.COMPACT, "x", CONTEXT)
    for wrong in ([], [*witness, 0], [witness[0] + 1]):
        with pytest.raises(Misuse, match="relation-witness") as caught:
            prove_relation(relation, wrong, tag, nonce_secret=SECRET)
        assert str(witness[0]) not in str(caught.value)
    with pytest.raises(Misuse, match="proof-nonce-secret"):
        prove_relation(relation, witness, tag, nonce_secret=b"short")
    with pytest.raises(Misuse, match="relation-tag"):
        prove_relation(relation, witness, tag, form=Form.BATCHABLE, nonce_secret=SECRET)


def _nonces(**changes: object) -> list[int]:
    arguments: dict[str, object] = {
        "nonce_secret": SECRET,
        "statement": b"s",
        "witness": [1],
        "random_bytes": bytes,
    }
    make: Callable[..., list[int]] = hedged_nonces
    return make(3, ORDER, **(arguments | changes))


def test_nonces_survive_a_generator_that_repeats_itself() -> None:
    """With a constant generator they still depend on secret, statement and witness; with a fresh one on it too."""
    same = _nonces()
    assert same == _nonces()
    others = [
        _nonces(nonce_secret=bytes(32)),
        _nonces(statement=b"t"),
        _nonces(witness=[2]),
        _nonces(random_bytes=secrets.token_bytes),
    ]
    drawn = [*same, *(nonce for other in others for nonce in other)]
    assert len(set(drawn)) == len(drawn)
    assert all(1 <= nonce < ORDER for nonce in drawn)


def test_two_proofs_of_one_claim_differ() -> None:
    relation, witness = linear_claim([Opening(5, 6)], [3])
    tag = relation_tag(Form.COMPACT, "x", CONTEXT)
    one, other = (prove_relation(relation, witness, tag, nonce_secret=SECRET) for _ in range(2))
    assert one != other


def test_relations_run_over_another_group() -> None:
    builder = RelationBuilder(RISTRETTO255)
    h = builder.element(RISTRETTO255.blinding_base)
    image = builder.element(RISTRETTO255.base * 5 + RISTRETTO255.blinding_base * 7)
    builder.equation([ImageTerm(image)], [Term(builder.scalar(), BASE), Term(builder.scalar(), h)])
    relation = builder.build()
    tag = relation_tag(Form.BATCHABLE, "x", CONTEXT)
    proof = prove_relation(relation, [5, 7], tag, form=Form.BATCHABLE, nonce_secret=SECRET)
    verify_relation(relation, proof, tag, form=Form.BATCHABLE)
    assert relation.images == (relation.elements[image],)
    assert multi_scalar_mul([G], [2]) == G + G
