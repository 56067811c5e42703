"""A receipt held against the trust lists: which listed log key signed it, and what it is about.

What the witnesses say of it is another question, and another step (`carbonport.attestation.witness_rules`).
"""

from collections.abc import Mapping

from carbonport.attestation.trust_list import TrustedKey
from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.notes import VerifierKey
from carbonport.crypto.receipt import Receipt, verify_receipt
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import FailedVerification

NO_WITNESS = WitnessPolicy.of(0, ())
"""For checking a receipt apart from its witnesses."""


def receipt_log_key(
    store: TrustStore,
    receipt: Receipt,
    owner: str,
    *,
    payload: bytes,
    expected: Mapping[str, bytes],
    entry_type: EntryType,
    now: int,
) -> TrustedKey:
    """Check a receipt of the log of `owner` over `payload`; gives the listed log key that signed it, retired or not.

    Raises FailedVerification: `receipt-unknown-log` when no listed key of the owner signed it; else as
    `verify_receipt` does.
    """
    lines = {(line.name, line.key_id) for line in receipt.checkpoint.signatures}
    for key in store.participant(owner, now=now).keys:
        if key.usage != "log":
            continue
        log_key = VerifierKey.parse(key.text)
        if (log_key.name, log_key.key_id) in lines:
            verify_receipt(
                receipt,
                log_key=log_key,
                policy=NO_WITNESS,
                payload=payload,
                expected=expected,
                entry_type=entry_type,
            )
            return key
    raise FailedVerification(
        "receipt-unknown-log",
        found=f"a receipt signed by no listed log key of {owner}",
        expected="a log key that the trust list holds for its operator",
        remedy="Add the newest trust lists; if it stays so, ask the operator of the log.",
    )
