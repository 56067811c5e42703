"""The bundle: one self-contained file with everything that an offline check of an attestation needs.

Canonical JSON (RFC 8785) written by the importer's node: the presentation as it was received, the exporter's
receipt over exactly those bytes, the lot that the consignment is sold from, the status tokens of attestation
and statement, the trust lists, and the list-signing keys that the importer had pinned. The signed parts stand
in it as opaque strings. The importer's node seals it: a JWS over the SHA-256 of the canonical rest, so that a
change of any byte shows.

The seal says who put the bundle together and that nothing changed since. It adds no truth to what is inside,
and the pinned keys are the importer's word: a reader with anchors of its own gives them to
`carbonport.attestation.checks.verify_bundle`, and then the bundle's own do not count.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from carbonport.attestation.bundled_lot import BundledLot, read_bundled_lot
from carbonport.attestation.participants import JURISDICTION, MAX_KEYS, PARTICIPANT_ID, read_public_jwk
from carbonport.attestation.presentation import MAX_PRESENTATION_BYTES
from carbonport.attestation.strict_fields import StrictFields
from carbonport.attestation.supplier_statements import MAX_SUPPLIER_STATEMENTS
from carbonport.attestation.trust_list import MAX_TRUST_LIST_BYTES
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import Jwk, SigningKey, peek_header, sign_jws, verify_jws
from carbonport.crypto.notes import VerifierKey
from carbonport.crypto.receipt import MAX_RECEIPT_BYTES, Receipt
from carbonport.errors import FailedVerification, Malformed
from carbonport.footprint.graph import SHA256_HEX

BUNDLE_FORMAT = "carbonport-bundle/1"
"""Names the format."""

SEAL_TYPE = "carbonport-bundle-seal+jwt"
"""The `typ` of the seal's JWS."""

MAX_SEAL_BYTES = 4096
"""Longest seal."""

MAX_STATUS_TOKEN_BYTES = 4 * 1024 * 1024
"""Longest status token."""

MAX_TRUST_LISTS = 64
"""Most trust lists of one bundle."""

MAX_BUNDLE_BYTES = 64 * 1024 * 1024
"""Largest bundle, checked before anything is read: a full lot takes some 25 MB of it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The parts of a bundle.

    `presentation` and `receipt` are the bytes as received, but for the lines of unknown witnesses in the
    receipt's note. `received_at` is the time (unix seconds) of the importer's own first log entry about it:
    the signing time where the trust lists ask for no witness. `anchors` are the importer's pinned keys.
    `supplier_status` has the status tokens of suppliers' statements that the proof shows, by statement (digest).
    """

    importer: str
    received_at: int
    presentation: bytes
    receipt: bytes
    attestation_status: str
    statement_status: str
    trust_lists: tuple[str, ...]
    anchors: Mapping[str, Sequence[Jwk]]
    lot: BundledLot | None = None
    supplier_status: Mapping[str, str] = field(default_factory=dict)
    seal: str = ""

    def seal_kid(self) -> str:
        """The key that the seal names; unverified."""
        return str(peek_header(self.seal).get("kid", ""))

    def verify_seal(self, jwk: Jwk) -> None:
        """Check that the importer's key sealed exactly these parts."""
        verified = verify_jws(self.seal, jwk, typ=SEAL_TYPE, max_bytes=MAX_SEAL_BYTES)
        if verified.payload != _seal_payload(self):
            raise FailedVerification(
                "bundle-seal",
                found="a seal over another content",
                expected="the seal over exactly this bundle",
                remedy="The bundle was changed after it was sealed; ask the importer for the original.",
            )


def write_bundle(bundle: Bundle, key: SigningKey) -> bytes:
    """Seal the parts with the importer's node seal; gives the file's bytes."""
    seal = sign_jws(key, {"typ": SEAL_TYPE}, _seal_payload(bundle))
    data = canonical_bytes({**_parts(bundle), "seal": seal})
    read_bundle(data)
    return data


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle; raises `Malformed` unless it is exactly of the form. Nothing in it is verified yet."""
    fields = StrictFields(parse_canonical(data, max_bytes=MAX_BUNDLE_BYTES, where="bundle"), "bundle")
    if fields.text("format") != BUNDLE_FORMAT:
        raise Malformed(
            "bundle-format",
            found="a bundle of another format",
            expected=BUNDLE_FORMAT,
            remedy="Use a version of the program that knows the format.",
        )
    status = fields.nested("status")
    suppliers = status.each("suppliers", _read_supplier_status, max_items=MAX_SUPPLIER_STATEMENTS)
    anchors = fields.each("anchors", _read_anchors, max_items=MAX_TRUST_LISTS)
    bundle = Bundle(
        importer=fields.text("importer", pattern=PARTICIPANT_ID),
        received_at=fields.integer("receivedAt"),
        presentation=fields.text("presentation", max_chars=MAX_PRESENTATION_BYTES).encode(),
        receipt=fields.text("receipt", max_chars=MAX_RECEIPT_BYTES).encode(),
        attestation_status=status.text("attestation", max_chars=MAX_STATUS_TOKEN_BYTES),
        statement_status=status.text("statement", max_chars=MAX_STATUS_TOKEN_BYTES),
        trust_lists=tuple(
            StrictFields({"list": item}, "bundle: trustLists").text("list", max_chars=MAX_TRUST_LIST_BYTES)
            for item in fields.items("trustLists", max_items=MAX_TRUST_LISTS)
        ),
        anchors=dict(anchors),
        lot=read_bundled_lot(fields.value("lot")),
        supplier_status=dict(suppliers),
        seal=fields.text("seal", max_chars=MAX_SEAL_BYTES),
    )
    status.finish()
    fields.finish()
    if len(bundle.anchors) != len(anchors):
        raise Malformed(
            "bundle-anchors",
            found="a jurisdiction with two sets of anchors",
            expected="one set for each",
            remedy="Ask the importer for a bundle written by the program.",
        )
    if [digest for digest, _ in suppliers] != sorted(bundle.supplier_status):
        raise Malformed(
            "bundle-suppliers",
            found="status tokens of suppliers' statements in another order, or one twice",
            expected="one for each statement, in the order of their digests",
            remedy="Ask the importer for a bundle written by the program.",
        )
    return bundle


def _parts(bundle: Bundle) -> dict[str, Json]:
    """Everything but the seal."""
    return {
        "format": BUNDLE_FORMAT,
        "importer": bundle.importer,
        "receivedAt": bundle.received_at,
        "presentation": bundle.presentation.decode(),
        "receipt": bundle.receipt.decode(),
        "lot": None if bundle.lot is None else bundle.lot.to_json(),
        "status": {
            "attestation": bundle.attestation_status,
            "statement": bundle.statement_status,
            "suppliers": [
                {"statement": digest, "token": token}
                for digest, token in sorted(bundle.supplier_status.items())
            ],
        },
        "trustLists": list(bundle.trust_lists),
        "anchors": [
            {"jurisdiction": name, "keys": [dict(jwk) for jwk in keys]}
            for name, keys in sorted(bundle.anchors.items())
        ],
    }


def _seal_payload(bundle: Bundle) -> bytes:
    digest = hashlib.sha256(canonical_bytes(_parts(bundle))).hexdigest()
    return canonical_bytes({"iss": bundle.importer, "sha256": digest})


def _read_supplier_status(fields: StrictFields) -> tuple[str, str]:
    token = fields.text("token", max_chars=MAX_STATUS_TOKEN_BYTES)
    return fields.text("statement", pattern=SHA256_HEX), token


def _read_anchors(fields: StrictFields) -> tuple[str, tuple[Jwk, ...]]:
    name = fields.text("jurisdiction", pattern=JURISDICTION)
    return name, tuple(read_public_jwk(item) for item in fields.items("keys", max_items=MAX_KEYS))


def only_known_signatures(receipt: Receipt, keys: Iterable[VerifierKey]) -> Receipt:
    """The receipt with those note lines alone that keys of the trust lists made: what a bundle holds."""
    return replace(receipt, checkpoint=receipt.checkpoint.only(keys))
