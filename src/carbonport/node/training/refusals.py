"""What a node refused in a training is on its record: of which plan, what kind of letter, and which error.

One entry for each kind of letter and error, however often the letter comes: nobody fills a log by asking again. A plan
that policy or person turns down is logged where that is decided, with the decision (`owner_permission`).
"""

import hashlib

from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import CarbonportError, Unavailable
from carbonport.node.log.draft import Draft
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.session_log import exchange_id
from carbonport.node.training.plan import SignedPlan
from carbonport.node.training.training_inbox import PURPOSE

REFUSED = "training-refused"
"""First word of what the entries are about."""


async def log_refusal(node: OpenNode, plan: SignedPlan, kind: str, problem: CarbonportError) -> None:
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
