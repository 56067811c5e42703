"""A lot's checkpoint: signed with the node's log key under the lot's origin, cosigned by the statement's witnesses.

A witness that does not know a lot is shown the statement that names it, and asked again. One that has seen more of a
lot than the store holds (a restored backup), or another history, stops that lot: nothing of it is signed or sold until
the entries are back (`carbonport lot restore`). A missing quorum stops nothing; what is shown is provisional then.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.lot_witnessing import lot_log_keys, lot_requirement
from carbonport.attestation.trust_list import Participant as ListedParticipant
from carbonport.crypto.merkle import Frontier, consistency_proof, leaf_hash, node_hash
from carbonport.crypto.notes import TYPE_ED25519, NoteSigner, VerifierKey
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import FailedVerification, Refused
from carbonport.node.exporter.lots import lot_rows
from carbonport.node.exporter.statement_versions import StatementVersion, version_of
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.add_checkpoint import Cosigner, Outcome, Status
from carbonport.node.log.committer import DurableHead
from carbonport.node.log.cosigners import Cosigners
from carbonport.node.log.publication import Published, Publisher
from carbonport.node.log.settings import DEFAULT_SETTINGS
from carbonport.node.participant import Participant
from carbonport.node.peer_witness import PeerWitness
from carbonport.node.transport.peers import Peers
from carbonport.wire.v1 import log_pb2

SHOW_STATEMENT = "/carbonport.wire.v1.WitnessService/ShowStatement"

_UNKNOWN = frozenset({Status.UNKNOWN_ORIGIN, Status.UNTRUSTED})


@dataclass(frozen=True, slots=True)
class _Parties:
    """Who signs and cosigns a lot; a publisher is made anew when it changes."""

    signer: str
    statement: str
    witnesses: tuple[str, ...]


class LotWitnesses:
    """The publishers of one node's lots, made as they are needed."""

    def __init__(self, participant: Participant, peers: Peers) -> None:
        self._participant = participant
        self._peers = peers
        self._publishers: dict[str, tuple[_Parties, Publisher]] = {}

    def require_own(self, stated: StatedLot) -> None:
        """Raise FailedVerification (`lot-origin`) unless the lot's origin is below a log of this node, and its own."""
        lot_log_keys(stated, self.node_keys())

    def node_keys(self) -> list[VerifierKey]:
        """Every key that this node's log has had, as its trust list has them, and the one in force."""
        participant = self._participant
        own = NoteSigner(
            participant.config.log_origin, TYPE_ED25519, participant.identity.ed25519(KeyUse.LOG)
        ).verifier
        try:
            listed = self._listed(participant.id)
        except FailedVerification:
            return [own]
        return [own, *(VerifierKey.parse(key.text) for key in listed.keys if key.usage == "log")]

    async def require_not_behind(self, stated: StatedLot, size: int) -> None:
        """Raise Refused (`lot-behind-witness`) when a witness knows more of the lot than `size` entries, or another
        lot, Unavailable (`log-witness-unreachable`) when those that could know more do not answer. Asked once a
        process."""
        publisher = self._publisher(stated)
        try:
            publisher.require_working()
            await publisher.confirm()
        except FailedVerification as error:
            raise Refused(
                "lot-behind-witness",
                found=f"a lot of {size} entries: {error.found}",
                expected="every entry that a witness has seen",
                remedy="The exporter brings the entries back (`carbonport lot restore`); until then nothing is sold.",
                where=error.where,
            ) from None

    async def checkpoint(self, stated: StatedLot) -> Published:
        """The lot's newest checkpoint, over all its entries, with what cosignatures there are."""
        lot_id = stated.lot.id.hex()
        with self._participant.store.reading() as connection:
            stored = lot_rows.stored_lot(connection, lot_id)
        assert stored is not None, "a lot of a statement in this store"
        publisher = self._publisher(stated)
        if publisher.covers(stored.size):
            return publisher.newest
        await publisher.confirm()
        return await publisher.publish(await asyncio.to_thread(self._head, lot_id))

    def _head(self, lot_id: str) -> DurableHead:
        with self._participant.store.reading() as connection:
            entries = lot_rows.entry_bytes(connection, lot_id)
        edge = Frontier()
        edge.extend(map(leaf_hash, entries))
        return len(entries), edge.root()

    def forget(self) -> None:
        """Look at the witnesses afresh: entries were brought back."""
        self._publishers = {}

    async def close(self) -> None:
        """Stop asking witnesses."""
        for _, publisher in self._publishers.values():
            await publisher.close()

    def _publisher(self, stated: StatedLot) -> Publisher:
        signer = NoteSigner(stated.terms.origin, TYPE_ED25519, self._participant.identity.ed25519(KeyUse.LOG))
        cosigners = self._cosigners(stated)
        parties = _Parties(str(signer.verifier), stated.digest, tuple(str(each.key) for each in cosigners))
        known = self._publishers.get(stated.terms.origin)
        if known is not None and known[0] == parties:
            return known[1]
        origin, lot_id = stated.terms.origin, stated.lot.id.hex()

        async def prove(old: int, new: int) -> Sequence[bytes]:
            with self._participant.store.reading() as connection:
                entries = lot_rows.entry_bytes(connection, lot_id, new)
            return consistency_proof(old, new, _Levels([leaf_hash(each) for each in entries]).read)

        async def read_head() -> DurableHead:
            return await asyncio.to_thread(self._head, lot_id)

        policy = self._policy(stated)
        publisher = Publisher(
            origin,
            signer=signer,
            policy=policy,
            cosigners=Cosigners(origin, cosigners, policy, timeout_s=DEFAULT_SETTINGS.witness_timeout_s),
            prove=prove,
            read_head=read_head,
            settings=DEFAULT_SETTINGS,
            clock=self._participant.clock,
        )
        self._publishers[origin] = (parties, publisher)
        return publisher

    def _policy(self, stated: StatedLot) -> WitnessPolicy:
        try:
            requirement = lot_requirement(stated, self._listed)
        except FailedVerification:
            # A witness that no list names any more: readers will find no quorum, and say so.
            return WitnessPolicy.of(0, ())
        return requirement.policies()[0]

    def _listed(self, name: str) -> ListedParticipant:
        participant = self._participant
        return participant.trust.participant(name, now=participant.clock())

    def _cosigners(self, stated: StatedLot) -> list[Cosigner]:
        found: list[Cosigner] = []
        now = self._participant.clock()
        for name in stated.terms.witnesses:
            try:
                keys = self._listed(name).keys_at("witness", now)
            except FailedVerification:
                continue
            if keys:
                newest = VerifierKey.parse(max(keys, key=lambda key: key.valid_from).text)
                found.append(_LotWitness(self._participant, self._peers, name, newest, stated))
        return found


class _LotWitness(PeerWitness):
    """A witness that is shown the statement when it does not know the lot."""

    def __init__(
        self, participant: Participant, peers: Peers, name: str, key: VerifierKey, stated: StatedLot
    ) -> None:
        super().__init__(peers, name, key)
        self._participant = participant
        self._show = (peers, name)
        self._stated = stated

    async def add_checkpoint(self, request: bytes) -> Outcome:
        """As a witness does; asked a second time once it has seen the statement."""
        outcome = await super().add_checkpoint(request)
        if outcome.status in _UNKNOWN:
            await self._show_statement()
            outcome = await super().add_checkpoint(request)
        return outcome

    async def _show_statement(self) -> None:
        peers, name = self._show
        version = self._version()
        message = log_pb2.ShowStatementRequest(statement=version.token, receipt=version.receipt)
        await peers.ask(name, SHOW_STATEMENT, message, log_pb2.ShowStatementResponse)

    def _version(self) -> StatementVersion:
        with self._participant.store.reading() as connection:
            rows = lot_rows.statements_of(connection, self._stated.lot.id.hex())
            return version_of(connection, rows[-1].statement)


class _Levels:
    """All nodes of a small tree, for consistency proofs."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            pairs = zip(below[0::2], below[1::2], strict=False)
            self._levels.append([node_hash(left, right) for left, right in pairs])

    def read(self, level: int, index: int) -> bytes:
        """The hash of a full subtree."""
        return self._levels[level][index]
