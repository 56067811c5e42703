"""The verifiable sum from end to end: exactness, any k answers, and every party that lies about the sum."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sum_parties import (
    BITS,
    METRICS,
    Parties,
    Sent,
    attested_value,
    attested_values,
    parameters_of,
    running_parties,
)

from carbonport.crypto.group import ORDER
from carbonport.crypto.sums.answers import (
    HolderAnswer,
    RosterCommitments,
    SumResult,
    check_answer,
    check_result,
    combine_answers,
    decode_answer,
    decode_result,
    roster_commitments,
)
from carbonport.crypto.sums.contribution import check_ciphertext
from carbonport.crypto.sums.contribution_proofs import verify_heads
from carbonport.crypto.sums.parameters import SumMetric, SumParameters
from carbonport.crypto.sums.share_search import check_single_share
from carbonport.crypto.sums.share_slots import are_limbs_of_one, shares_of_slots, slots_of_shares
from carbonport.crypto.sums.threshold import Threshold
from carbonport.errors import FailedVerification, Malformed, Misuse

PARAMETERS = parameters_of()
ROWS = [(17, 3), (200, 1), (0, 255)]

scalars = st.sampled_from([0, 1, ORDER - 1, 2**43 - 1, 2**43]) | st.integers(0, ORDER - 1)


@pytest.fixture(scope="module")
def parties() -> Iterator[Parties]:
    with running_parties() as started:
        yield started


@pytest.fixture(scope="module")
def sent(parties: Parties) -> list[Sent]:
    return parties.send_all(PARAMETERS, ROWS)


@pytest.fixture(scope="module")
def roster(parties: Parties, sent: list[Sent]) -> RosterCommitments:
    return parties.roster(PARAMETERS, sent)


@pytest.fixture(scope="module")
def answers(parties: Parties, sent: list[Sent]) -> dict[int, HolderAnswer]:
    return parties.answers(PARAMETERS, sent)


@pytest.mark.parametrize("threshold", [Threshold(3, 2), Threshold(3, 3), Threshold(5, 2), Threshold(4, 3)])
def test_any_k_answers_give_the_exact_sums(parties: Parties, threshold: Threshold) -> None:
    parameters = parameters_of(threshold)
    rows = [(255, 0), (0, 0), (255, 255), (1, 254)]
    sent = parties.send_all(parameters, rows)
    roster, answers = parties.roster(parameters, sent), parties.answers(parameters, sent)
    results = set()
    for chosen in combinations(answers, threshold.threshold):
        result = combine_answers(parameters, roster, {holder: answers[holder] for holder in chosen})
        results.add(result)
        check_result(parameters, roster, decode_result(parameters, result.encode()))
    assert {result.values for result in results} == {(511, 509)}
    assert len(results) == 1, "the blindings are the same too"


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), min_size=1, max_size=3))
@settings(max_examples=3)
def test_sums_of_parts_add_up(parties: Parties, rows: list[tuple[int, int]]) -> None:
    sent = parties.send_all(PARAMETERS, rows)

    def sums(of: list[Sent]) -> tuple[int, ...]:
        result = combine_answers(PARAMETERS, parties.roster(PARAMETERS, of), parties.answers(PARAMETERS, of))
        return result.values

    assert sums(sent) == tuple(map(sum, zip(*rows, strict=True)))
    singles = [sums([one]) for one in sent]
    assert tuple(map(sum, zip(*singles, strict=True))) == sums(sent)


def test_attested_values_are_scaled_up_to_the_metric(parties: Parties) -> None:
    parameters = SumParameters(
        bytes(32), Threshold(3, 2), (SumMetric("t", 3, 40), SumMetric("wide", 18, 128)), 10
    )
    rows = [
        (attested_value(7, 0), attested_value(2**64, 0)),
        (attested_value(1234, 3), attested_value(1, 18)),
    ]
    sent = [parties.send(parameters, f"c{i}", row) for i, row in enumerate(rows)]
    answers = parties.answers(parameters, sent)
    assert combine_answers(parameters, parties.roster(parameters, sent), answers).values == (
        7000 + 1234,
        2**64 * 10**18 + 1,
    )


@given(st.lists(st.tuples(scalars, scalars), min_size=1, max_size=3))
def test_shares_survive_their_limbs(shares: list[tuple[int, int]]) -> None:
    slots = slots_of_shares(shares)
    assert shares_of_slots(slots) == shares
    assert are_limbs_of_one(slots)
    doubled = shares_of_slots([2 * slot for slot in slots])
    assert doubled == [(2 * f % ORDER, 2 * g % ORDER) for f, g in shares]


@given(st.integers(0, 2**32), st.integers(0, 2**32), scalars, scalars, scalars)
def test_any_share_pair_is_consistent_with_any_value(v: int, other: int, r: int, a: int, b: int) -> None:
    """k - 1 = 1 holder sees f(j), g(j): for every other value there are polynomials that give it the same."""
    for holder in (1, 2, 3):
        pair = ((v + a * holder) % ORDER, (r + b * holder) % ORDER)
        inverse = pow(holder, -1, ORDER)
        other_a = (pair[0] - other) * inverse % ORDER
        assert (other + other_a * holder) % ORDER == pair[0]


@pytest.mark.parametrize("fault", ["drops", "doubles", "swaps", "only one", "another plan's"])
def test_a_coordinator_that_adds_something_else_is_caught_by_each_holder(
    parties: Parties, sent: list[Sent], roster: RosterCommitments, fault: str
) -> None:
    stranger = parties.send(PARAMETERS, "stranger", attested_values(1, 1))
    again = parties.send(PARAMETERS, sent[0].contributor, attested_values(*ROWS[0]))
    added = {
        "drops": sent[:2],
        "doubles": [*sent, sent[0]],
        "swaps": [*sent[:2], stranger],
        "only one": sent[:1],
        "another plan's": [again, *sent[1:]],  # the same member and value, with fresh polynomials
    }[fault]
    for holder in PARAMETERS.threshold.indices:
        answer = parties.answer(PARAMETERS, holder, parties.total(PARAMETERS, holder, added))
        with pytest.raises(FailedVerification) as caught:
            check_answer(PARAMETERS, roster, answer)
        assert caught.value.id == "sum-answer"
        for one in sent:  # and every share of the roster is right, so that nobody else is at fault
            ciphertext = one.contribution.ciphertexts[holder]
            decrypted = parties.decrypt(PARAMETERS, holder, ciphertext)
            check_single_share(PARAMETERS, one.head(PARAMETERS), holder, decrypted)


def test_a_holder_that_lies_is_named_by_anyone(
    roster: RosterCommitments, answers: dict[int, HolderAnswer]
) -> None:
    for metric in range(len(METRICS)):
        for part in (0, 1):
            shares = [list(pair) for pair in answers[2].shares]
            shares[metric][part] = (shares[metric][part] + 1) % ORDER
            lie = HolderAnswer(2, tuple((f, g) for f, g in shares))
            with pytest.raises(FailedVerification) as caught:
                combine_answers(PARAMETERS, roster, {1: answers[1], 2: lie})
            assert "holder 2" in caught.value.found
            assert caught.value.where == METRICS[metric].metric_id
    copied = HolderAnswer(3, answers[1].shares)
    with pytest.raises(FailedVerification, match="holder 3"):
        combine_answers(PARAMETERS, roster, {1: answers[1], 3: copied})


def test_answers_of_fewer_than_k_or_under_another_index_are_not_combined(
    roster: RosterCommitments, answers: dict[int, HolderAnswer]
) -> None:
    for taken in ({1: answers[1]}, {}, {1: answers[1], 2: answers[1]}, {1: answers[1], 3: answers[2]}):
        with pytest.raises(Misuse) as caught:
            combine_answers(PARAMETERS, roster, taken)
        assert caught.value.id == "sum-answers"


def test_an_answer_of_nobody_is_no_answer(
    roster: RosterCommitments, answers: dict[int, HolderAnswer]
) -> None:
    result = combine_answers(PARAMETERS, roster, answers)
    at_zero = HolderAnswer(0, tuple(zip(result.values, result.blindings, strict=True)))
    for nobody in (at_zero, HolderAnswer(4, answers[3].shares)):
        with pytest.raises(Misuse) as caught:
            combine_answers(PARAMETERS, roster, {1: answers[1], nobody.holder: nobody})
        assert caught.value.id == "sum-holder-index"


def test_another_result_than_the_sum_fails_the_public_check(
    roster: RosterCommitments, answers: dict[int, HolderAnswer]
) -> None:
    result = combine_answers(PARAMETERS, roster, answers)
    values, blindings = result.values, result.blindings
    false = [
        SumResult((values[0] + 1, values[1]), blindings),
        SumResult(values, (blindings[0], (blindings[1] + 1) % ORDER)),
        SumResult((values[0] + ORDER, values[1]), blindings),  # the same in the group, not as an integer
        SumResult((values[0] - ORDER, values[1]), blindings),
        SumResult(values[::-1], blindings[::-1]),
    ]
    for one in false:
        with pytest.raises(FailedVerification) as caught:
            check_result(PARAMETERS, roster, one)
        assert caught.value.id == "sum-result"
    with pytest.raises(FailedVerification):  # more than a smaller roster can have
        check_result(PARAMETERS, replace(roster, size=0), result)
    with pytest.raises(Misuse):
        check_result(PARAMETERS, roster, SumResult(values[:1], blindings[:1]))


def test_another_holders_key_decrypts_to_garbage_which_the_commitments_catch(
    parties: Parties, sent: list[Sent], roster: RosterCommitments
) -> None:
    total = parties.total(PARAMETERS, 1, sent)
    slots = parties.decrypt(PARAMETERS, 1, total, key=2).slots
    answer = HolderAnswer(1, tuple(shares_of_slots(slots)))
    with pytest.raises(FailedVerification):
        check_answer(PARAMETERS, roster, answer)


def test_messages_have_one_encoding(answers: dict[int, HolderAnswer]) -> None:
    data = answers[1].encode()
    assert decode_answer(PARAMETERS, 1, data) == answers[1]
    for bad in (b"", data[:-1], data + b"\0"):
        with pytest.raises(Malformed):
            decode_answer(PARAMETERS, 1, bad)
    with pytest.raises(Malformed):  # the order itself is a second name for 0
        decode_answer(PARAMETERS, 1, ORDER.to_bytes(32, "big") + data[32:])
    with pytest.raises(Misuse):
        decode_answer(PARAMETERS, 4, data)


def test_a_ciphertext_that_was_not_signed_is_not_parsed(sent: list[Sent]) -> None:
    head = sent[0].head(PARAMETERS)
    ciphertext = sent[0].contribution.ciphertexts[1]
    check_ciphertext(PARAMETERS, head, 1, ciphertext)
    flipped = bytearray(ciphertext)
    flipped[1000] ^= 4
    for holder, bad in (
        (1, bytes(flipped)),
        (2, ciphertext),
        (1, sent[1].contribution.ciphertexts[1]),
    ):
        with pytest.raises(FailedVerification) as caught:
            check_ciphertext(PARAMETERS, head, holder, bad)
        assert (caught.value.id, caught.value.where) == ("sum-ciphertext-hash", sent[0].contributor)
    for bad in (b"", ciphertext[:1000], ciphertext * 2):
        with pytest.raises(Malformed) as malformed:
            check_ciphertext(PARAMETERS, head, 1, bad)
        assert malformed.value.id == "sum-ciphertext-size"


def test_a_roster_has_each_contributor_once(sent: list[Sent]) -> None:
    heads = verify_heads(PARAMETERS, [one.submitted for one in sent])
    for bad in ([], [*heads, heads[0]]):
        with pytest.raises(Misuse) as caught:
            roster_commitments(PARAMETERS, bad)
        assert caught.value.id == "sum-roster"
    with pytest.raises(Misuse):
        roster_commitments(replace(PARAMETERS, roster_limit=2), heads)


METRIC = SumMetric("m", 0, BITS)


@pytest.mark.parametrize(
    ("metrics", "roster"),
    [
        ((), 1),
        ((METRIC, METRIC), 1),
        ((SumMetric("", 0, 8),), 1),
        ((SumMetric("m", 19, 8),), 1),
        ((SumMetric("m", 0, 0),), 1),
        ((SumMetric("m", 0, 129),), 1),
        ((METRIC,), 0),
        ((METRIC,), 2**17),  # 2^17 * 2^43 = 2^60 > t
        (tuple(SumMetric(f"m{i}", 0, 8) for i in range(683)), 1),
    ],
)
def test_parameters_that_could_overflow_are_refused(metrics: tuple[SumMetric, ...], roster: int) -> None:
    with pytest.raises(Misuse) as caught:
        SumParameters(bytes(32), Threshold(3, 2), metrics, roster)
    assert caught.value.id == "sum-parameters"
    SumParameters(bytes(32), Threshold(3, 2), (METRIC,), 2**17 - 1)
    with pytest.raises(Misuse):
        SumParameters(bytes(31), Threshold(3, 2), (METRIC,), 1)
