"""Joining a training: a member accepts exactly this plan, a key holder makes fresh keys for exactly this plan.

A holder's key pair serves one plan and is destroyed after it. Members seal shares to it only when the holder signed it
for their plan's digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.statement_draft import read_hex
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.node.sessions.signed_document import DocumentKind, Signed
from carbonport.node.training.plan import AREA

MAX_JOINING_BYTES = 8 * 1024
"""Longest acceptance or announcement as a token."""

X25519_BYTES = 32
"""Length of a public key."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """`plan` is the digest of what is accepted."""

    plan: str


@dataclass(frozen=True, slots=True)
class HolderKey:
    """`key` is the X25519 public key that this holder made for the plan of this digest."""

    plan: str
    key: bytes


SignedHolderKey = Signed[HolderKey]


def _write_key(holder: HolderKey) -> Mapping[str, Json]:
    return {"plan": holder.plan, "key": holder.key.hex()}


def _read_key(fields: StrictFields) -> HolderKey:
    return HolderKey(fields.text("plan", pattern=SHA256_HEX), read_hex(fields, "key", X25519_BYTES))


ACCEPTANCE = DocumentKind[Acceptance](
    "acceptance",
    MAX_JOINING_BYTES,
    lambda acceptance: {"plan": acceptance.plan},
    lambda fields: Acceptance(fields.text("plan", pattern=SHA256_HEX)),
    AREA,
)
"""An acceptance, signed by its member."""

HOLDER_KEY = DocumentKind[HolderKey]("holder-key", MAX_JOINING_BYTES, _write_key, _read_key, AREA)
"""A key, signed by its holder."""
