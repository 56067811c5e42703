"""The regulator's side: its next trust list, from the last one, new cards and its own decisions.

A card can add keys and end its own, but not rewrite the past: a key once listed stays listed, its beginning
is not moved, its end is never moved behind the last list (which others may have relied on), and a
revocation stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from carbonport.attestation.participants import Participant, TrustedKey, participant_to_json
from carbonport.attestation.trust_list import (
    MAX_TRUST_LIST_BYTES,
    TRUST_LIST_TYPE,
    TrustList,
    WitnessRule,
    issue_trust_list,
    trust_list_from_json,
    trust_list_hash,
)
from carbonport.crypto.canonical import Json, parse_canonical, parse_json
from carbonport.crypto.jws import SigningKey, peek_header, verify_jws
from carbonport.errors import Malformed, Misuse
from carbonport.node.identity.card import Card, read_entry
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.node_identity import NodeIdentity
from carbonport.node.identity.private_files import make_private_folder, read_private, write_private

ISSUED_FOLDER = "trust/issued"
"""Lists this node issued, inside its home folder."""

MAX_ACCREDITATION_BYTES = 64 * 1024
"""Longest accreditation file read."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the regulator decides for the next list; what is left out stays as it was.

    `accreditations` maps verifiers to the accreditation entry of the list's format; `recognised` a
    jurisdiction to the JWKs of its list keys (none withdraws recognition); `revoked_keys` are key ids that
    count for nothing from now on. `ultimate_parents` maps participants to the LEI of the head of their group of
    undertakings (an empty one: it is in none); what a card says about that does not count.
    """

    cards: Sequence[Card] = ()
    removed: Sequence[str] = ()
    accreditations: Mapping[str, Json] = field(default_factory=dict)
    recognised: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    revoked_keys: Sequence[str] = ()
    ultimate_parents: Mapping[str, str] = field(default_factory=dict)
    witness_rule: WitnessRule | None = None
    valid_days: int = 30


def last_issued(identity: NodeIdentity) -> str | None:
    """The last list this node issued, or none."""
    folder = identity.home / ISSUED_FOLDER
    newest = max(folder.glob("*.jws"), default=None)
    return None if newest is None else read_private(newest, max_bytes=MAX_TRUST_LIST_BYTES).decode().strip()


def read_issued(identity: NodeIdentity, token: str) -> TrustList:
    """The content of a list of our own, its signature checked with the keys of this home."""
    kid = str(peek_header(token).get("kid", ""))
    verified = verify_jws(
        token, identity.ring.record(kid).jwk, typ=TRUST_LIST_TYPE, max_bytes=MAX_TRUST_LIST_BYTES
    )
    return trust_list_from_json(parse_canonical(verified.payload, max_bytes=MAX_TRUST_LIST_BYTES))


def issue_next(identity: NodeIdentity, decisions: Decisions) -> str:
    """Make, sign and keep the next list; returns the token to publish."""
    now = identity.clock()
    token = last_issued(identity)
    last = TrustList(identity.name.jurisdiction, 0, 0, 1, "", {}, (), WitnessRule(quorum=0, witnesses=()))
    if token is not None:
        last = read_issued(identity, token)
    key = SigningKey.from_pem(identity.signing_pem(KeyUse.TRUST_LIST))
    recognised = {
        name: tuple(keys) for name, keys in {**last.recognised, **decisions.recognised}.items() if keys
    }
    following = TrustList(
        jurisdiction=identity.name.jurisdiction,
        seq=last.seq + 1,
        issued_at=now,
        next_update=now + decisions.valid_days * 86_400,
        prev_hash="" if token is None else trust_list_hash(token),
        recognised=recognised,
        participants=_participants(last, decisions, now),
        witness_rule=decisions.witness_rule or last.witness_rule,
    )
    _require_witnesses(following)
    issued = issue_trust_list(following, key)
    folder = identity.home / ISSUED_FOLDER
    make_private_folder(folder.parent)
    make_private_folder(folder)
    write_private(folder / f"{following.seq:08d}.jws", issued.encode())
    return issued


def read_accreditations(content: bytes) -> Mapping[str, Json]:
    """A JSON file that maps participant ids to accreditations in the list's format."""
    value = parse_json(content, max_bytes=MAX_ACCREDITATION_BYTES)
    if not isinstance(value, dict):
        raise Malformed(
            "trust-accreditation",
            found="something that is not an object",
            expected='{"EU/<LEI>": {"body", "certificate", "scheme", "activityGroups", "validFrom", ...}}',
            remedy="Write the file as docs/regulator.md shows.",
        )
    return value


def _participants(last: TrustList, decisions: Decisions, now: int) -> tuple[Participant, ...]:
    entries = {item.id: item for item in last.participants}
    for card in decisions.cards:
        entry = card.participant
        if entry.jurisdiction != last.jurisdiction:
            raise Misuse(
                "trust-issue-jurisdiction",
                found=f"a card of {entry.jurisdiction}",
                expected=f"participants of {last.jurisdiction}",
                remedy="Its own regulator lists it; recognise that jurisdiction instead (--recognise).",
                where=entry.id,
            )
        before = entries.get(entry.id)
        if before is None:
            entries[entry.id] = replace(entry, ultimate_parent="")
        else:
            entries[entry.id] = _updated(before, entry, last.issued_at, now)
    for name in (*decisions.removed, *decisions.accreditations, *decisions.ultimate_parents):
        if name not in entries:
            raise _unknown(name)
    for name in decisions.removed:
        del entries[name]
    for name, accreditation in decisions.accreditations.items():
        written = participant_to_json(entries[name])
        if isinstance(written, dict):
            entries[name] = read_entry({**written, "accreditation": accreditation})
    for name, parent in decisions.ultimate_parents.items():
        entries[name] = replace(entries[name], ultimate_parent=parent)
    return tuple(_revoked(item, decisions.revoked_keys, now) for _, item in sorted(entries.items()))


def _updated(before: Participant, entry: Participant, last_issued_at: int, now: int) -> Participant:
    told = {(key.kid, key.usage): key for key in entry.keys}
    keys = []
    for known in before.keys:
        claimed = told.pop((known.kid, known.usage), None)
        claimed_end = now if claimed is None else claimed.valid_until
        end = min(known.valid_until, max(claimed_end, last_issued_at))
        status = known.status if known.status == "revoked" else ("active" if now < end else "retired")
        keys.append(replace(known, valid_until=end, status=status))
    return replace(
        entry,
        keys=(*keys, *told.values()),
        accreditation=before.accreditation,
        ultimate_parent=before.ultimate_parent,
    )


def _revoked(participant: Participant, kids: Sequence[str], now: int) -> Participant:
    def judge(key: TrustedKey) -> TrustedKey:
        if key.kid not in kids or key.status == "revoked":
            return key
        return replace(key, status="revoked", revoked_at=now)

    return replace(participant, keys=tuple(judge(key) for key in participant.keys))


def _require_witnesses(following: TrustList) -> None:
    own = {item.id for item in following.participants}
    for name in following.witness_rule.witnesses:
        if name.startswith(following.jurisdiction + "/") and name not in own:
            raise _unknown(name)


def _unknown(name: str) -> Misuse:
    return Misuse(
        "trust-issue-participant",
        found=f"{name[:60]}, which the list does not name",
        expected="a participant of the list",
        remedy="Give its card with --participant, or correct the id.",
    )
