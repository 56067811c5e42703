"""From the trust lists' witness rules to policies that a checkpoint can be held against.

Two rules hold for a log: the one of its operator's jurisdiction, and the one of the reader's. Each becomes a
policy of its own, since a witness may stand in both. A witness counts once however many keys it has had, with
keys that were valid when it cosigned, and the operator of a log never counts as its witness.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from carbonport.attestation.trust_list import Participant, TrustedKey, WitnessRule
from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.crypto.witness_policy import NO_QUORUM, Group, Witness, WitnessPolicy
from carbonport.errors import FailedVerification

QUORUM_GROUP = "+quorum"
"""Name of the group that makes up the quorum; `+` cannot stand in a witness's name."""


@dataclass(frozen=True, slots=True)
class WitnessRequirement:
    """What the rules ask of the checkpoints of one log: every rule, with the witnesses that may meet it."""

    rules: tuple[tuple[WitnessRule, tuple[Participant, ...]], ...]

    @property
    def asks_for_none(self) -> bool:
        """Whether no rule asks for a cosignature; then nobody vouches for a time."""
        return all(rule.quorum == 0 for rule, _ in self.rules)

    def policies(self, at: int | None = None) -> tuple[WitnessPolicy, ...]:
        """A policy per rule, with every key a witness ever had, or only those valid at `at`."""
        return tuple(_policy(rule, witnesses, at) for rule, witnesses in self.rules)

    def check(self, note: SignedNote) -> int | None:
        """Hold a note against every rule; gives the time its quorums vouch for (unix seconds, the latest of
        the rules'), None when no rule asks for any.

        Raises FailedVerification (`witness-quorum`) when cosignatures are missing, also when those there were
        made with keys that were not valid at that time.
        """
        times: list[int] = []
        for rule, witnesses in self.rules:
            claimed = _policy(rule, witnesses, None).check(note)
            if claimed is not None:
                confirmed = _policy(rule, witnesses, claimed).check(note)
                times.append(claimed if confirmed is None else confirmed)
        return max(times, default=None)


def witness_requirement(store: TrustStore, *, log_owner: str, reader: str, now: int) -> WitnessRequirement:
    """The rules for the log of participant `log_owner`, read by a participant of the jurisdiction of
    `reader`."""
    jurisdictions = sorted({log_owner.partition("/")[0], reader.partition("/")[0]})
    rules = []
    for jurisdiction in jurisdictions:
        rule = store.current(jurisdiction, now=now).witness_rule
        others = [name for name in rule.witnesses if name != log_owner]
        if rule.quorum > len(others):
            raise FailedVerification(
                "witness-rule-unmeetable",
                found=f"{len(others)} witnesses of {jurisdiction} for the log of {log_owner}",
                expected=f"at least {rule.quorum}; a log's operator never counts as its witness",
                remedy="Ask the jurisdiction to name more witnesses in its trust list.",
            )
        rules.append((rule, tuple(store.participant(name, now=now) for name in others)))
    return WitnessRequirement(tuple(rules))


def known_note_keys(store: TrustStore) -> tuple[VerifierKey, ...]:
    """Every log and witness key of every list held: lines of other keys have no business in a bundle."""
    return tuple(
        VerifierKey.parse(key.text)
        for held in store.held_lists()
        for participant in held.trust_list.participants
        for key in participant.keys
        if key.usage in ("log", "witness")
    )


def _policy(rule: WitnessRule, witnesses: Sequence[Participant], at: int | None) -> WitnessPolicy:
    entries: list[Witness] = []
    groups: list[Group] = []
    for participant in witnesses:
        names = []
        for key in participant.keys:
            if key.usage == "witness" and _counts(key, at):
                names.append(f"{participant.id}#{key.kid}")
                entries.append(Witness(names[-1], VerifierKey.parse(key.text)))
        if names:
            groups.append(Group(participant.id, 1, tuple(names)))
    if rule.quorum == 0:
        return WitnessPolicy(tuple(entries), (), NO_QUORUM)
    if rule.quorum > len(groups):
        raise _too_few_keys(rule, len(groups))
    quorum = Group(QUORUM_GROUP, rule.quorum, tuple(group.name for group in groups))
    return WitnessPolicy(tuple(entries), (*groups, quorum), QUORUM_GROUP)


def _counts(key: TrustedKey, at: int | None) -> bool:
    return at is None or key.valid_at(at)


def _too_few_keys(rule: WitnessRule, witnesses: int) -> FailedVerification:
    return FailedVerification(
        "witness-quorum-keys",
        found=f"{witnesses} witnesses with a key valid at the time of the cosignatures",
        expected=f"at least {rule.quorum}",
        remedy="Ask for a receipt cosigned with current witness keys, and for the newest trust lists.",
    )
