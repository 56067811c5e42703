"""A key holder's announcement of the keys that it made for one plan, and for no other.

The keys are fresh for every plan and destroyed after it: decrypting is safe only for sums whose contributions this
holder checked itself, and a key that outlived its plan could be asked about ciphertexts of another. The announcement
binds them to the plan's nonce, which the coordinator draws before the plan is written; the plan then names the
announcement by its digest, and the holder accepts one plan for it, ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.statement_draft import read_hex
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.node.aggregation.plan import PLAN_NONCE_BYTES
from carbonport.node.sessions.signed_document import DocumentKind

MAX_HOLDER_KEYS_BYTES = 8 * 1024
"""Longest announcement as a token; the context itself travels beside it."""


@dataclass(frozen=True, slots=True)
class HolderKeys:
    """`nonce` is the plan's; `context` is the SHA-256 (hex) of the public BFV context that travels beside it."""

    nonce: bytes
    context: str


def _write(keys: HolderKeys) -> Mapping[str, Json]:
    return {"nonce": keys.nonce.hex(), "context": keys.context}


def _read(fields: StrictFields) -> HolderKeys:
    return HolderKeys(read_hex(fields, "nonce", PLAN_NONCE_BYTES), fields.text("context", pattern=SHA256_HEX))


HOLDER_KEYS = DocumentKind[HolderKeys]("holder-keys", MAX_HOLDER_KEYS_BYTES, _write, _read)
"""An announcement, signed by its holder."""
