"""The file a verifier hands over: the signed statement and the receipt of its own log over it.

Nothing in it is secret. Reading checks form only; the exporter holds the content against its draft.
"""

from pathlib import Path

from carbonport.attestation.statement import MAX_STATEMENT_BYTES
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.crypto.receipt import MAX_RECEIPT_BYTES, Receipt
from carbonport.errors import Malformed
from carbonport.node.bounded_file import read_bounded
from carbonport.node.identity.private_files import write_public

FORMAT = "carbonport-signed-statement/1"
"""Names the format."""

MAX_FILE_BYTES = MAX_STATEMENT_BYTES + MAX_RECEIPT_BYTES + 1024
"""Largest file read."""


def write_signed_statement(path: Path, token: str, receipt: Receipt) -> None:
    """Write the file for the exporter."""
    write_public(path, canonical_bytes({"format": FORMAT, "statement": token, "receipt": receipt.to_json()}))


def read_signed_statement(path: Path) -> tuple[str, Receipt]:
    """The statement's token and the receipt; Malformed for anything else."""
    content = parse_canonical(read_bounded(path, MAX_FILE_BYTES), max_bytes=MAX_FILE_BYTES, where=str(path))
    if not isinstance(content, dict) or content.keys() != {"format", "statement", "receipt"}:
        raise _malformed("other members", path)
    if content["format"] != FORMAT or not isinstance(content["statement"], str):
        raise _malformed("another format", path)
    return content["statement"], Receipt.from_json(content["receipt"])


def _malformed(found: str, path: Path) -> Malformed:
    return Malformed(
        "signed-statement-file",
        found=found,
        expected="the file that `carbonport sign` wrote",
        remedy="Ask the verifier for the file again.",
        where=str(path),
    )
