"""Which witnesses must have cosigned a checkpoint: policy files of C2SP tlog-policy, and the time a quorum
vouches for.

Promised: a policy is read strictly (each name defined once, before its use, and a member of one group at
most; no key twice), nested groups count as the specification says, and the operator of a log never counts as
its own witness, under its own name or with its own key. The time of a checkpoint is that of the *earliest*
quorum: the k-th smallest time of a group, so that fewer than k witnesses can move it neither way past the
honest ones. Stricter than the specification: names are UTF-8. Not promised: that witnesses are independent of
one another or of the log; affiliates are the trust list's business, as is the freshness of the policy.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carbonport.crypto.notes import TYPE_COSIGNATURE, TYPE_ED25519, SignedNote, VerifierKey, verify
from carbonport.errors import FailedVerification, Malformed

MAX_POLICY_BYTES = 65_536
"""A bound on a policy file, checked first."""

MAX_POLICY_ENTRIES = 64
"""A bound on the logs, witnesses and groups of a policy, each (the specification recommends at least 32)."""

NO_QUORUM = "none"
"""The predefined quorum that asks for no cosignature at all."""

_SPACE = re.compile(r"[ \t]+")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose checkpoints the policy accepts; the name of its key is its origin."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness under the name it has inside the policy."""

    name: str
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group counts as one witness when at least `threshold` of its members do."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """Logs, witnesses, groups in the order of their definition, and the name of the quorum (`none` for
    none)."""

    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str
    logs: tuple[Log, ...] = ()

    def __post_init__(self) -> None:
        _require_sound(self)

    @classmethod
    def of(cls, threshold: int, keys: Iterable[VerifierKey]) -> "WitnessPolicy":
        """The quorum of any `threshold` of `keys`, each under the name of its key; 0 asks for none."""
        witnesses = tuple(Witness(key.name, key) for key in keys)
        if threshold == 0:
            return cls(witnesses, (), NO_QUORUM)
        return cls(witnesses, (Group("+quorum", threshold, tuple(w.name for w in witnesses)),), "+quorum")

    @classmethod
    def parse(cls, data: bytes) -> "WitnessPolicy":
        """Read a policy file; Malformed when it is not exactly of the form."""
        return _parse(data)

    def encode(self) -> bytes:
        """The policy file; parsing it gives the same policy."""
        lines = [_line("log", str(log.key), log.url) for log in self.logs]
        lines += [_line("witness", each.name, str(each.key), each.url) for each in self.witnesses]
        lines += [_line("group", each.name, str(each.threshold), *each.members) for each in self.groups]
        return "".join([*lines, _line("quorum", self.quorum)]).encode()

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The witnesses' keys."""
        return tuple(witness.key for witness in self.witnesses)

    @property
    def asks_for_none(self) -> bool:
        """Whether no cosignature is needed; then no time is vouched for either."""
        return self.quorum == NO_QUORUM

    def check(self, note: SignedNote) -> int | None:
        """Check that a quorum cosigned `note`, and one of the policy's logs signed it when the policy names
        logs.

        Gives the latest time among the cosignatures that make up the earliest quorum, in seconds since 1970;
        None when the policy asks for no quorum, for then nobody vouches for a time. Raises
        FailedVerification: `witness-quorum` when cosignatures are missing, or as `notes.verify` does when one
        of a known witness fails.
        """
        if self.logs:
            verify(note, [log.key for log in self.logs])
        origin = note.text.partition("\n")[0]
        by_key = {each.key: each.timestamp for each in verify(note, self.keys, at_least=0)}
        if self.asks_for_none:
            return None
        times = {
            witness.name: time
            for witness in self.witnesses
            if (time := by_key.get(witness.key)) is not None and witness.key.name != origin
        }
        agreed = self._time(self.quorum, times)
        if agreed is None:
            raise FailedVerification(
                "witness-quorum",
                found="cosignatures of " + (", ".join(sorted(times)) or "no witness"),
                expected=f"the quorum {self.quorum!r} of {len(self.witnesses)} witnesses",
                remedy="Ask the log for its checkpoint again when its witnesses have cosigned it.",
            )
        return agreed

    def _time(self, name: str, times: Mapping[str, int]) -> int | None:
        # Groups refer to earlier names only, so the walk ends, and each name is in one group, so it is short.
        for group in self.groups:
            if group.name == name:
                reached = sorted(
                    time for member in group.members if (time := self._time(member, times)) is not None
                )
                return reached[group.threshold - 1] if len(reached) >= group.threshold else None
        return times.get(name)


def _require_sound(policy: WitnessPolicy) -> None:
    """Every rule of the specification that concerns more than one line."""
    if max(len(policy.logs), len(policy.witnesses), len(policy.groups)) > MAX_POLICY_ENTRIES:
        raise _malformed("too many logs, witnesses or groups")
    if any(log.key.kind != TYPE_ED25519 for log in policy.logs):
        raise _malformed("a log key of another type than 01")
    if any(witness.key.kind != TYPE_COSIGNATURE for witness in policy.witnesses):
        raise _malformed("a witness key of another type than 04")
    # Across both lists: a log that witnesses itself under another name would be a quorum of nobody.
    publics = [log.key.public for log in policy.logs] + [witness.key.public for witness in policy.witnesses]
    if len(set(publics)) != len(publics):
        raise _malformed("one key twice")
    defined = {witness.name for witness in policy.witnesses}
    if len(defined) != len(policy.witnesses) or NO_QUORUM in defined:
        raise _malformed("a witness name twice, or the name none")
    used: set[str] = set()
    for group in policy.groups:
        members = set(group.members)
        if group.name in defined or group.name == NO_QUORUM:
            raise _malformed("a group name twice, or the name none")
        if not members <= defined or members & used or len(members) != len(group.members):
            raise _malformed("a group member that is undefined, or listed twice")
        if not 1 <= group.threshold <= len(members):
            raise _malformed(f"a threshold of {group.threshold} among {len(members)} members")
        used |= members
        defined.add(group.name)
    if policy.quorum != NO_QUORUM and policy.quorum not in defined:
        raise _malformed("a quorum that is not defined")


def _parse(data: bytes) -> WitnessPolicy:
    if len(data) > MAX_POLICY_BYTES:
        raise _malformed(f"{len(data)} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("bytes that are not UTF-8") from None
    if _FORBIDDEN.search(text) or not text.endswith("\n"):
        raise _malformed("a control character, or no newline at the end")
    logs: list[Log] = []
    witnesses: list[Witness] = []
    groups: list[Group] = []
    quorums: list[str] = []
    for line in text[:-1].split("\n"):
        words = _SPACE.split(line.strip(" \t"))
        if words == [""] or words[0].startswith("#"):
            continue
        known = {*(each.name for each in witnesses), *(each.name for each in groups), NO_QUORUM}
        match words:
            case ["log", key, *url] if len(url) <= 1:
                logs.append(Log(VerifierKey.parse(key), *url))
            case ["witness", name, key, *url] if len(url) <= 1:
                if name in known:
                    raise _malformed("one name for two")
                witnesses.append(Witness(name, VerifierKey.parse(key), *url))
            case ["group", name, threshold, *members]:
                if name in known or not known - {NO_QUORUM} >= set(members):
                    raise _malformed("a group name twice, or a member that is not defined above it")
                groups.append(Group(name, _threshold(threshold, len(members)), tuple(members)))
            case ["quorum", name] if name in known:
                quorums.append(name)
            case _:
                raise _malformed(
                    "a line that is no log, witness, group or quorum, or names what is not defined"
                )
    if len(quorums) != 1:
        raise _malformed(f"{len(quorums)} quorum lines")
    return WitnessPolicy(tuple(witnesses), tuple(groups), quorums[0], tuple(logs))


def _threshold(word: str, members: int) -> int:
    if word in ("all", "any"):
        return members if word == "all" else 1
    if not _THRESHOLD.fullmatch(word):
        raise _malformed("a threshold that is not all, any or a number from 1")
    return int(word)


def _line(*words: str) -> str:
    return " ".join(word for word in words if word) + "\n"


def _malformed(found: str) -> Malformed:
    return Malformed(
        "witness-policy-format",
        found=found,
        expected="a C2SP tlog-policy file: lines log, witness, group, and one quorum line",
        remedy="Correct the policy; names are defined once, above the line that uses them.",
    )
