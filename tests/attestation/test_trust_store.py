"""Trust lists: what a store believes, and what held at a given time."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from carbonport.attestation.trust_list import (
    TRUST_LIST_TYPE,
    Accreditation,
    NodeEntry,
    Participant,
    Suspension,
    TrustedKey,
    TrustList,
    WitnessRule,
    issue_trust_list,
    trust_list_from_json,
    trust_list_hash,
    trust_list_to_json,
)
from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.jws import SigningKey, sign_jws
from carbonport.errors import CarbonportError, FailedVerification, Malformed

NOW = 1_800_000_000
DAY = 86_400
EU_LIST_KEY, CN_LIST_KEY, STRANGER = (SigningKey.generate() for _ in range(3))
SEAL, RETIRED, REVOKED = (SigningKey.generate() for _ in range(3))
VERIFIER = "CN/529900VERIFIER000010"
EXPORTER = "CN/529900EXPORTER000010"
SPIFFE = "spiffe://cn/node/529900EXPORTER000010"


def key(signing: SigningKey, usage: str = "seal", **changes: object) -> TrustedKey:
    entry = TrustedKey(
        kid=signing.kid,
        usage=usage,
        format="jwk",
        jwk=signing.public_jwk,
        text="",
        valid_from=NOW - 100 * DAY,
        valid_until=NOW + 100 * DAY,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def chinese_list(**changes: object) -> TrustList:
    exporter = Participant(
        id=EXPORTER,
        name="河钢示例",
        country="CN",
        roles=frozenset({"exporter"}),
        node=NodeEntry("exporter.example:7443", ("ab" * 32,), SPIFFE),
        keys=(
            key(SEAL),
            key(RETIRED, status="retired", valid_until=NOW - 10 * DAY),
            key(REVOKED, status="revoked", revoked_at=NOW - 5 * DAY),
        ),
        identifiers={"unlocode": "CNTGS"},
    )
    verifier = Participant(
        id=VERIFIER,
        name="Verifier",
        country="CN",
        roles=frozenset({"verifier"}),
        node=None,
        keys=(),
        accreditation=Accreditation(
            body="CNAS",
            certificate="CNAS V001",
            scheme="ISO 14065",
            activity_groups=("Pig iron", "Crude steel"),
            valid_from=NOW - 50 * DAY,
            valid_until=NOW + 50 * DAY,
            suspensions=(Suspension(NOW - 20 * DAY, NOW - 15 * DAY), Suspension(NOW + 20 * DAY)),
        ),
    )
    content = TrustList(
        jurisdiction="CN",
        seq=4,
        issued_at=NOW - DAY,
        next_update=NOW + 30 * DAY,
        prev_hash="00" * 32,
        recognised={},
        participants=(exporter, verifier),
        witness_rule=WitnessRule(0, ()),
    )
    return replace(content, **changes)  # type: ignore[arg-type]


def european_list(**changes: object) -> TrustList:
    content = TrustList(
        jurisdiction="EU",
        seq=1,
        issued_at=NOW - DAY,
        next_update=NOW + 30 * DAY,
        prev_hash="",
        recognised={"CN": (CN_LIST_KEY.public_jwk,)},
        participants=(),
        witness_rule=WitnessRule(0, ()),
    )
    return replace(content, **changes)  # type: ignore[arg-type]


def store() -> TrustStore:
    held = TrustStore({"EU": [EU_LIST_KEY.public_jwk]})
    held.add(issue_trust_list(european_list(), EU_LIST_KEY), now=NOW)
    held.add(issue_trust_list(chinese_list(), CN_LIST_KEY), now=NOW)
    return held


def expect(error_id: str, action: Callable[[], object]) -> CarbonportError:
    with pytest.raises(CarbonportError) as caught:
        action()
    assert caught.value.id == error_id
    return caught.value


def test_a_list_reads_back_as_it_was_written() -> None:
    assert trust_list_from_json(trust_list_to_json(chinese_list())) == chinese_list()
    assert store().participant_by_spiffe(SPIFFE, now=NOW).name == "河钢示例"


def test_a_list_of_a_recognised_jurisdiction_is_believed_and_recognition_does_not_travel() -> None:
    held = store()
    assert held.current("CN", now=NOW).seq == 4
    india = european_list(jurisdiction="IN", recognised={})
    expect("trust-list-signer", lambda: held.add(issue_trust_list(india, STRANGER), now=NOW))
    # China recognises the stranger for India; we pinned only the EU, which does not.
    held.add(issue_trust_list(_next(held, recognised={"IN": (STRANGER.public_jwk,)}), CN_LIST_KEY), now=NOW)
    expect("trust-list-signer", lambda: held.add(issue_trust_list(india, STRANGER), now=NOW))


def test_a_key_recognised_for_one_jurisdiction_signs_no_other() -> None:
    held = store()
    forged = european_list(seq=2)
    expect("trust-list-signer", lambda: held.add(issue_trust_list(forged, CN_LIST_KEY), now=NOW))


def test_a_jurisdiction_no_longer_recognised_is_no_longer_believed() -> None:
    held = store()
    without = european_list(seq=2, prev_hash=held.seen_lists()["EU"].hash, recognised={})
    held.add(issue_trust_list(without, EU_LIST_KEY), now=NOW)
    expect("trust-list-signer", lambda: held.participant(EXPORTER, now=NOW))


def _next(held: TrustStore, **changes: object) -> TrustList:
    return replace(
        chinese_list(seq=5, prev_hash=held.seen_lists()["CN"].hash),
        **changes,  # type: ignore[arg-type]
    )


def test_lists_follow_one_another() -> None:
    held = store()
    held.add(issue_trust_list(chinese_list(), CN_LIST_KEY), now=NOW)  # the same again is no error
    for error_id, content in [
        ("trust-list-rollback", chinese_list(seq=3)),
        ("trust-list-fork", chinese_list(issued_at=NOW - 2 * DAY)),
        ("trust-list-chain", chinese_list(seq=5, prev_hash="11" * 32)),
        ("trust-list-gap", chinese_list(seq=6)),
    ]:
        token = issue_trust_list(content, CN_LIST_KEY)
        expect(error_id, lambda token=token: held.add(token, now=NOW))  # type: ignore[misc]
    assert held.current("CN", now=NOW).seq == 4
    held.add(issue_trust_list(_next(held), CN_LIST_KEY), now=NOW)
    assert held.current("CN", now=NOW).seq == 5


def test_missed_lists_bridge_a_gap_even_expired_and_must_chain() -> None:
    held = store()
    fifth = issue_trust_list(_next(held, issued_at=NOW - 3 * DAY, next_update=NOW - 2 * DAY), CN_LIST_KEY)
    sixth = issue_trust_list(chinese_list(seq=6, prev_hash=trust_list_hash(fifth)), CN_LIST_KEY)
    other = issue_trust_list(chinese_list(seq=6, prev_hash="22" * 32), CN_LIST_KEY)
    expect("trust-list-chain", lambda: held.add(other, now=NOW, between=[fifth]))
    expect("trust-list-expired", lambda: held.add(fifth, now=NOW))
    held.add(sixth, now=NOW, between=[fifth])
    assert held.current("CN", now=NOW).seq == 6


def test_what_was_seen_survives_a_restart() -> None:
    reopened = TrustStore({"CN": [CN_LIST_KEY.public_jwk]}, seen=store().seen_lists())
    older = issue_trust_list(chinese_list(seq=3), CN_LIST_KEY)
    expect("trust-list-rollback", lambda: reopened.add(older, now=NOW))
    reopened.add(issue_trust_list(chinese_list(), CN_LIST_KEY), now=NOW)


def test_an_expired_list_says_nothing() -> None:
    held = store()
    late = NOW + 30 * DAY
    expect("trust-list-expired", lambda: held.participant(EXPORTER, now=late))
    expect(
        "trust-list-expired",
        lambda: held.add(issue_trust_list(european_list(), EU_LIST_KEY), now=late),
    )
    expect("trust-list-time", lambda: held.add(issue_trust_list(_next(held), CN_LIST_KEY), now=NOW - 2 * DAY))
    expect("trust-list-missing", lambda: held.current("IN", now=NOW))


def test_keys_are_judged_at_the_time_of_the_signature() -> None:
    held = store()
    assert held.signing_key(EXPORTER, SEAL.kid, "seal", at=NOW, now=NOW).jwk == SEAL.public_jwk
    held.signing_key(EXPORTER, RETIRED.kid, "seal", at=NOW - 11 * DAY, now=NOW)
    held.signing_key(EXPORTER, REVOKED.kid, "seal", at=NOW - 6 * DAY, now=NOW)
    for kid, at in [
        (RETIRED.kid, NOW - 10 * DAY),
        (REVOKED.kid, NOW - 5 * DAY),
        (SEAL.kid, NOW - 101 * DAY),
        (SEAL.kid, NOW + 100 * DAY),
    ]:
        expect(
            "key-not-valid-then",
            lambda kid=kid, at=at: held.signing_key(EXPORTER, kid, "seal", at=at, now=NOW),  # type: ignore[misc]
        )
    expect("key-unknown", lambda: held.signing_key(EXPORTER, SEAL.kid, "log", at=NOW, now=NOW))
    expect("participant-unknown", lambda: held.participant("CN/529900NOBODY0000010", now=NOW))
    expect("participant-unknown", lambda: held.participant_by_spiffe("spiffe://cn/node/NOBODY", now=NOW))


def test_accreditations_are_judged_at_the_time_of_the_signature() -> None:
    held = store()
    groups = ["Crude steel"]
    assert held.accreditation(VERIFIER, groups, at=NOW, now=NOW).body == "CNAS"
    assert held.accreditation(VERIFIER, groups, at=NOW - 15 * DAY, now=NOW).body == "CNAS"
    for error_id, at in [
        ("accreditation-not-valid-then", NOW + 50 * DAY),
        ("accreditation-not-valid-then", NOW - 51 * DAY),
        ("accreditation-suspended-then", NOW - 20 * DAY),
        ("accreditation-suspended-then", NOW + 21 * DAY),
    ]:
        expect(
            error_id,
            lambda at=at: held.accreditation(VERIFIER, groups, at=at, now=NOW),  # type: ignore[misc]
        )
    expect("accreditation-scope", lambda: held.accreditation(VERIFIER, ["Cement"], at=NOW, now=NOW))
    expect("verifier-not-accredited", lambda: held.accreditation(EXPORTER, groups, at=NOW, now=NOW))


def test_contradictory_lists_are_never_issued() -> None:
    exporter = chinese_list().participants[0]
    for content in [
        chinese_list(participants=(exporter, exporter)),
        chinese_list(participants=(replace(exporter, id="EU/529900EXPORTER000010"),)),
        chinese_list(witness_rule=WitnessRule(2, (EXPORTER,))),
        chinese_list(recognised={"CN": (CN_LIST_KEY.public_jwk,)}),
        chinese_list(next_update=NOW - DAY),
        chinese_list(participants=(replace(exporter, keys=(key(SEAL, kid=RETIRED.kid),)),)),
    ]:
        expect(
            "trust-list-contradiction",
            lambda content=content: issue_trust_list(content, CN_LIST_KEY),  # type: ignore[misc]
        )


def test_hostile_lists_are_malformed_never_a_crash() -> None:
    payload = dict(trust_list_to_json(chinese_list()))  # type: ignore[arg-type]
    damaged: list[object] = [{**payload, "extra": 1}, {**payload, "seq": True}, {**payload, "iss": "cn"}, []]
    damaged += [{name: value for name, value in payload.items() if name != gone} for gone in payload]
    valid = [("participants", []), ("recognised", []), ("seq", 7), ("iat", 7)]
    wrong: list[object] = [None, 7, "x", [], {}, [[]], [{}], {"keys": 1}]
    damaged += [
        {**payload, name: value}
        for name, value in itertools.product(payload, wrong)
        if (name, value) not in valid
    ]
    held = TrustStore({"CN": [CN_LIST_KEY.public_jwk]})
    for content in damaged:
        token = sign_jws(CN_LIST_KEY, {"typ": TRUST_LIST_TYPE}, canonical_bytes(content))  # type: ignore[arg-type]
        with pytest.raises(Malformed):
            held.add(token, now=NOW)
    for token in ["", "a.b.c", "é.b.c", "x" * 9_000_000]:
        with pytest.raises((Malformed, FailedVerification)):
            held.add(token, now=NOW)


def test_a_list_with_a_private_key_is_refused() -> None:
    payload = dict(trust_list_to_json(european_list()))  # type: ignore[arg-type]
    payload["recognised"] = [{"jurisdiction": "CN", "keys": [{**CN_LIST_KEY.public_jwk, "d": "AA"}]}]
    expect("trust-list-private-key", lambda: trust_list_from_json(payload))
