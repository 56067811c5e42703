"""What a node refused in a training is on its record: of which plan, what kind of letter, and which error.

One entry for each kind of letter and error, however often the letter comes: nobody fills a log by asking again. A plan
that policy or person turns down is logged where that is decided, with the decision (`owner_permission`).

A run of an app that is not on the list never becomes a letter: the executor refuses it and tells its node, which logs
the first of a day.
"""

import hashlib
from typing import TYPE_CHECKING

from carbonport.attestation.participants import SHA256_HEX
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import CarbonportError, Unavailable
from carbonport.federated.relay import UNLISTED_APP
from carbonport.node.log.draft import Draft
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.session_log import exchange_id
from carbonport.node.training.training_inbox import PURPOSE

if TYPE_CHECKING:
    # Plans know tasks, and tasks need the training extra, which who is told of an app may not have loaded.
    from carbonport.node.training.plan import SignedPlan

SECONDS_PER_DAY = 86_400

REFUSED = "training-refused"
"""First word of what the entries are about."""


async def log_refusal(node: OpenNode, plan: "SignedPlan", kind: str, problem: CarbonportError) -> None:
    """Log that a letter of this kind was refused; nothing when this node only could not answer it."""
    if isinstance(problem, Unavailable):
        return
    session, about = plan.content.session, f"{REFUSED}:{kind}:{problem.id}"
    await node.log.append(
        Draft(
            type=EntryType.REFUSAL,
            exchange=exchange_id(session, about, node.participant.id),
            request_digest=hashlib.sha256(plan.token.encode()).digest(),
            fields={
                FieldName.RECIPIENT: plan.issuer.encode(),
                FieldName.PURPOSE: PURPOSE.encode(),
                FieldName.SUBJECT: plan.digest.encode(),
                FieldName.REASON: f"{kind}: {problem.id}".encode(),
            },
        )
    )


async def log_unlisted_app(node: OpenNode, app_hash: bytes) -> None:
    """Log that the executor refused to run an app; its SHA-256 in hex is what the entry is about."""
    day = str(node.participant.clock() // SECONDS_PER_DAY)
    named = app_hash if SHA256_HEX.fullmatch(app_hash.decode("ascii", errors="replace")) else b"no hash"
    await node.log.append(
        Draft(
            type=EntryType.REFUSAL,
            exchange=exchange_id(UNLISTED_APP, day, node.participant.id),
            request_digest=hashlib.sha256(day.encode()).digest(),
            fields={
                FieldName.PURPOSE: PURPOSE.encode(),
                FieldName.SUBJECT: named,
                FieldName.REASON: UNLISTED_APP.encode(),
            },
        )
    )
