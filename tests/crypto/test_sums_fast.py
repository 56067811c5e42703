"""The fast sum: exactness, what shares tell, what seals bind, and what a lying holder achieves."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.sealing import HpkeKeyPair, hpke_generate
from carbonport.crypto.sums.fast_sum import (
    MODULUS,
    FastExchange,
    add_shares,
    combine_fast_answers,
    decode_fast_answer,
    encode_fast_answer,
    open_share,
    seal_shares,
)
from carbonport.crypto.sums.polynomials import lagrange_weights
from carbonport.crypto.sums.threshold import Threshold
from carbonport.errors import FailedVerification, Malformed, Misuse

PLAN = bytes(range(32))
KEYS: dict[int, HpkeKeyPair] = {holder: hpke_generate() for holder in range(1, 6)}


def seeded(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


TWO_OF_THREE = Threshold(3, 2)


def exchange_of(length: int, threshold: Threshold = TWO_OF_THREE, bits: int = 40) -> FastExchange:
    return FastExchange(PLAN, "gram", 0, threshold, length, bits, 100)


def sealed_by(
    exchange: FastExchange, contributor: str, values: Sequence[int], seed: int = 1
) -> dict[int, bytes]:
    keys = {holder: KEYS[holder].public for holder in exchange.threshold.indices}
    return seal_shares(exchange, contributor, values, keys, seeded(seed))


def opened(exchange: FastExchange, contributor: str, holder: int, sealed: bytes) -> list[int]:
    return open_share(exchange, contributor, holder, KEYS[holder].private, sealed)


def answers_of(exchange: FastExchange, contributions: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    sealed = [sealed_by(exchange, f"c{i}", values, seed=i) for i, values in enumerate(contributions)]
    return {
        holder: add_shares(
            exchange, (opened(exchange, f"c{i}", holder, one[holder]) for i, one in enumerate(sealed))
        )
        for holder in exchange.threshold.indices
    }


thresholds = st.sampled_from([Threshold(3, 2), Threshold(5, 2), Threshold(5, 3), Threshold(4, 2)])
signed = st.integers(-(2**40) + 1, 2**40 - 1)


@given(thresholds, st.lists(st.tuples(signed, signed, signed), min_size=1, max_size=4))
@settings(max_examples=25)
def test_sums_are_exact_from_all_answers_and_from_any_that_suffice(
    threshold: Threshold, contributions: list[tuple[int, ...]]
) -> None:
    exchange = exchange_of(3, threshold)
    answers = answers_of(exchange, contributions)
    expected = [sum(column) for column in zip(*contributions, strict=True)]
    for count in range(threshold.fast_answers_needed, threshold.holders + 1):
        for chosen in combinations(answers, count):
            assert combine_fast_answers(exchange, {j: answers[j] for j in chosen}) == expected


def test_the_largest_values_of_the_largest_roster_do_not_wrap() -> None:
    exchange = replace(exchange_of(2), roster_limit=2**19, value_bits=40)
    most = 2**40 - 1
    share = add_shares(exchange, [[most, -most % MODULUS]])
    total = [value * 2**19 % MODULUS for value in share]
    assert combine_fast_answers(exchange, dict.fromkeys((1, 2, 3), total)) == [most * 2**19, -most * 2**19]
    with pytest.raises(Misuse) as caught:
        replace(exchange, roster_limit=2**19 + 2**18 * 2)
    assert caught.value.id == "fast-sum-parameters"


@given(signed, signed, st.integers(1, MODULUS - 1))
@settings(max_examples=20)
def test_any_share_is_consistent_with_any_value(one: int, other: int, slope: int) -> None:
    """k - 1 shares: for each of them and each value there is exactly one polynomial, so no value is likelier."""
    for holder in (1, 2, 3):
        share = (one + slope * holder) % MODULUS
        other_slope = (share - other) * pow(holder, -1, MODULUS) % MODULUS
        assert (other + other_slope * holder) % MODULUS == share


def test_shares_of_one_holder_are_spread_alike_whatever_the_value() -> None:
    """Eight equal parts of the residues, 4096 shares of one value: 7 degrees of freedom, 40 is beyond 1 in 10^6."""
    for value in (0, 2**39):
        exchange = exchange_of(4096)
        share = opened(exchange, "a", 2, sealed_by(exchange, "a", [value] * 4096, seed=7)[2])
        counts = Counter(residue * 8 // MODULUS for residue in share)
        assert len(counts) == 8
        assert sum((count - 512) ** 2 / 512 for count in counts.values()) < 40


def test_a_share_opens_in_its_own_place_only() -> None:
    exchange = exchange_of(2)
    sealed = sealed_by(exchange, "mill", [5, -5])
    assert opened(exchange, "mill", 1, sealed[1]) != opened(exchange, "mill", 2, sealed[2])
    elsewhere = [
        replace(exchange, plan_hash=bytes(32)),
        replace(exchange, exchange="quantiles"),
        replace(exchange, attempt=1),
    ]
    for other in elsewhere:
        with pytest.raises(FailedVerification) as caught:
            opened(other, "mill", 1, sealed[1])
        assert caught.value.id == "hpke-open"
    for contributor, holder, share in (("smelter", 1, sealed[1]), ("mill", 1, sealed[2])):
        with pytest.raises(FailedVerification):
            opened(exchange, contributor, holder, share)
    # The length is in the seal too: bytes of two values are no share of one value and something else.
    shorter = exchange_of(1)
    with pytest.raises(Malformed) as malformed:
        opened(shorter, "mill", 1, sealed[1])
    assert malformed.value.id == "fast-sum-share-size"


def test_a_contributor_cannot_take_back_what_others_gave() -> None:
    """Its own plus the negative of another's: it sees no share it could negate, and a copy does not open as its own."""
    exchange = exchange_of(1)
    victim = sealed_by(exchange, "victim", [123])
    for holder, sealed in victim.items():
        with pytest.raises(FailedVerification):
            opened(exchange, "attacker", holder, sealed)
        for position in (0, 40, len(sealed) - 1):  # nor does a changed copy
            changed = bytearray(sealed)
            changed[position] ^= 1
            with pytest.raises(FailedVerification):
                opened(exchange, "attacker", holder, bytes(changed))


@pytest.mark.parametrize("threshold", [Threshold(3, 2), Threshold(5, 2), Threshold(5, 3)])
def test_lying_holders_contradict_in_whatever_value(threshold: Threshold) -> None:
    """k - 1 of them, together on one line that they like, among the fewest answers that are taken."""
    exchange = exchange_of(4, threshold)
    honest = answers_of(exchange, [[1, 2, 3, 4], [10, 20, 30, 40]])
    for place in range(4):
        answers = {j: list(honest[j]) for j in range(1, threshold.fast_answers_needed + 1)}
        for liar in range(1, threshold.threshold):
            answers[liar][place] = (answers[liar][place] + 1000) % MODULUS
        with pytest.raises(FailedVerification) as caught:
            combine_fast_answers(exchange, answers)
        assert caught.value.id == "fast-sum-contradiction"
        assert "names nobody" in caught.value.remedy


def test_too_few_answers_are_not_taken() -> None:
    exchange = exchange_of(1, Threshold(5, 2))
    answers = answers_of(exchange, [[7]])
    with pytest.raises(Misuse) as caught:
        combine_fast_answers(exchange, {1: answers[1], 2: answers[2]})
    assert caught.value.id == "fast-sum-answers"


def test_an_answer_has_one_encoding() -> None:
    exchange = exchange_of(2)
    data = encode_fast_answer(exchange, [0, MODULUS - 1])
    assert decode_fast_answer(exchange, data) == [0, MODULUS - 1]
    for bad in (data[:-1], data + b"\0", bytes(8) + MODULUS.to_bytes(8, "big"), b""):
        with pytest.raises(Malformed) as caught:
            decode_fast_answer(exchange, bad)
        assert caught.value.id == "fast-sum-residues"


@pytest.mark.parametrize("values", [[1], [1, 2, 3], [1, 1.0], [1, 2**40], [1, -(2**40)], [1, None]])
def test_other_values_than_planned_are_refused_without_a_word_about_them(values: list[int]) -> None:
    with pytest.raises(Misuse) as caught:
        sealed_by(exchange_of(2), "a", values)
    assert str(2**40) not in str(caught.value)


def test_integers_of_numpy_are_taken_without_wrapping() -> None:
    numpy = pytest.importorskip("numpy")
    exchange = exchange_of(3, bits=53)
    values = numpy.array([2**53 - 1, -(2**53) + 1, 0])
    answers = answers_of(exchange, [values, values, values])
    assert combine_fast_answers(exchange, answers) == [3 * (2**53 - 1), -3 * (2**53 - 1), 0]
    with pytest.raises(Misuse):
        sealed_by(exchange, "a", values.astype(float))


def test_random_bits_that_are_no_residue_are_drawn_again() -> None:
    """61 set bits are the modulus itself, which would be a second name for 0."""
    drawn = iter([b"\xff" * 8, (5).to_bytes(8, "big")])
    exchange = exchange_of(1)
    keys = {holder: KEYS[holder].public for holder in exchange.threshold.indices}
    sealed = seal_shares(exchange, "a", [100], keys, lambda _length: next(drawn))
    assert opened(exchange, "a", 3, sealed[3]) == [115]


@pytest.mark.parametrize(("holders", "threshold"), [(3, 1), (2, 3), (16, 2), (0, 0)])
def test_impossible_thresholds_are_refused(holders: int, threshold: int) -> None:
    with pytest.raises(Misuse):
        Threshold(holders, threshold)


def test_a_fast_sum_needs_enough_holders_to_notice_lies() -> None:
    with pytest.raises(Misuse):
        exchange_of(1, Threshold(4, 3))


@pytest.mark.parametrize(
    ("holders", "threshold", "votes", "absent"), [(3, 2, 3, 0), (5, 2, 4, 1), (5, 3, 4, 1), (7, 3, 5, 2)]
)
def test_two_sets_of_votes_share_an_honest_holder(
    holders: int, threshold: int, votes: int, absent: int
) -> None:
    law = Threshold(holders, threshold)
    assert (law.votes_needed, law.absent_tolerated) == (votes, absent)
    assert 2 * law.votes_needed - holders >= threshold


def test_the_same_holder_does_not_count_twice() -> None:
    with pytest.raises(Misuse) as caught:
        lagrange_weights([1, 1 + MODULUS], 0, MODULUS)
    assert caught.value.id == "sum-index-twice"
