"""The hash of a plan: what every proof, seal and message of a sum is bound to."""

from carbonport.errors import Misuse

PLAN_HASH_BYTES = 32
"""SHA-256 over the canonical bytes of the signed plan."""


def check_plan_hash(plan_hash: bytes) -> None:
    """Raise `Misuse` unless these are 32 bytes."""
    if len(plan_hash) != PLAN_HASH_BYTES:
        raise Misuse(
            "sum-plan-hash",
            found=f"a plan hash of {len(plan_hash)} bytes",
            expected=f"{PLAN_HASH_BYTES} bytes: SHA-256 of the signed plan",
            remedy="Hash the plan's canonical bytes; this is a defect of the calling program.",
        )
