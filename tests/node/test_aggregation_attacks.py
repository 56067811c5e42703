"""Lies in a verifiable sum, told through the real documents, ciphertexts and checks; each is found, its teller named
where mathematics allows."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aggregation_world import EXPIRES, NOW, VALUES, World, other_value

from carbonport.classification.cohorts import Undertakings
from carbonport.classification.disclosure_control import Release
from carbonport.crypto.ambient import system_random
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contribution import Contribution, decode_head
from carbonport.crypto.sums.share_search import check_single_share
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse, Refused
from carbonport.node.aggregation.answers import ANSWER, combined
from carbonport.node.aggregation.consent import CONSENT, Consent
from carbonport.node.aggregation.contribution import CONTRIBUTION
from carbonport.node.aggregation.contributor import Contributor
from carbonport.node.aggregation.examination import decrypt_totals
from carbonport.node.aggregation.holder import HolderState
from carbonport.node.aggregation.holder_keys import HOLDER_KEYS, HolderKeys
from carbonport.node.aggregation.parties import check_parties
from carbonport.node.aggregation.plan import Plan, SignedPlan
from carbonport.node.aggregation.plan_opening import open_plan
from carbonport.node.aggregation.roster import ROSTER, Roster, RosterEntry, SignedRoster, release_of
from carbonport.node.aggregation.totals import TOTALS, check_totals
from carbonport.node.sessions.parties import Directory, Party, directory


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One honest session of six contributors and three holders; tests take parts of it and change copies."""
    workers = [BfvWorker() for _ in range(4)]
    try:
        yield World.build(workers)
    finally:
        for worker in workers:
            worker.close()


def resigned(world: World, content: Roster) -> SignedRoster:
    return ROSTER.sign(content, world.coordinator.id, world.coordinator.key)


def without(world: World, *absent: str) -> SignedRoster:
    """An honest roster of fewer."""
    present = {name: one for name, one in world.contributions.items() if name not in absent}
    return world.coordinator.propose(world.plan, 0, world.consents, present, world.undertakings)


# ---- the honest session ----


def test_the_honest_sum_is_exact(world: World) -> None:
    examined = world.examined(world.proposal())
    votes, voted = [], []
    for name, worker in world.workers.items():
        totals = world.totals(examined, name)
        note = world.coordinator.note(world.plan, world.roster, name, totals)
        check_totals(world.plan, world.roster, TOTALS.open(note.token, note.issuer, world.keys), name, totals)
        shares = decrypt_totals(world.plan, world.index(name), examined, totals, worker)
        state, vote = world.holder(name).vote(HolderState(world.plan, NOW), 0, world.roster.digest, now=NOW)
        votes.append(vote)
        voted.append((world.holder(name), state, shares))
    answers = [
        holder.answer(state, world.roster, votes, shares, now=NOW)[1] for holder, state, shares in voted
    ]
    for pair in (answers[:2], answers[1:], answers):
        result = world.coordinator.publish(world.plan, examined, votes, pair, now=NOW)
        assert result.content.sums["total"].values == (sum(VALUES),)
    with pytest.raises(Refused, match="aggregation-answers"):
        world.coordinator.publish(world.plan, examined, votes, answers[:1], now=NOW)
    # A holder that lies is named by anyone.
    share = bytearray(answers[0].content.shares["total"])
    share[31] ^= 1
    lie = ANSWER.sign(
        replace(answers[0].content, shares={"total": bytes(share)}),
        answers[0].issuer,
        world.cast.keys[answers[0].issuer],
    )
    with pytest.raises(FailedVerification, match="holder 1"):
        combined(world.plan, world.roster, examined.commitments, [lie, answers[1]])


# ---- a coordinator that lies ----


def test_a_coordinator_that_sums_another_set_is_found_by_every_holder(world: World) -> None:
    """Dropping one, doubling one, or sending one contribution as the sum: the decryption contradicts the roster."""
    examined = world.examined(world.proposal())
    name, worker = next(iter(world.workers.items()))
    honest = {who: world.given[who].ciphertexts[1] for who in world.contributors}
    first, second, *_ = world.contributors

    def added(ciphertexts: list[bytes]) -> dict[str, bytes]:
        for ciphertext in ciphertexts:
            world.sender.add(1, ciphertext, slots=world.plan.content.parameters(world.plan.digest).slots)
        return {"total": world.sender.total(1)}

    for lie in (
        added([data for who, data in honest.items() if who != first]),
        added([*honest.values(), honest[second]]),
        {"total": honest[first]},
    ):
        with pytest.raises(FailedVerification, match="sum-answer"):
            decrypt_totals(world.plan, world.index(name), examined, lie, worker)


def test_ciphertexts_are_taken_only_under_the_coordinators_signature(world: World) -> None:
    """A holder is no decryption oracle: another roster's note, a swapped ciphertext, another holder's are refused."""
    examined = world.examined(world.proposal())
    first, second, _ = world.workers
    totals = world.totals(examined, first)
    note = world.coordinator.note(world.plan, world.roster, first, totals)
    one = {"total": world.given[world.contributors[0]].ciphertexts[1]}
    fewer = without(world, world.contributors[-1])
    for roster, holder, data in (
        (world.roster, first, one),
        (fewer, first, totals),
        (world.roster, second, totals),
        (world.roster, first, {**totals, "more": totals["total"]}),
    ):
        with pytest.raises(FailedVerification, match="aggregation-totals"):
            check_totals(world.plan, roster, note, holder, data)
    with pytest.raises(Malformed, match="sum-ciphertext-size"):
        check_totals(world.plan, world.roster, note, first, {"total": b"x"})


def test_two_holders_with_two_rosters_do_not_both_answer(world: World) -> None:
    """The coordinator shows two rosters, one corrupt holder votes for both: neither has its three votes."""
    shown = (world.roster, without(world, world.contributors[0]))
    first, second, corrupt = (world.holder(name) for name in world.workers)
    state_1, vote_1 = first.vote(HolderState(world.plan, NOW), 0, shown[0].digest, now=NOW)
    state_2, vote_2 = second.vote(HolderState(world.plan, NOW), 0, shown[1].digest, now=NOW)
    for roster, holder, state, vote in (
        (shown[0], first, state_1, vote_1),
        (shown[1], second, state_2, vote_2),
    ):
        bought = corrupt.vote(HolderState(world.plan, NOW), 0, roster.digest, now=NOW)[1]
        with pytest.raises(Refused, match="aggregation-quorum"):
            holder.answer(state, roster, [vote, bought], {"total": b""}, now=NOW)
        with pytest.raises(Refused, match="aggregation-quorum"):
            holder.answer(state, roster, [bought, *(v for v in (vote_1, vote_2))], {"total": b""}, now=NOW)


def test_a_roster_of_few_is_refused_whoever_signs_it(world: World) -> None:
    content = world.roster.content
    for members in (content.entries[:1], content.entries[:4]):
        with pytest.raises(Refused, match="aggregation-nothing-released"):
            without(world, *(e.id for e in content.entries if e not in members))
        forged = resigned(world, replace(content, entries=members))
        with pytest.raises(CarbonportError) as problem:
            world.examined(world.proposal(forged))
        assert problem.value.id in ("aggregation-roster", "aggregation-nothing-released")


def test_a_plan_for_small_cohorts_needs_everyones_consent_to_them(world: World) -> None:
    plan = world.coordinator.plan(replace(world.plan_content, minimum_cohort=3))
    few = world.contributors[:4]

    def release(*silent: str) -> Release:
        consents = {
            name: CONSENT.sign(
                Consent(plan.digest, () if name in silent else ("total",)), name, world.cast.keys[name]
            )
            for name in few
        }
        return release_of(plan, consents, world.undertakings)

    assert release().released == ("total",)
    for silent in (few[:1], few):
        assert not release(*silent).released
        assert release(*silent).refused["total"].code == "no-consent"


def test_a_roster_keeps_to_its_plan(world: World) -> None:
    content = world.roster.content
    entries = content.entries
    stranger = RosterEntry("ZZ/STRANGER1", entries[0].contribution, entries[0].consent)
    lies = {
        "doubled": replace(content, entries=(entries[0], *entries)),
        "out of order": replace(content, entries=entries[::-1]),
        "released more": replace(content, released=("total", "everyone")),
        "another plan": replace(content, plan="0" * 64),
        "an attempt that none closed": replace(content, attempt=1),
        "another consent": replace(
            content, entries=(replace(entries[0], consent=entries[1].consent), *entries[1:])
        ),
        "another contribution": replace(
            content, entries=(replace(entries[0], contribution=entries[1].contribution), *entries[1:])
        ),
    }
    for lie in lies.values():
        proposal = replace(world.proposal(), roster=resigned(world, lie).token)
        with pytest.raises(FailedVerification):
            world.examined(proposal)
    uninvited = resigned(world, replace(content, entries=(*entries, stranger)))
    proposal = world.proposal()
    with pytest.raises(FailedVerification, match="not invited"):
        world.examined(replace(proposal, roster=uninvited.token))


def test_a_roster_of_another_coordinator_is_not_read(world: World) -> None:
    forged = ROSTER.sign(world.roster.content, world.contributors[0], world.cast.keys[world.contributors[0]])
    with pytest.raises(FailedVerification):
        world.examined(replace(world.proposal(), roster=forged.token))


# ---- a coordinator that chooses its holders ----


def listed(world: World, **parents: str) -> Directory:
    """The directory with other groups of undertakings; `parents` maps the last part of an id to a group."""
    real = directory(world.cast.store(), now=NOW)

    def party(name: str) -> Party:
        found = real(name)
        return replace(found, undertaking=parents.get(name.partition("/")[2], found.undertaking))

    return party


def test_a_coordinators_own_affiliates_do_not_hold_keys(world: World) -> None:
    check_parties(world.plan, listed(world))
    for parents in (
        {"LOCALHOLDER1": "LOCALCOORDINATOR"},
        {"LOCALHOLDER1": "GROUP1", "LOCALCOORDINATOR": "GROUP1"},
        {"LOCALHOLDER1": "GROUP1", "LOCALHOLDER2": "GROUP1"},
    ):
        with pytest.raises(Refused, match="in one group of undertakings"):
            check_parties(world.plan, listed(world, **parents))


def test_roles_are_the_lists_word(world: World) -> None:
    holder = world.plan.content.holders[0].id
    members = (*world.contributors, holder)
    other = replace(world.plan.content, invited=members, cohorts={"total": members})
    with pytest.raises(Refused, match="does not name it exporter"):
        check_parties(world.coordinator.plan(other), listed(world))


def test_holders_plants_do_not_count(world: World) -> None:
    undertakings = check_parties(world.plan, listed(world, ROW00001="LOCALHOLDER1", ROW00002="LOCALHOLDER2"))
    with pytest.raises(Refused, match="aggregation-nothing-released"):
        world.coordinator.propose(world.plan, 0, world.consents, world.contributions, undertakings)


def test_keys_made_for_another_plan_or_shared_by_two_are_refused(world: World) -> None:
    plan, contexts = world.plan, world.contexts
    one, two, _ = contexts

    def opened(contents: Plan, shown: dict[str, tuple[str, bytes]]) -> SignedPlan:
        signed = world.coordinator.plan(contents)
        keys, parties = world.keys, directory(world.cast.store(), now=NOW)
        return open_plan(signed.token, signed.issuer, contexts=shown, keys=keys, directory=parties)[0]

    with pytest.raises(FailedVerification, match="aggregation-holder-keys"):
        opened(plan.content, {**contexts, one: (contexts[one][0], contexts[two][1])})
    with pytest.raises(FailedVerification, match="aggregation-holder-keys"):
        opened(replace(plan.content, nonce=b"\x07" * 32), contexts)
    # Two holders that announce one context.
    digest = hashlib.sha256(contexts[one][1]).hexdigest()
    copied = HOLDER_KEYS.sign(HolderKeys(plan.content.nonce, digest), two, world.cast.keys[two])
    holders = tuple(
        replace(held, keys=copied.digest) if held.id == two else held for held in plan.content.holders
    )
    with pytest.raises(FailedVerification, match="aggregation-holder-contexts"):
        opened(replace(plan.content, holders=holders), {**contexts, two: (copied.token, contexts[one][1])})


# ---- a contributor that lies ----


def proposed(world: World, name: str, contribution: Contribution) -> Contribution:
    """The same, for the roster that has this contribution in the place of the contributor's honest one."""
    signed = world.signed(name, contribution)
    contributions = {**world.contributions, name: signed}
    roster = world.coordinator.propose(world.plan, 0, world.consents, contributions, world.undertakings)
    tokens = {who: one.token for who, one in contributions.items()}
    world.examined(replace(world.proposal(), roster=roster.token, contributions=tokens))
    return contribution


def test_a_value_other_than_attested_is_named(world: World) -> None:
    liar = world.contributors[2]
    made = world.made(liar, other_value(world.statements[liar], 1))
    with pytest.raises(FailedVerification, match="sum-contribution-proof") as problem:
        proposed(world, liar, made)
    assert problem.value.where == liar


def test_negative_and_too_large_values_cannot_be_proved(world: World) -> None:
    liar = world.contributors[2]
    for change in (-10_000, 1 << 32):
        with pytest.raises(Misuse):
            world.made(liar, other_value(world.statements[liar], change))


def test_the_negative_of_others_is_refused(world: World) -> None:
    """Others' commitments negated, with their proofs: the proofs are bound to contributor and values."""
    liar, victim = world.contributors[:2]
    parameters = world.plan.content.parameters(world.plan.digest)
    theirs = decode_head(parameters, victim, world.given[victim].head)
    negated = replace(
        theirs,
        contributor=liar,
        commitments=tuple(tuple(-point for point in points) for points in theirs.commitments),
    )
    copied = replace(theirs, contributor=liar)
    for head in (negated, copied):
        made = Contribution(head.encode(parameters), world.given[victim].ciphertexts)
        with pytest.raises(FailedVerification, match="sum-contribution-proof") as problem:
            proposed(world, liar, made)
        assert problem.value.where == liar


def test_anothers_contribution_under_ones_own_name_is_malformed(world: World) -> None:
    liar, victim = world.contributors[:2]
    with pytest.raises(Malformed, match="sum-contribution-head"):
        proposed(world, liar, world.given[victim])


def test_anothers_statement_or_leaf_is_refused(world: World) -> None:
    liar, victim = world.contributors[:2]
    mine, theirs = world.statements[liar], world.statements[victim]
    contributor = Contributor(liar, world.cast.keys[liar])
    for statement, given, problem in (
        (theirs.token, theirs.given(), "aggregation-statement|aggregation-contribution"),
        (mine.token, theirs.given(), "not its statement's"),
    ):
        _, signed = contributor.contribute(
            world.state(liar), 0, statement=statement, given=given, made=world.given[liar], now=NOW
        )
        contributions = {**world.contributions, liar: signed}
        roster = world.coordinator.propose(world.plan, 0, world.consents, contributions, world.undertakings)
        tokens = {who: one.token for who, one in contributions.items()}
        with pytest.raises(FailedVerification, match=problem):
            world.examined(replace(world.proposal(), roster=roster.token, contributions=tokens))


def test_a_false_ciphertext_fails_the_sum_and_the_pair_is_named(world: World) -> None:
    """A contributor encrypts another share than it committed to: every proof holds, the sum does not; a search by
    single shares names contributor and holder."""
    liar = world.contributors[3]
    parameters = world.plan.content.parameters(world.plan.digest)
    honest, other = world.made(liar), world.made(liar)
    head = decode_head(parameters, liar, honest.head)
    false = other.ciphertexts[1]
    hashes = (hashlib.sha256(false).digest(), *head.ciphertext_hashes[1:])
    lie = Contribution(
        replace(head, ciphertext_hashes=hashes).encode(parameters), {**honest.ciphertexts, 1: false}
    )
    signed = world.signed(liar, lie)
    contributions = {**world.contributions, liar: signed}
    roster = world.coordinator.propose(world.plan, 0, world.consents, contributions, world.undertakings)
    tokens = {who: one.token for who, one in contributions.items()}
    examined = world.examined(replace(world.proposal(), roster=roster.token, contributions=tokens))
    name, worker = next(iter(world.workers.items()))
    with pytest.raises(FailedVerification, match="sum-answer"):
        decrypt_totals(world.plan, 1, examined, world.totals(examined, name, {liar: false}), worker)
    named = []
    for who, data in {**{w: world.given[w].ciphertexts[1] for w in world.contributors}, liar: false}.items():
        try:
            check_single_share(
                parameters, examined.heads[who], 1, worker.decrypt(data, slots=parameters.slots)
            )
        except FailedVerification as problem:
            named.append(problem.where)
    assert named == [f"{liar}, holder 1"]


def test_a_bit_flipped_ciphertext_is_not_added(world: World) -> None:
    examined = world.examined(world.proposal())
    victim = world.contributors[0]
    changed = bytearray(world.given[victim].ciphertexts[1])
    changed[len(changed) // 2] ^= 1
    for data, problem in ((bytes(changed), "sum-ciphertext-hash"), (b"cut", "sum-ciphertext-size")):
        with pytest.raises(CarbonportError, match=problem):
            world.totals(examined, next(iter(world.workers)), {victim: data})


def test_signed_bytes_that_are_no_ciphertext_name_their_contributor_and_spoil_nothing(world: World) -> None:
    liar = world.contributors[3]
    parameters = world.plan.content.parameters(world.plan.digest)
    honest = world.made(liar)
    head = decode_head(parameters, liar, honest.head)
    garbage = system_random(len(honest.ciphertexts[1]))
    hashes = (hashlib.sha256(garbage).digest(), *head.ciphertext_hashes[1:])
    lie = Contribution(replace(head, ciphertext_hashes=hashes).encode(parameters), honest.ciphertexts)
    signed = world.signed(liar, lie)
    contributions = {**world.contributions, liar: signed}
    roster = world.coordinator.propose(world.plan, 0, world.consents, contributions, world.undertakings)
    tokens = {who: one.token for who, one in contributions.items()}
    examined = world.examined(replace(world.proposal(), roster=roster.token, contributions=tokens))
    name, worker = next(iter(world.workers.items()))
    with pytest.raises(FailedVerification) as caught:
        world.totals(examined, name, {liar: garbage})
    assert (caught.value.id, caught.value.where) == ("aggregation-ciphertext", liar)
    honestly = world.examined(world.proposal())
    decrypt_totals(world.plan, 1, honestly, world.totals(honestly, name), worker)


# ---- a contributor that is careful ----


def test_a_contributor_joins_only_what_it_was_invited_to_and_agreed_to(world: World) -> None:
    name = world.contributors[0]
    contributor = Contributor(name, world.cast.keys[name])
    with pytest.raises(Refused, match="expired"):
        contributor.join(world.plan, now=EXPIRES)
    with pytest.raises(Refused, match="not invited"):
        Contributor("ZZ/SOMEONEELSE", contributor.key).join(world.plan, now=NOW)
    with pytest.raises(Refused, match="cohort that this participant is not in"):
        contributor.join(world.plan, small_cohorts=["others"], now=NOW)


def test_the_same_attempt_gives_the_same_bytes_and_the_next_needs_a_certificate(world: World) -> None:
    name = world.contributors[0]
    contributor, statement = Contributor(name, world.cast.keys[name]), world.statements[name]
    arguments = {"statement": statement.token, "given": statement.given(), "now": NOW}
    state, first = contributor.contribute(world.state(name), 0, made=world.given[name], **arguments)  # type: ignore[arg-type]
    again, second = contributor.contribute(state, 0, made=world.made(name), **arguments)  # type: ignore[arg-type]
    assert (again, second.token) == (state, first.token)
    with pytest.raises(Refused, match="not closed"):
        contributor.contribute(state, 1, made=world.made(name), **arguments)  # type: ignore[arg-type]


def test_documents_do_not_stand_for_one_another(world: World) -> None:
    """A signed document of one kind is never read as another, and never as somebody else's."""
    vote_like = world.consents[world.contributors[0]].token
    with pytest.raises(CarbonportError):
        CONTRIBUTION.open(vote_like, world.contributors[0], world.keys)
    with pytest.raises(CarbonportError):
        CONTRIBUTION.open(world.contributions[world.contributors[0]].token, world.contributors[1], world.keys)
    assert Undertakings({}).independent(world.contributors) == len(VALUES)
