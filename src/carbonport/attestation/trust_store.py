"""Verified trust lists, and what held at a given time.

A `TrustStore` starts from anchors (the list-signing keys that its owner pinned by hand, usually those of
the home jurisdiction) and takes lists in. A list is believed when it is signed by an anchor of its
jurisdiction, or by a key that the current list of an *anchored* jurisdiction recognises; recognition does
not travel further. A lower sequence number, a second list under one number, a broken chain, an expired list
and an unknown signer are refused.

Every lookup takes two times: `now` decides whether the list is still current, `at` is the time of the
signature in question (keys and accreditations are judged as they stood then, retired ones included).
Nothing here reads a clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.trust_list import (
    MAX_TRUST_LIST_BYTES,
    TRUST_LIST_TYPE,
    Accreditation,
    Participant,
    TrustedKey,
    TrustList,
    trust_list_from_json,
    trust_list_hash,
)
from carbonport.crypto.canonical import parse_canonical
from carbonport.crypto.jws import Jwk, peek_header, thumbprint, verify_jws
from carbonport.errors import FailedVerification, Malformed, Misuse

CLOCK_SKEW_SECONDS = 300
"""How far ahead of our clock another jurisdiction's may run."""

MAX_CHAIN_GAP = 1000
"""Most lists that may be handed over to bridge a gap in a chain."""

Anchors = Mapping[str, Sequence[Jwk]]
"""Per jurisdiction the public JWKs of list-signing keys that the owner of a store pinned by hand."""


@dataclass(frozen=True, slots=True)
class SeenList:
    """The newest list of a jurisdiction a node ever accepted: kept over restarts, so that no older one
    comes back.
    """

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class HeldList:
    """A list as accepted: its token, its content and the thumbprint of the key that signed it."""

    token: str
    trust_list: TrustList
    signer_kid: str
    participants: Mapping[str, Participant]
    by_spiffe: Mapping[str, Participant]

    @property
    def seen(self) -> SeenList:
        """What a node writes down about it."""
        return SeenList(self.trust_list.seq, trust_list_hash(self.token))


class TrustStore:
    """The lists one node believes. Not safe for changes from several threads; lookups are."""

    def __init__(self, anchors: Anchors, *, seen: Mapping[str, SeenList] | None = None) -> None:
        """`seen` is what an earlier run wrote down (see `seen_lists`)."""
        self._anchors = {name: {thumbprint(jwk): jwk for jwk in keys} for name, keys in anchors.items()}
        self._seen = dict(seen or {})
        self._held: dict[str, HeldList] = {}

    @property
    def anchors(self) -> Mapping[str, Sequence[Jwk]]:
        """The pinned keys by jurisdiction."""
        return {name: tuple(keys.values()) for name, keys in self._anchors.items()}

    def anchor_kids(self) -> Mapping[str, tuple[str, ...]]:
        """The thumbprints of the pinned keys by jurisdiction, for a person to compare."""
        return {name: tuple(sorted(keys)) for name, keys in sorted(self._anchors.items())}

    def held_lists(self) -> tuple[HeldList, ...]:
        """Every list that was accepted, by jurisdiction; some may have expired since."""
        return tuple(held for _, held in sorted(self._held.items()))

    def seen_lists(self) -> Mapping[str, SeenList]:
        """What to keep over a restart."""
        return dict(self._seen)

    def add(self, token: str, *, now: int, between: Sequence[str] = ()) -> TrustList:
        """Accept the newest list of a jurisdiction, or raise.

        Adding a list again is no error. When lists were missed, `between` holds those after the one last
        seen, in order: they may have expired, but each must be signed and chained.
        """
        if len(between) > MAX_CHAIN_GAP:
            raise Misuse(
                "trust-list-gap",
                found=f"{len(between)} lists in between",
                expected=f"at most {MAX_CHAIN_GAP}",
                remedy="Remove the jurisdiction and pin its list-signing key again.",
            )
        seen = dict(self._seen)
        for bridging in between:
            earlier = self._read(bridging, now)
            _check_chain(earlier, seen.get(earlier.trust_list.jurisdiction))
            seen[earlier.trust_list.jurisdiction] = earlier.seen
        held = self._read(token, now)
        _check_chain(held, seen.get(held.trust_list.jurisdiction))
        _refuse_expired(held.trust_list, now)
        if held.trust_list.issued_at > now + CLOCK_SKEW_SECONDS:
            raise _failed(held.trust_list, f"a list issued at {held.trust_list.issued_at}, after now ({now})")
        self._held[held.trust_list.jurisdiction] = held
        self._seen[held.trust_list.jurisdiction] = held.seen
        return held.trust_list

    def current(self, jurisdiction: str, *, now: int) -> TrustList:
        """The list of a jurisdiction that holds now."""
        return self._current(jurisdiction, now).trust_list

    def participant(self, participant_id: str, *, now: int) -> Participant:
        """The participant of this id in the current list of its jurisdiction."""
        held = self._current(participant_id.partition("/")[0], now)
        found = held.participants.get(participant_id)
        if found is None:
            raise _unknown_participant(participant_id)
        return found

    def participant_by_spiffe(self, spiffe: str, *, now: int) -> Participant:
        """The participant whose node's certificate carries this URI."""
        held = self._current(spiffe.removeprefix("spiffe://").partition("/")[0].upper(), now)
        found = held.by_spiffe.get(spiffe)
        if found is None:
            raise _unknown_participant(spiffe)
        return found

    def signing_key(self, participant_id: str, kid: str, usage: str, *, at: int, now: int) -> TrustedKey:
        """The key of a participant that made a signature at `at`; unknown or invalid at that time raises."""
        key = self.participant(participant_id, now=now).key(kid, usage)
        if key is None:
            raise FailedVerification(
                "key-unknown",
                found=f"no {usage} key {kid} of {participant_id}",
                expected="a key that the trust list of its jurisdiction holds",
                remedy="Fetch the newest trust list; while the key is missing, do not rely on the signature.",
            )
        if not key.valid_at(at):
            raise FailedVerification(
                "key-not-valid-then",
                found=f"{usage} key {kid} of {participant_id}, {key.status}, not valid at {at}",
                expected=f"a time from {key.valid_from} to before {key.valid_until}, before any revocation",
                remedy="Ask the signer for a document signed with a key valid at its signing time.",
            )
        return key

    def accreditation(
        self, participant_id: str, activity_groups: Sequence[str], *, at: int, now: int
    ) -> Accreditation:
        """The accreditation of a verifier, checked to have held at `at` for every one of
        `activity_groups`.
        """
        verifier = self.participant(participant_id, now=now)
        held = verifier.accreditation
        if held is None or "verifier" not in verifier.roles:
            raise FailedVerification(
                "verifier-not-accredited",
                found=f"{participant_id} without an accreditation as a verifier",
                expected="an accredited verifier of the trust list",
                remedy="Do not rely on its statement.",
            )
        missing = sorted(set(activity_groups) - set(held.activity_groups))
        if missing:
            raise FailedVerification(
                "accreditation-scope",
                found=f"accreditation {held.certificate} without {', '.join(missing)}",
                expected="an accreditation for every activity group of the statement",
                remedy="Ask for a statement of a verifier accredited for these groups.",
            )
        if not held.valid_from <= at < held.valid_until:
            raise FailedVerification(
                "accreditation-not-valid-then",
                found=f"accreditation {held.certificate} of {participant_id} at {at}",
                expected=f"a time from {held.valid_from} until before {held.valid_until}",
                remedy="Do not rely on the statement; ask for one signed while an accreditation held.",
            )
        if any(suspension.covers(at) for suspension in held.suspensions):
            raise FailedVerification(
                "accreditation-suspended-then",
                found=f"accreditation {held.certificate} of {participant_id}, suspended at {at}",
                expected="an accreditation that was not suspended at the signing time",
                remedy="Do not rely on the statement; ask for one signed while the accreditation held.",
            )
        return held

    def _current(self, jurisdiction: str, now: int) -> HeldList:
        held = self._held.get(jurisdiction)
        if held is None:
            raise FailedVerification(
                "trust-list-missing",
                found=f"no trust list of {jurisdiction}",
                expected="a trust list of every jurisdiction taking part",
                remedy="Add its list with `carbonport trust add`.",
            )
        _refuse_expired(held.trust_list, now)
        if held.signer_kid not in self._signers(jurisdiction, now):
            raise _unknown_signer(jurisdiction, held.signer_kid)
        return held

    def _signers(self, jurisdiction: str, now: int) -> Mapping[str, Jwk]:
        """The keys that may sign the lists of a jurisdiction: its anchors, and what anchored lists
        recognise now.
        """
        signers = dict(self._anchors.get(jurisdiction, {}))
        for name, anchored in self._anchors.items():
            held = self._held.get(name)
            if held is None or held.trust_list.next_update <= now or held.signer_kid not in anchored:
                continue
            signers |= {thumbprint(jwk): jwk for jwk in held.trust_list.recognised.get(jurisdiction, ())}
        return signers

    def _read(self, token: str, now: int) -> HeldList:
        """Signature first, content after. Which jurisdiction the list is of is not known before, hence
        every signer is looked for by the key id alone, and the content must then name a jurisdiction of
        that signer.
        """
        if len(token) > MAX_TRUST_LIST_BYTES:
            raise Malformed(
                "trust-list-size",
                found=f"a trust list of {len(token)} characters",
                expected=f"at most {MAX_TRUST_LIST_BYTES}",
                remedy="Check that the file is a trust list.",
            )
        kid = str(peek_header(token).get("kid", ""))
        recognised = {name for held in self._held.values() for name in held.trust_list.recognised}
        candidates = {name: self._signers(name, now) for name in sorted(set(self._anchors) | recognised)}
        jwk = next((signers[kid] for signers in candidates.values() if kid in signers), None)
        if jwk is None:
            raise _unknown_signer("any jurisdiction", kid)
        verified = verify_jws(token, jwk, typ=TRUST_LIST_TYPE, max_bytes=MAX_TRUST_LIST_BYTES)
        content = trust_list_from_json(parse_canonical(verified.payload, max_bytes=MAX_TRUST_LIST_BYTES))
        if kid not in candidates.get(content.jurisdiction, {}):
            raise _unknown_signer(content.jurisdiction, kid)
        return HeldList(
            token=token,
            trust_list=content,
            signer_kid=kid,
            participants={item.id: item for item in content.participants},
            by_spiffe={item.node.spiffe: item for item in content.participants if item.node is not None},
        )


def _check_chain(held: HeldList, last: SeenList | None) -> None:
    """Compare a list with the one before it; the first list of a jurisdiction may have any number."""
    content = held.trust_list
    if last is None or last == held.seen:
        return
    if content.seq < last.seq:
        raise FailedVerification(
            "trust-list-rollback",
            found=f"list {content.seq} of {content.jurisdiction} after list {last.seq}",
            expected="a list with a higher number",
            remedy="Fetch the newest list; if the issuer serves an old one, tell the issuer.",
        )
    if content.seq == last.seq:
        raise FailedVerification(
            "trust-list-fork",
            found=f"a second list {content.seq} of {content.jurisdiction} with other content",
            expected="one list per number",
            remedy="Keep both lists and show them to both jurisdictions: one signer signed both.",
        )
    if content.seq > last.seq + 1:
        raise FailedVerification(
            "trust-list-gap",
            found=f"list {content.seq} of {content.jurisdiction} after list {last.seq}",
            expected="the lists in between, so that the chain can be followed",
            remedy="Fetch the missing lists and add them together with this one.",
        )
    if content.prev_hash != last.hash:
        raise FailedVerification(
            "trust-list-chain",
            found=f"list {content.seq} of {content.jurisdiction}, which follows another list {last.seq}",
            expected="a list whose prevHash is the hash of the list we hold",
            remedy="Keep both lists and show them to both jurisdictions: the history was rewritten.",
        )


def _refuse_expired(trust_list: TrustList, now: int) -> None:
    if trust_list.next_update <= now:
        raise FailedVerification(
            "trust-list-expired",
            found=f"list {trust_list.seq} of {trust_list.jurisdiction}, due at {trust_list.next_update}",
            expected=f"a list that is current at {now}",
            remedy="Fetch the newest list of the jurisdiction.",
        )


def _failed(trust_list: TrustList, found: str) -> FailedVerification:
    return FailedVerification(
        "trust-list-time",
        found=found,
        expected=f"a list of {trust_list.jurisdiction} issued in the past",
        remedy="Check this machine's clock, then the issuer's.",
    )


def _unknown_signer(jurisdiction: str, kid: str) -> FailedVerification:
    return FailedVerification(
        "trust-list-signer",
        found=f"a list signed by the key {kid or '(none)'}",
        expected=f"a pinned list-signing key of {jurisdiction}, or one that a pinned jurisdiction recognises",
        remedy="Compare the key with the issuer by another channel before pinning it.",
    )


def _unknown_participant(name: str) -> FailedVerification:
    return FailedVerification(
        "participant-unknown",
        found=name,
        expected="a participant of the current trust list of its jurisdiction",
        remedy="Ask the jurisdiction to list it, then fetch the newest list.",
    )
