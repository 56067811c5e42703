"""Votes, answers and closing certificates: nobody gets two sums out of one attempt, whatever k - 1 holders sign."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import pytest

from carbonport.crypto.jws import Jwk, SigningKey
from carbonport.crypto.sums.threshold import Threshold
from carbonport.errors import FailedVerification, Refused
from carbonport.node.aggregation.ballots import (
    ABORT,
    CLOSING_STATEMENT,
    VOTE,
    ClosingStatement,
    SignedVote,
    Vote,
    require_quorum,
)
from carbonport.node.aggregation.closing import ClosingCertificate, check_closed, read_certificate
from carbonport.node.aggregation.ending import Ballot, Ending, shown_ending
from carbonport.node.aggregation.findings import searchers
from carbonport.node.aggregation.holder import Holder, HolderState, require_not_restored
from carbonport.node.aggregation.plan import PLAN, Metric, Plan, PlannedHolder, SignedPlan
from carbonport.node.aggregation.roster import ROSTER, Roster, SignedRoster
from carbonport.node.sessions.signed_document import Signed

NOW, EXPIRES = 1_800_000_000, 1_800_003_600
COORDINATOR = "EU/COORDINATOR"
KEYS: dict[str, SigningKey] = {}


def key_of(name: str) -> SigningKey:
    return KEYS.setdefault(name, SigningKey.generate())


def keys(participant: str, kid: str) -> Jwk:
    return key_of(participant).public_jwk


def holder_ids(count: int) -> list[str]:
    return [f"EU/HOLDER{index}" for index in range(1, count + 1)]


def plan(holders: int = 3, threshold: int = 2) -> SignedPlan:
    members = tuple(f"CN/PLANT{index}" for index in range(5))
    content = Plan(
        nonce=bytes(32),
        issued_at=NOW,
        expires=EXPIRES,
        purpose="a test",
        period="2026-01-01/2026-12-31",
        metrics=(Metric("t", "t", 1, 32, "t"),),
        invited=members,
        cohorts={"total": members},
        holders=tuple(PlannedHolder(name, f"{index:064x}") for index, name in enumerate(holder_ids(holders))),
        threshold=threshold,
    )
    return PLAN.sign(content, COORDINATOR, key_of(COORDINATOR))


def roster(of: SignedPlan, attempt: int = 0, mark: str = "0") -> SignedRoster:
    content = Roster(of.digest, attempt, (), ("total",), {}, (mark * 64,) if mark != "0" else ())
    return ROSTER.sign(content, COORDINATOR, key_of(COORDINATOR))


def vote(of: SignedPlan, holder: str, choice: str, attempt: int = 0) -> SignedVote:
    return VOTE.sign(Vote(of.digest, attempt, choice), holder, key_of(holder))


def last_word(
    of: SignedPlan, holder: str, choice: str, *, answered: bool, attempt: int = 0
) -> Signed[ClosingStatement]:
    content = ClosingStatement(of.digest, attempt, choice, answered)
    return CLOSING_STATEMENT.sign(content, holder, key_of(holder))


# ---- one holder ----


def test_the_first_vote_stands() -> None:
    of = plan()
    holder, state = Holder("EU/HOLDER1", key_of("EU/HOLDER1")), HolderState(of, NOW)
    state, first = holder.vote(state, 0, "a" * 64, now=NOW)
    again, second = holder.vote(state, 0, "b" * 64, now=NOW)
    assert (again, second.token) == (state, first.token)
    aborted, word = holder.vote(HolderState(of, NOW), 0, ABORT, now=NOW)
    assert holder.vote(aborted, 0, "a" * 64, now=NOW)[1].token == word.token


def test_nobody_answers_before_the_quorum_nor_for_another_roster() -> None:
    of = plan()
    wanted, other = roster(of), roster(of, mark="1")
    holder = Holder("EU/HOLDER1", key_of("EU/HOLDER1"))
    state, own = holder.vote(HolderState(of, NOW), 0, wanted.digest, now=NOW)
    votes = [own, vote(of, "EU/HOLDER2", wanted.digest)]
    with pytest.raises(Refused, match="aggregation-quorum"):
        holder.answer(state, wanted, votes, {"total": b"x"}, now=NOW)
    full = [*votes, vote(of, "EU/HOLDER3", wanted.digest)]
    with pytest.raises(Refused, match="aggregation-holder"):
        holder.answer(state, other, full, {"total": b"x"}, now=NOW)
    with pytest.raises(FailedVerification, match="aggregation-votes"):
        holder.answer(state, wanted, [*votes, votes[1]], {"total": b"x"}, now=NOW)
    answered, answer = holder.answer(state, wanted, full, {"total": b"x"}, now=NOW)
    repeated, same = holder.answer(answered, wanted, [], {}, now=EXPIRES + 1)
    assert (repeated, same.token) == (answered, answer.token), "a repeat gives the same bytes, votes or not"


def test_abort_and_last_words_bind() -> None:
    of = plan()
    wanted = roster(of)
    holder = Holder("EU/HOLDER1", key_of("EU/HOLDER1"))
    full = [vote(of, name, wanted.digest) for name in holder_ids(3)]
    aborted, _ = holder.vote(HolderState(of, NOW), 0, ABORT, now=NOW)
    with pytest.raises(Refused, match="did not vote for"):
        holder.answer(aborted, wanted, full, {}, now=NOW)
    voted, _ = holder.vote(HolderState(of, NOW), 0, wanted.digest, now=NOW)
    closed, word = holder.close(voted, 0)
    assert (word.content.choice, word.content.answered) == (wanted.digest, False)
    with pytest.raises(Refused, match="never answers"):
        holder.answer(closed, wanted, full, {}, now=NOW)
    silent, _ = holder.close(HolderState(of, NOW), 0)
    with pytest.raises(Refused, match="never votes"):
        holder.vote(silent, 0, wanted.digest, now=NOW)
    answered, _ = holder.answer(voted, wanted, full, {"total": b"x"}, now=NOW)
    assert holder.close(answered, 0)[1].content.answered


def test_a_later_attempt_needs_the_earlier_closed_and_the_third_is_the_last() -> None:
    of = plan()
    holder, state = Holder("EU/HOLDER1", key_of("EU/HOLDER1")), HolderState(of, NOW)
    with pytest.raises(Refused, match="not closed"):
        holder.vote(state, 1, "a" * 64, now=NOW)
    closed = replace(state, closed=frozenset({0, 1, 2}))
    with pytest.raises(Refused, match="attempt 3"):
        holder.vote(closed, 3, "a" * 64, now=NOW)
    with pytest.raises(Refused, match="was closed"):
        holder.vote(closed, 2, "a" * 64, now=NOW)


def test_a_failed_check_is_said_whatever_is_known_of_earlier_attempts() -> None:
    """Else the coordinator could show other ciphertexts until one passes."""
    of = plan()
    holder, state = Holder("EU/HOLDER1", key_of("EU/HOLDER1")), HolderState(of, NOW)
    state, word = holder.vote(state, 1, ABORT, now=NOW)
    closed = replace(state, closed=frozenset({0}))
    assert holder.vote(closed, 1, "a" * 64, now=NOW)[1].token == word.token
    with pytest.raises(Refused, match="attempt 3"):
        holder.vote(state, 3, ABORT, now=NOW)


def test_expiry_ends_it_with_a_last_word() -> None:
    of = plan()
    holder, state = Holder("EU/HOLDER1", key_of("EU/HOLDER1")), HolderState(of, NOW)
    with pytest.raises(Refused, match="has not expired"):
        holder.end(state, now=NOW)
    ended = holder.end(state, now=EXPIRES)
    assert ended.ended
    assert ended.attempt(0).closing is not None
    with pytest.raises(Refused, match="expired"):
        holder.vote(replace(ended, attempts={}), 0, ABORT, now=NOW)


def test_a_restored_holder_says_nothing_in_older_plans() -> None:
    state = HolderState(plan(), NOW)
    require_not_restored(state, None)
    require_not_restored(state, NOW - 1)
    with pytest.raises(Refused, match="restored"):
        require_not_restored(state, NOW)
    fetched_anew = HolderState(plan(), NOW + 100)
    with pytest.raises(Refused, match="restored"):
        require_not_restored(fetched_anew, NOW + 50)


def test_with_five_holders_one_may_leave_with_three_none() -> None:
    for count, leaving, passes in ((3, 1, False), (5, 1, True), (5, 2, False)):
        of = plan(count, 2)
        wanted = roster(of)
        votes = [vote(of, name, wanted.digest) for name in holder_ids(count)[leaving:]]
        assert (of.content.holder_threshold.absent_tolerated >= leaving) is passes
        if passes:
            require_quorum(of, wanted, votes)
        else:
            with pytest.raises(Refused, match="aggregation-quorum"):
                require_quorum(of, wanted, votes)


# ---- certificates ----


def test_all_holders_words_close_an_attempt() -> None:
    of = plan()
    words = [last_word(of, name, "", answered=False) for name in holder_ids(3)]
    certificate = read_certificate(ClosingCertificate.of([], words).encode())
    check_closed(of, 0, certificate, keys)
    with pytest.raises(FailedVerification, match="aggregation-not-closed"):
        check_closed(of, 1, certificate, keys)
    with pytest.raises(FailedVerification, match="aggregation-not-closed"):
        check_closed(of, 0, ClosingCertificate.of([], words[:1]), keys)
    answered = [*words[:2], last_word(of, "EU/HOLDER3", "a" * 64, answered=True)]
    check_closed(of, 0, ClosingCertificate.of([], answered), keys)
    voted = [last_word(of, name, "a" * 64, answered=index == 0) for index, name in enumerate(holder_ids(3))]
    with pytest.raises(FailedVerification, match="aggregation-not-closed"):
        check_closed(of, 0, ClosingCertificate.of([], voted), keys)


def test_two_words_of_one_holder_close_nothing() -> None:
    of = plan()
    votes = [vote(of, "EU/HOLDER1", ABORT), vote(of, "EU/HOLDER1", "a" * 64)]
    with pytest.raises(FailedVerification, match="two different words"):
        check_closed(of, 0, ClosingCertificate.of(votes, []), keys)


def test_words_of_strangers_close_nothing() -> None:
    of = plan()
    votes = [vote(of, name, ABORT) for name in ("EU/HOLDER1", "EU/HOLDER2", "EU/STRANGER1")]
    with pytest.raises(FailedVerification, match="another plan, attempt or holder"):
        check_closed(of, 0, ClosingCertificate.of(votes, []), keys)


def patterns() -> Iterator[tuple[Threshold, tuple[str, ...]]]:
    for n, k in ((3, 2), (4, 2), (5, 2), (5, 3)):
        for choices in product(("", ABORT, "a" * 64, "b" * 64), repeat=n):
            if choices == tuple(sorted(choices)):
                yield Threshold(n, k), choices


@pytest.mark.parametrize(("n", "k"), [(3, 2), (4, 2), (5, 2), (5, 3)])
def test_what_a_certificate_closes_can_never_pass(n: int, k: int) -> None:
    """Against every choice of corrupt holders: those heard may sign again, those not heard may sign anything. Whatever
    the certificate closes, no roster can then collect a quorum; and what it leaves open, some roster could."""
    of = plan(n, k)
    needed = of.content.holder_threshold.votes_needed
    for threshold, choices in patterns():
        if threshold != of.content.holder_threshold:
            continue
        heard = [
            vote(of, name, choice) for name, choice in zip(holder_ids(n), choices, strict=True) if choice
        ]
        try:
            check_closed(of, 0, ClosingCertificate.of(heard, []), keys)
            closed = True
        except FailedVerification:
            closed = False
        possible = max(
            sum(choice in ("", wanted) or index in corrupt for index, choice in enumerate(choices))
            for wanted in ("a" * 64, "b" * 64, "c" * 64)
            for corrupt in combinations(range(n), k - 1)
        )
        assert closed == (possible < needed), (n, k, choices)


@pytest.mark.parametrize(("n", "k"), [(3, 2), (4, 2), (5, 2), (5, 3), (7, 3)])
def test_two_rosters_never_both_get_the_quorum(n: int, k: int) -> None:
    """k - 1 holders vote for both, the others for one each: the most that is possible."""
    needed = Threshold(n, k).votes_needed
    honest = n - (k - 1)
    assert all(min(for_a + k - 1, honest - for_a + k - 1) < needed for for_a in range(honest + 1))


def test_two_attempts_never_both_answer() -> None:
    """A roster with its quorum, and a certificate of the same attempt by the same holders: one holder at least lied."""
    of = plan()
    wanted = roster(of)
    votes = [vote(of, name, wanted.digest) for name in holder_ids(3)]
    require_quorum(of, wanted, votes)
    for liar in holder_ids(3):
        lied = [vote(of, name, ABORT if name == liar else wanted.digest) for name in holder_ids(3)]
        with pytest.raises(FailedVerification, match="aggregation-not-closed"):
            check_closed(of, 0, ClosingCertificate.of(lied, []), keys)


# ---- how a session ended ----


def test_a_holder_that_leaves_is_who_is_missing_among_the_votes() -> None:
    """With three holders the plan expires; who voted is told by their own words, and no word of another plan counts."""
    of = plan()
    wanted, (first, second, _) = roster(of), holder_ids(3)
    votes = {name: vote(of, name, wanted.digest).token for name in (first, second)}
    ending = shown_ending(of, "expired", [Ballot(votes, None, "")], keys)
    assert ending.why.endswith(f"attempt 1: votes of {first}, {second}")
    assert (ending.by, ending.error().id) == ((), "aggregation-expired")
    aborted = {**votes, second: vote(of, second, ABORT).token}
    ending = shown_ending(of, "expired", [Ballot(aborted, None, "")], keys)
    assert (ending.by, Ending.decode(ending.encode())) == ((second,), ending)
    stranger = {first: vote(plan(5), first, ABORT).token}
    with pytest.raises(FailedVerification, match="aggregation-votes"):
        shown_ending(of, "expired", [Ballot(stranger, None, "")], keys)


# ---- whose turn it is to search single shares ----


@pytest.mark.parametrize(
    ("holders", "threshold", "corrupt"), [(3, 2, (0,)), (3, 2, (2,)), (5, 2, (1,)), (5, 3, (0, 3))]
)
def test_fewer_than_k_honest_holders_search_whatever_certificates_they_are_shown(
    holders: int, threshold: int, corrupt: tuple[int, ...]
) -> None:
    """Honest holders have one word, corrupt ones sign any; every holder is shown every certificate made of them."""
    of, names = plan(holders, threshold), holder_ids(holders)
    honest = [name for index, name in enumerate(names) if index not in corrupt]
    token = {(name, choice): vote(of, name, choice) for name in names for choice in (ABORT, "a" * 64)}
    seen = []
    for said in product((ABORT, "a" * 64), repeat=len(honest)):
        searching: set[str] = set()
        words = [[(name, choice), None] for name, choice in zip(honest, said, strict=True)]
        words += [[(names[index], ABORT), (names[index], "a" * 64), None] for index in corrupt]
        for shown in product(*words):
            votes = [token[word] for word in shown if word is not None]
            try:
                turn = searchers(of, 0, ClosingCertificate.of(votes, []), keys)
            except FailedVerification:
                continue
            searching |= {
                name for name, word in zip(honest, said, strict=True) if word == ABORT and name in turn
            }
        assert len(searching) < threshold
        seen.append(len(searching))
    assert max(seen) == threshold - 1, "and so many can"


def test_the_turn_to_search_comes_with_the_others_last_words() -> None:
    of, names = plan(), holder_ids(3)
    votes = [vote(of, names[2], ABORT)]
    words = [last_word(of, name, "", answered=False) for name in names[:2]]
    assert searchers(of, 0, ClosingCertificate.of(votes, words), keys) == (names[2],)
    assert searchers(of, 0, ClosingCertificate.of([*votes, vote(of, names[1], ABORT)], []), keys) == (
        names[0],
    )
