"""When a plan was issued, by its coordinator's word, and what a node that was restored from a backup makes of it.

Such a node may have said more than it remembers, also in a plan that its backup did not have and that it fetches anew.
So the plan's own date counts, not only when it was taken here; a date in the future would make a plan look younger than
a restore that it is older than.
"""

from carbonport.attestation.trust_store import CLOCK_SKEW_SECONDS


def is_of_the_future(issued_at: int, *, now: int) -> bool:
    """Whether a plan claims a date that no other party's clock shows yet (unix seconds)."""
    return issued_at > now + CLOCK_SKEW_SECONDS


def is_from_before(restored_at: int | None, *, issued_at: int, taken_at: int) -> bool:
    """Whether a plan was issued, or taken here, before this node was restored; never, if it never was (None)."""
    return restored_at is not None and min(issued_at, taken_at) <= restored_at
