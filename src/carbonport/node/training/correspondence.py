"""A coordinator's letters and what comes back: who answers, who does not, and who says no.

What was said is kept under its sender's name with a log entry, and is not asked for again.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence

from carbonport.crypto.canonical import Json
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.log_entry import EntryType
from carbonport.errors import CarbonportError, FailedVerification
from carbonport.federated.relay import BAD_REPLY, DEFECT, NO_REPLY, Relay, Reply
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.records import Record, all_of, keep
from carbonport.node.training.parcel import pack, unpack
from carbonport.node.training.session import TrainingSession

EVERYONE = "everyone in the plan"
"""The counterparty of what a coordinator publishes."""

TRIES = 3
"""How often somebody who does not answer is asked in one run."""

UNANSWERED = frozenset({NO_REPLY, BAD_REPLY, DEFECT})
"""Errors after which the same letter may still be answered."""


class TrainingEndedError(Exception):
    """The training cannot go on, for a reason (an error's id) and because of whom; ends a run."""

    def __init__(self, reason: str, named: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.reason, self.named = reason, tuple(dict.fromkeys(named))


class AnswersAwaitedError(Exception):
    """Somebody has to answer first; ends a run, and the next goes on."""


class Correspondence:
    """The letters of one training at its coordinator's node."""

    def __init__(
        self, node: OpenNode, session: TrainingSession, relay: Relay, timeout_seconds: float
    ) -> None:
        self.node, self.session = node, session
        self._relay, self._timeout = relay, timeout_seconds
        self.unanswered: set[str] = set()
        """Who did not answer in this run."""
        self.refused: dict[str, str] = {}
        """Who answered with which error, or with something that is no answer."""

    def forget_failures(self) -> None:
        """Before another run."""
        self.unanswered, self.refused = set(), {}

    @property
    def id(self) -> str:
        """The coordinator."""
        return self.node.participant.id

    @property
    def key(self) -> SigningKey:
        """Its seal."""
        return self.node.participant.signing_key(KeyUse.SEAL)

    def letter(self, fields: Mapping[str, Json], parts: Sequence[bytes] = ()) -> bytes:
        """A letter of this session."""
        return pack({"session": self.session.session, **fields}, parts)

    async def ask(self, kind: str, letters: Mapping[str, bytes]) -> dict[str, Reply]:
        """A reply of everyone; who does not answer is asked again a few times."""
        replies: dict[str, Reply] = {}
        waiting = dict(letters)
        for _ in range(TRIES):
            if not waiting:
                break
            replies |= await self._relay.exchange(kind, waiting, timeout_seconds=self._timeout)
            waiting = {name: letter for name, letter in waiting.items() if replies[name].error in UNANSWERED}
        for name, reply in replies.items():
            if reply.error in UNANSWERED:
                self.unanswered.add(name)
            elif reply.error is not None:
                self.refused[name] = reply.error
        return replies

    async def collect(
        self,
        kept_as: str,
        kind: str,
        letters: Mapping[str, bytes],
        read: Callable[[str, bytes], str],
    ) -> Mapping[str, str]:
        """Documents by name: those kept, and those that are answered now. A reply that is none counts as a refusal."""
        known = self.all(kept_as)
        asked = {name: letter for name, letter in letters.items() if name not in known}
        for name, reply in (await self.ask(kind, asked)).items():
            if reply.letter is None:
                continue
            try:
                token = read(name, reply.letter)
            except CarbonportError as problem:
                self.refused[name] = problem.id
                continue
            await self.session.logged(
                EntryType.SESSION, [Record(kept_as, name, token.encode())], name, counterparty=name
            )
        return {name: token for name, token in self.all(kept_as).items() if name in letters}

    def require_all(self, members: Collection[str], replies: Mapping[str, Reply]) -> None:
        """Members have all to answer: one that refuses has left, which ends the training; others are waited for."""
        left = [
            name
            for name, reply in replies.items()
            if name in members and reply.error is not None and reply.error not in UNANSWERED
        ]
        if left:
            raise TrainingEndedError("training-member-left", left)
        if any(reply.letter is None for name, reply in replies.items() if name in members):
            raise AnswersAwaitedError

    def all(self, kind: str) -> dict[str, str]:
        """Documents of a kind that are kept, by their senders."""
        with self.node.participant.store.reading() as connection:
            kept = all_of(connection, self.session.session, kind)
        return {name: token.decode() for name, token in kept.items()}

    def keep(self, record: Record) -> None:
        """Keep a record that is nobody's document."""
        with self.node.participant.store.writing() as connection:
            keep(connection, self.session.session, record, now=self.node.participant.clock())

    async def published(
        self, entry: EntryType, *records: Record, fields: Mapping[str, bytes] | None = None
    ) -> None:
        """Keep what this coordinator publishes, with its log entry."""
        await self.session.logged(entry, records, self.id, counterparty=EVERYONE, fields=fields)


def only_part(reply: bytes, most: int) -> str:
    """The one document of a reply."""
    fields, parts = unpack(reply)
    fields.finish()
    if len(parts) != 1 or len(parts[0]) > most:
        raise wrong_reply("something that is not one document", "")
    return parts[0].decode("ascii", errors="replace")


def digest_of(token: str) -> str:
    """SHA-256 (hex) of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def wrong_reply(found: str, name: str) -> FailedVerification:
    """The error of a reply that is not what was asked for."""
    return FailedVerification(
        "training-reply",
        found=found,
        expected="the document that was asked for, of this plan",
        remedy="Ask again; a carrier may have swapped letters.",
        where=name,
    )
