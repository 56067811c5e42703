"""The end of a training without a model: why, and whom mathematics or a refusal names; signed by the coordinator.

After it nobody answers anything in that plan, and holders destroy their keys. What members gave stays given.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.federated.relay import ERROR_ID
from carbonport.node.sessions.signed_document import DocumentKind, Signed
from carbonport.node.training.plan import AREA, MAX_MEMBERS

MAX_ENDING_BYTES = 64 * 1024
"""Longest ending as a token."""


@dataclass(frozen=True, slots=True)
class Ending:
    """`reason` is an error's id; `named` are those whom it is about, none where nobody can be named."""

    plan: str
    reason: str
    named: tuple[str, ...]


SignedEnding = Signed[Ending]


def _write(ending: Ending) -> Mapping[str, Json]:
    return {"plan": ending.plan, "reason": ending.reason, "named": list(ending.named)}


def _read(fields: StrictFields) -> Ending:
    return Ending(
        fields.text("plan", pattern=SHA256_HEX),
        fields.text("reason", pattern=ERROR_ID),
        fields.texts("named", pattern=PARTICIPANT_ID, max_items=MAX_MEMBERS),
    )


ENDING = DocumentKind[Ending]("ending", MAX_ENDING_BYTES, _write, _read, AREA)
"""An ending, signed by its coordinator."""
