"""How a coordinator takes a session further: each step does what can be done now and says what is waited for.

A step may be repeated at any time, also after the process was killed in the middle of one: what was kept stands.
"""

import asyncio
from collections.abc import Collection

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.ballots import ABORT, CLOSING_STATEMENT, VOTE
from carbonport.node.aggregation.closing import ClosingCertificate, check_closed
from carbonport.node.aggregation.ending import OVER
from carbonport.node.aggregation.findings import FINDING, searchers
from carbonport.node.aggregation.network.coordinator_documents import CoordinatorDocuments
from carbonport.node.aggregation.network.coordinator_session import CoordinatorSession, tokens
from carbonport.node.aggregation.network.forgetting import forget_secrets
from carbonport.node.aggregation.network.plan_file import PlanDraft, draft_bytes
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, PLAN_NONCE_BYTES
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.records import Record, all_of, drop, keep, names_of
from carbonport.node.sessions.session_log import keep_logged

EVERYONE = "everyone in the plan"
"""The counterparty of what a coordinator publishes."""


def begin(node: OpenNode, draft: PlanDraft) -> str:
    """Begin a session over a draft; its name is the nonce that the holders make their keys for."""
    session = node.participant.random_bytes(PLAN_NONCE_BYTES).hex()
    now = node.participant.clock()
    with node.participant.store.writing() as connection:
        keep(connection, session, Record("draft", "", draft_bytes(draft)), now=now)
    return session


async def coordinator_step(
    node: OpenNode,
    session: str,
    *,
    go_without: bool = False,
    left_out: Collection[str] = (),
    kept: Collection[str] = (),
) -> dict[str, Json]:
    """One step. `go_without` proposes a roster although some have not contributed, or not searched; `left_out` never
    are on it, and an attempt with one of them, on which the releaser has said nothing yet, is given up. A contributor
    that a holder named after an earlier attempt has to be in `left_out` or `kept`."""
    steps = _Steps(CoordinatorSession(node, session))
    standing = steps.session.standing()
    if standing.phase == "keys":
        await steps.sign_plan()
    elif standing.phase == "contributing":
        await steps.propose(standing.attempt, go_without=go_without, left_out=left_out, kept=kept)
    elif standing.phase == "releasing":
        steps.give_up(standing.attempt, left_out)
    elif standing.phase == "answering":
        await steps.publish(standing.attempt)
    elif standing.phase in ("closing", "expired"):
        steps.close(standing.attempt)
    if steps.session.standing().phase in OVER:
        steps.forget_secrets()
    return steps.status()


class _Steps:
    def __init__(self, session: CoordinatorSession) -> None:
        self.session = session
        self._documents = CoordinatorDocuments(session)

    async def sign_plan(self) -> None:
        """Once every holder announced its keys."""
        with self.session.reading() as connection:
            announced = tokens(all_of(connection, self.session.session, "keys"))
        if set(announced) != set(self.session.draft.holders):
            return
        plan = self._documents.plan(announced)
        await self._issued(Record("plan", "", plan.token.encode()))

    async def propose(
        self, attempt: int, *, go_without: bool, left_out: Collection[str], kept: Collection[str]
    ) -> None:
        """The roster, once everyone contributed, or of those who did; totals are kept before it is shown.

        It waits for what holders find after a failed attempt, and for a decision about everyone they name: mathematics
        does not say whether the contributor or the holder is at fault.
        """
        plan, name = self.session.planned(), self.session.session
        with self.session.reading() as connection:
            members = names_of(connection, name, f"contribution:{attempt}")
            for index in plan.content.holder_threshold.indices:
                members &= names_of(connection, name, f"ciphertext:{attempt}:{index}")
        expected = set(plan.content.invited) - set(left_out)
        members &= expected
        if not members or (members != expected and not go_without):
            return
        if self._awaited(attempt) and not go_without:
            return
        if self.named().keys() & members - set(kept):
            return
        roster, records = await asyncio.to_thread(self._documents.proposal, plan, attempt, members)
        with self.session.writing() as connection:
            # Sums that were made before a kill belong to a roster that nobody has seen, perhaps of others.
            for kind in ("note", "total"):
                drop(connection, name, kind)
        self.session.keep(*records)
        await self._issued(Record(f"roster:{attempt}", "", roster.token.encode()))

    def give_up(self, attempt: int, left_out: Collection[str]) -> None:
        """Give an attempt up that waits for the releaser, if its roster has one who is to be left out: a releaser says
        nothing on a roster with an opening that opens nothing. The next attempt takes the closing certificate."""
        roster = self.session.roster(attempt)
        assert roster is not None, "the releaser is waited for"
        if {entry.id for entry in roster.content.entries} & set(left_out):
            self.session.keep(Record(f"given-up:{attempt}", "", b"left out"))

    async def publish(self, attempt: int) -> None:
        """The result, once k holders answered truly; a false answer is left out, and its holder named."""
        plan, name = self.session.planned(), self.session.session
        with self.session.reading() as connection:
            said = {
                kind: tokens(all_of(connection, name, f"{kind}:{attempt}")) for kind in ("vote", "answer")
            }
        if len(said["answer"].keys() - self._lied(attempt)) < plan.content.threshold:
            return
        data, lied = await asyncio.to_thread(
            self._documents.result_file, plan, attempt, said["vote"], said["answer"]
        )
        self.session.keep(*(Record(f"lied:{attempt}", holder, b"answer") for holder in lied))
        if data is not None:
            await self._issued(Record("result", "", data))

    def close(self, attempt: int) -> None:
        """The closing certificate, once the holders' words suffice."""
        plan, name, keys = self.session.planned(), self.session.session, self.session.kept_keys
        with self.session.reading() as connection:
            if str(attempt) in names_of(connection, name, "certificate"):
                return
            votes = tokens(all_of(connection, name, f"vote:{attempt}"))
            words = tokens(all_of(connection, name, f"closing:{attempt}"))
        certificate = ClosingCertificate.of(
            [VOTE.open(token, holder, keys) for holder, token in votes.items()],
            [CLOSING_STATEMENT.open(token, holder, keys) for holder, token in words.items()],
        )
        try:
            check_closed(plan, attempt, certificate, keys)
        except FailedVerification:
            return
        self.session.keep(Record("certificate", str(attempt), certificate.encode()))

    def _awaited(self, attempt: int) -> set[str]:
        """Holders that voted abort in the attempt before, whose turn it is to search and who have not said yet."""
        certificate = self.session.certificate(attempt - 1) if attempt else None
        if certificate is None:
            return set()
        with self.session.reading() as connection:
            votes = tokens(all_of(connection, self.session.session, f"vote:{attempt - 1}"))
            found = names_of(connection, self.session.session, f"finding:{attempt - 1}")
        keys = self.session.kept_keys
        turn = searchers(self.session.planned(), attempt - 1, certificate, keys)
        aborted = {
            holder
            for holder, token in votes.items()
            if VOTE.open(token, holder, keys).content.choice == ABORT
        }
        return (set(turn) & aborted) - found

    def _lied(self, attempt: int) -> frozenset[str]:
        """The holders whose answers were false."""
        with self.session.reading() as connection:
            return names_of(connection, self.session.session, f"lied:{attempt}")

    def named(self) -> dict[str, list[str]]:
        """The holders for whom each contributor's share was found false, by contributor."""
        pairs: dict[str, list[str]] = {}
        for attempt in range(MAX_ATTEMPTS):
            with self.session.reading() as connection:
                found = tokens(all_of(connection, self.session.session, f"finding:{attempt}"))
            for holder, token in found.items():
                for contributor in FINDING.open(token, holder, self.session.kept_keys).content.failing:
                    pairs.setdefault(contributor, []).append(holder)
        return pairs

    def forget_secrets(self) -> None:
        """Nobody needs the ciphertexts any more, and together with k holders' keys they would tell every value."""
        with self.session.writing() as connection:
            forget_secrets(connection, self.session.session)

    def status(self) -> dict[str, Json]:
        """Where the session stands, and how many have done what."""
        standing, name = self.session.standing(), self.session.session
        attempt, draft, plan = standing.attempt, self.session.draft, self.session.plan()
        ending = self.session.ending()
        with self.session.reading() as connection:
            counts: dict[str, Json] = {
                kind: len(
                    names_of(connection, name, kind if kind in ("keys", "consent") else f"{kind}:{attempt}")
                )
                for kind in ("keys", "consent", "contribution", "vote", "answer")
            }
        return {
            "session": name,
            "phase": standing.phase,
            "attempt": attempt,
            "plan": "" if plan is None else plan.digest,
            "done": standing.phase in OVER,
            "counts": counts,
            "named": {contributor: list(holders) for contributor, holders in self.named().items()},
            "lied": sorted(self._lied(attempt)),
            "awaited": sorted(self._awaited(attempt)) if standing.phase == "contributing" else [],
            "invited": len(draft.invited),
            "holders": len(draft.holders),
            "votes_needed": 0 if plan is None else plan.content.holder_threshold.votes_needed,
            **({} if ending is None else ending.as_json()),
        }

    async def _issued(self, record: Record) -> None:
        """Publish a document of the coordinator's own."""
        participant = self.session.node.participant
        await keep_logged(
            self.session.node,
            EntryType.SESSION,
            self.session.session,
            [record],
            sender=participant.id,
            counterparty=EVERYONE,
        )
