"""Contributors that cheat in a verifiable sum: what their proofs refuse, and whom a search names.

An attack is first shown to work where the check against it is left out: else the test would say nothing about it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sum_parties import (
    PLAN,
    SECRET,
    Parties,
    Sent,
    attested_value,
    attested_values,
    parameters_of,
    running_parties,
)

from carbonport.crypto.group import IDENTITY, ORDER, Point
from carbonport.crypto.pedersen import Opening, commit_scalars
from carbonport.crypto.sums.answers import (
    HolderAnswer,
    RosterCommitments,
    check_answer,
    combine_answers,
    roster_commitments,
)
from carbonport.crypto.sums.attested import AttestedCommitment, AttestedValue
from carbonport.crypto.sums.bfv_constants import LIMB_BITS, PLAIN_MODULUS
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.crypto.sums.contribution import ContributionHead, decode_head, head_bytes
from carbonport.crypto.sums.contribution_proofs import SubmittedHead, prove_contribution, verify_heads
from carbonport.crypto.sums.parameters import SumMetric, SumParameters
from carbonport.crypto.sums.share_search import check_single_share
from carbonport.errors import FailedVerification, Malformed, Misuse

tenseal = pytest.importorskip("tenseal")

PARAMETERS = parameters_of(metrics=(SumMetric("emissions", 0, 8),))
THRESHOLD = PARAMETERS.threshold
ATTACKER = "attacker"


@pytest.fixture(scope="module")
def parties() -> Iterator[Parties]:
    with running_parties() as started:
        yield started


@pytest.fixture(scope="module")
def victims(parties: Parties) -> list[Sent]:
    return [
        parties.send(PARAMETERS, f"victim-{i}", [attested_value(value)]) for i, value in enumerate((100, 50))
    ]


@pytest.fixture(scope="module")
def own(parties: Parties) -> Sent:
    return parties.send(PARAMETERS, ATTACKER, [attested_value(7)])


def rejected(
    submitted: Sequence[SubmittedHead], by: str = ATTACKER, parameters: SumParameters = PARAMETERS
) -> str:
    with pytest.raises((FailedVerification, Malformed)) as caught:
        verify_heads(parameters, submitted)
    assert caught.value.where == by
    return caught.value.id


def submit(attested: Sequence[AttestedCommitment], head: ContributionHead) -> SubmittedHead:
    return SubmittedHead(head.contributor, tuple(attested), head.encode(PARAMETERS))


def points_less(own: Sequence[Point], others: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    return tuple(mine - sum(theirs[1:], theirs[0]) for mine, *theirs in zip(own, *others, strict=True))


def test_own_values_less_everyone_elses_would_show_their_sum_but_cannot_be_proved(
    parties: Parties, victims: list[Sent], own: Sent
) -> None:
    """Ciphertexts and commitments are malleable: the attacker computes with the others' without knowing them."""
    heads = [victim.head(PARAMETERS) for victim in victims]
    mine = own.head(PARAMETERS)
    less = points_less(mine.commitments[0], [head.commitments[0] for head in heads])
    forged = replace(mine, commitments=(less,))

    roster = roster_commitments(PARAMETERS, [*heads, forged])
    answers: dict[int, HolderAnswer] = {}
    for holder in THRESHOLD.indices:
        context = tenseal.context_from(parties.keys[holder].public, n_threads=1)
        total = tenseal.bfv_vector_from(context, own.contribution.ciphertexts[holder])
        for victim in victims:
            total.sub_(tenseal.bfv_vector_from(context, victim.contribution.ciphertexts[holder]))
        for victim in victims:
            total.add_(tenseal.bfv_vector_from(context, victim.contribution.ciphertexts[holder]))
        answers[holder] = parties.answer(PARAMETERS, holder, total.serialize())
        check_answer(PARAMETERS, roster, answers[holder])  # the sum is right in the exponent
    assert combine_answers(PARAMETERS, roster, answers).values == (7,), "the attack works without proofs"

    everyone = [victim.submitted for victim in victims]
    assert rejected([*everyone, submit(own.attested, forged)]) == "sum-contribution-proof"
    mine_alone = [AttestedValue(Opening(7, 1), 0)]
    with pytest.raises(
        Misuse
    ):  # nor does our own prover make one: the attacker opens none of these commitments
        prove_contribution(PARAMETERS, ATTACKER, mine_alone, [less], [[(7, 1), (2, 3)]], nonce_secret=SECRET)


def test_others_higher_coefficients_negated_into_ones_own_are_refused(victims: list[Sent], own: Sent) -> None:
    """A_0 is the attacker's own and proved; only knowledge of the opening of A_1 stands against this."""
    mine = own.head(PARAMETERS)
    others = [victim.head(PARAMETERS).commitments[0] for victim in victims]
    less = points_less(mine.commitments[0], others)
    forged = replace(mine, commitments=((mine.commitments[0][0], *less[1:]),))
    assert rejected([submit(own.attested, forged)]) == "sum-contribution-proof"


def lying_head(
    claimed: AttestedValue, pairs: Sequence[tuple[int, int]], like: ContributionHead
) -> ContributionHead:
    """Everything a prover can do for commitments to `pairs`: proofs of a true claim that is as near as possible."""
    commitments = (tuple(commit_scalars(*pair) for pair in pairs),)
    near = AttestedValue(Opening(pairs[0][0] % 256, 1), claimed.decimals)
    true_pairs = [[(pairs[0][0] % 256, pairs[0][1]), *pairs[1:]]]
    true_commitments = (tuple(commit_scalars(*pair) for pair in true_pairs[0]),)
    relation_proof, range_proofs = prove_contribution(
        PARAMETERS, like.contributor, [near], true_commitments, true_pairs, nonce_secret=SECRET
    )
    return replace(like, commitments=commitments, relation_proof=relation_proof, range_proofs=range_proofs)


@pytest.mark.parametrize("value", [8, 6, -1, 256, 7 + 256, 7 + ORDER // 2])
def test_another_value_than_attested_a_negative_and_a_large_one_are_refused(own: Sent, value: int) -> None:
    claimed = AttestedValue(Opening(7, 5), 0)
    forged = lying_head(claimed, [(value, 11), (12, 13)], own.head(PARAMETERS))
    assert rejected([submit([claimed.public], forged)]) == "sum-contribution-proof"


@pytest.mark.parametrize("value", [-1, 256, 1000])
def test_an_attested_value_out_of_the_metrics_range_is_refused_even_if_the_verifier_signed_it(
    parties: Parties, own: Sent, value: int
) -> None:
    with pytest.raises(Misuse) as caught:
        parties.send(PARAMETERS, ATTACKER, [attested_value(value)])
    assert caught.value.id == "range-value"
    attested = attested_value(value)
    forged = lying_head(attested, [(value, attested.opening.blinding + 1), (12, 13)], own.head(PARAMETERS))
    assert rejected([submit([attested.public], forged)]) == "sum-contribution-proof"


def test_the_power_of_ten_is_part_of_the_claim(parties: Parties) -> None:
    parameters = parameters_of(metrics=(SumMetric("emissions", 3, 20),))
    sent = parties.send(parameters, ATTACKER, [attested_value(7, 2)])
    verify_heads(parameters, [sent.submitted])
    for decimals in (0, 1, 3):
        attested = (AttestedCommitment(sent.attested[0].commitment, decimals),)
        assert (
            rejected([replace(sent.submitted, attested=attested)], parameters=parameters)
            == "sum-contribution-proof"
        )
    for decimals in (4, -1):  # what others attested is foreign input: no word of misuse
        attested = (AttestedCommitment(sent.attested[0].commitment, decimals),)
        rejected([replace(sent.submitted, attested=attested)], parameters=parameters)
    with pytest.raises(Misuse) as caught:
        parties.send(parameters, ATTACKER, [attested_value(7, 4)])
    assert caught.value.id == "sum-decimals"


def test_somebody_elses_contribution_or_commitment_is_no_ones_own(victims: list[Sent], own: Sent) -> None:
    victim = victims[0]
    # as it is, under another name: the head says whose it is
    assert rejected([replace(victim.submitted, contributor=ATTACKER)]) == "sum-contribution-head"
    # with the name put right: the proofs are bound to the name
    renamed = replace(victim.head(PARAMETERS), contributor=ATTACKER)
    assert rejected([submit(victim.attested, renamed)]) == "sum-contribution-proof"
    # own contribution against somebody else's attested commitment, and the other way round
    assert rejected([replace(own.submitted, attested=victim.attested)]) == "sum-contribution-proof"
    assert (
        rejected([replace(victim.submitted, attested=own.attested)], by=victim.contributor)
        == "sum-contribution-proof"
    )


def test_a_contribution_belongs_to_its_plan_and_metrics(own: Sent) -> None:
    other_plan = replace(PARAMETERS, plan_hash=PLAN[::-1])
    other_metric = replace(PARAMETERS, metrics=(SumMetric("production", 0, 8),))
    other_holders = parameters_of(parameters_of().threshold, (SumMetric("emissions", 1, 8),))
    for parameters in (other_plan, other_metric, other_holders):
        assert rejected([own.submitted], parameters=parameters) == "sum-contribution-head"
        # and with the head's place put right
        moved = own.head(PARAMETERS).encode(parameters)
        assert (
            rejected([replace(own.submitted, head=moved)], parameters=parameters) == "sum-contribution-proof"
        )


def test_proofs_of_another_metric_do_not_count(parties: Parties) -> None:
    parameters = parameters_of()
    sent = parties.send(parameters, ATTACKER, attested_values(5, 5))
    head = sent.head(parameters)
    swapped = replace(head, commitments=head.commitments[::-1])
    attested = (
        AttestedCommitment(sent.attested[1].commitment, sent.attested[0].decimals),
        AttestedCommitment(sent.attested[0].commitment, sent.attested[1].decimals),
    )
    submitted = SubmittedHead(ATTACKER, attested, swapped.encode(parameters))
    assert rejected([submitted], parameters=parameters) == "sum-contribution-proof"


def test_every_part_of_a_head_counts_except_the_hashes_that_the_signature_covers(own: Sent) -> None:
    data = own.contribution.head
    hashes = range(64 + 2 * 48, 64 + 2 * 48 + 3 * 32)
    for position in range(3, len(data), 29):
        changed = bytearray(data)
        changed[position] ^= 1
        submitted = replace(own.submitted, head=bytes(changed))
        if position in hashes:
            verify_heads(PARAMETERS, [submitted])
        else:
            rejected([submitted])
    for bad in (b"", data[:-1], data + b"\0"):
        with pytest.raises(Malformed) as caught:
            decode_head(PARAMETERS, ATTACKER, bad)
        assert caught.value.id == "sum-contribution-head"
    assert len(data) == head_bytes(PARAMETERS)
    assert own.head(PARAMETERS).encode(PARAMETERS) == data
    identity = data[:64] + IDENTITY.encode() + data[64 + 48 :]
    assert rejected([replace(own.submitted, head=identity)]) == "sum-contribution-head"


def test_a_false_contribution_is_named_among_many_true_ones(victims: list[Sent], own: Sent) -> None:
    true = [victim.submitted for victim in victims]
    false = replace(own.submitted, attested=victims[0].attested)
    for place in range(3):
        assert rejected([*true[:place], false, *true[place:]]) == "sum-contribution-proof"
    assert len(verify_heads(PARAMETERS, [*true, own.submitted])) == 3
    assert verify_heads(PARAMETERS, []) == []


Spoil = Callable[[list[int]], list[int]]


def carried(slots: list[int]) -> list[int]:
    """The same share in other limbs: alone it reads the same, in a sum a slot may pass t."""
    first, second, *rest = slots
    borrowed = min(second, (PLAIN_MODULUS >> LIMB_BITS) - 2)
    return [first + (borrowed << LIMB_BITS), second - borrowed, *rest]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda slots: [slots[0] + 1, *slots[1:]], "commitments contradict"),
        (lambda slots: [0] * len(slots), "commitments contradict"),
        (lambda slots: [*slots[:6], slots[6] ^ 1, *slots[7:]], "commitments contradict"),
        (lambda slots: [PLAIN_MODULUS - 1] * len(slots), "limbs that no share has"),
        (carried, "limbs that no share has"),
    ],
    ids=["one more", "nothing", "another blinding", "largest residues", "limbs that carry"],
)
def test_a_false_share_spoils_the_sum_and_the_search_names_the_pair(
    parties: Parties, victims: list[Sent], spoil: Spoil, found: str
) -> None:
    def encrypt(holder: int, slots: Sequence[int]) -> bytes:
        return parties.worker.encrypt(holder, spoil(list(slots)) if holder == 2 else slots)

    value = attested_value(9)
    contribution, _ = make_contribution(PARAMETERS, ATTACKER, [value], encrypt, nonce_secret=SECRET)
    cheat = Sent(ATTACKER, (value.public,), contribution)
    everyone = [*victims, cheat]
    roster = parties.roster(PARAMETERS, everyone)  # its proofs hold
    for holder in THRESHOLD.indices:
        answer = parties.answer(PARAMETERS, holder, parties.total(PARAMETERS, holder, everyone))
        if holder != 2:
            check_answer(PARAMETERS, roster, answer)
        elif spoil is not carried:  # three small limbs do not yet reach t
            with pytest.raises(FailedVerification):
                check_answer(PARAMETERS, roster, answer)
    for one in everyone:
        decrypted = parties.decrypt(PARAMETERS, 2, one.contribution.ciphertexts[2])
        if one is cheat:
            with pytest.raises(FailedVerification) as caught:
                check_single_share(PARAMETERS, one.head(PARAMETERS), 2, decrypted)
            assert caught.value.id == "sum-share"
            assert found in caught.value.found
            assert caught.value.where == f"{ATTACKER}, holder 2"
            assert "does not say which" in caught.value.remedy
        else:
            check_single_share(PARAMETERS, one.head(PARAMETERS), 2, decrypted)


def noisy(parties: Parties, doublings: int) -> Callable[[int, Sequence[int]], bytes]:
    """Encrypts rightly, for the first holder plus an encryption of zero whose noise was doubled so often."""

    def encrypt(holder: int, slots: Sequence[int]) -> bytes:
        if holder != 1:
            return parties.worker.encrypt(holder, slots)
        context = tenseal.context_from(parties.keys[holder].public, n_threads=1)
        zero: Any = tenseal.bfv_vector(context, [0] * len(slots))
        for _ in range(doublings):
            zero.add_(zero.copy())
        return bytes((zero + tenseal.bfv_vector(context, list(slots))).serialize())

    return encrypt


def test_a_ciphertext_that_reads_alone_but_spoils_sums_is_named_by_its_noise(
    parties: Parties, victims: list[Sent]
) -> None:
    value = attested_value(9)
    contribution, _ = make_contribution(
        PARAMETERS, ATTACKER, [value], noisy(parties, 30), nonce_secret=SECRET
    )
    cheat = Sent(ATTACKER, (value.public,), contribution)
    decrypted = parties.decrypt(PARAMETERS, 1, cheat.contribution.ciphertexts[1])
    head = cheat.head(PARAMETERS)
    alone = RosterCommitments(1, head.commitments)
    check_answer(PARAMETERS, alone, parties.answer(PARAMETERS, 1, cheat.contribution.ciphertexts[1]))
    with pytest.raises(FailedVerification) as caught:
        check_single_share(PARAMETERS, head, 1, decrypted)
    assert "noise" in caught.value.found
    for victim in victims:
        own_share = parties.decrypt(PARAMETERS, 1, victim.contribution.ciphertexts[1])
        check_single_share(PARAMETERS, victim.head(PARAMETERS), 1, own_share)


def test_every_contribution_has_fresh_commitments_and_polynomials(parties: Parties) -> None:
    """Two attempts with one polynomial would give a holder that reads both sums a second point of it."""
    value = attested_value(9)
    first, second = (parties.send(PARAMETERS, ATTACKER, [value]) for _ in range(2))
    points = [point for one in (first, second) for point in one.head(PARAMETERS).commitments[0]]
    assert len(set(points)) == 4
    slots = [parties.decrypt(PARAMETERS, 1, one.contribution.ciphertexts[1]).slots for one in (first, second)]
    assert slots[0] != slots[1]
