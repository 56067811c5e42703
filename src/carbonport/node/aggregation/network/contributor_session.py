"""A contributor in one session: what it knows of it, what it may give, and how a document of it is kept and logged."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from carbonport.classification.egress import EgressRefused
from carbonport.crypto.log_entry import EXCHANGE_ID_CHARACTERS, EntryType
from carbonport.node.aggregation.contributor import Contributor
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.aggregation.network.given_leaves import GivenLeaves, given_leaves
from carbonport.node.aggregation.network.register_rows import MayContribute
from carbonport.node.aggregation.plan import SignedPlan
from carbonport.node.exporter.log_fields import refusal_fields
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.draft import Draft, Logged
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.sessions.parties import lasting_keys
from carbonport.node.sessions.records import Record, find
from carbonport.node.sessions.session_log import PURPOSE, keep_logged
from carbonport.node.sessions.signed_document import SealKeys


@dataclass(frozen=True)
class ContributorSession:
    """`name` is the session's, `plan` its plan; `contexts` are the holders' public contexts by index, none of a session
    that is over."""

    node: OpenNode
    client: CoordinatorClient
    name: str
    plan: SignedPlan
    contexts: Mapping[int, bytes]

    @property
    def participant(self) -> Participant:
        """This node's own."""
        return self.node.participant

    @property
    def keys(self) -> SealKeys:
        """Seal keys for what this node said and took, and for closing certificates."""
        return lasting_keys(self.node)

    @cached_property
    def contributor(self) -> Contributor:
        """This node as its role."""
        return Contributor(self.participant.id, self.participant.signing_key(KeyUse.SEAL))

    def find(self, kind: str, name: str = "") -> bytes | None:
        """What was kept of this session under a kind and name."""
        with self.participant.store.reading() as connection:
            return find(connection, self.name, kind, name)

    async def given(self, releaser: str) -> GivenLeaves:
        """What the plan asks for, if the gate lets it go to the coordinator and, where the owner consented to one, to
        the releaser; a refusal is logged."""
        plan = self.plan
        try:
            return await given_leaves(self.node, plan, releaser=releaser)
        except EgressRefused as refusal:
            decision = refusal.decision
            about = f"{plan.digest}\n{decision.recipient.id}"
            await self.node.log.append(
                Draft(
                    type=EntryType.REFUSAL,
                    exchange=self.name[:EXCHANGE_ID_CHARACTERS],
                    request_digest=hashlib.sha256(about.encode()).digest(),
                    fields=refusal_fields(decision.recipient.id, PURPOSE, decision.reason, decision),
                )
            )
            raise

    async def logged(
        self,
        entry: EntryType,
        record: Record,
        *,
        fields: dict[str, bytes] | None = None,
        may: MayContribute | None = None,
        sender: str = "",
        counterparty: str = "",
    ) -> Logged:
        """Keep and log a document: this contributor's own before it leaves, or one that came from `sender`; it is for
        the coordinator unless `counterparty` says otherwise."""
        return await keep_logged(
            self.node,
            entry,
            self.name,
            [record],
            sender=sender or self.contributor.id,
            counterparty=counterparty or self.client.coordinator,
            fields=fields,
            write=None if may is None else may.enter,
            condition=may,
        )
