"""n key holders of whom k together can read a sum, and how many of them must agree before anyone answers.

What follows from n and k for the protocol of a session is derived here, and nowhere else. k - 1 holders may be corrupt.

- *Votes.* Nobody answers before Q > (n + k - 1)/2 equal votes for one roster: two sets of Q voters share at least k
  holders, so at least one honest one, which votes once. With fewer, one corrupt holder and the coordinator could get
  the sums of two rosters, and their difference is a member's value.
- *Answers of the verifiable sum*: any k, for each is checked against commitments.
- *Answers of the fast sum*: 2k - 1 that lie on one polynomial. There are no commitments; k honest answers among them
  fix the polynomial, so that what k - 1 others say either lies on it too or contradicts.
"""

from dataclasses import dataclass

from carbonport.errors import Misuse

MIN_THRESHOLD = 2
"""With k = 1 every holder alone reads every value."""

MAX_HOLDERS = 15
"""Most holders of one plan: each takes a ciphertext and a share from every contributor."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """n = `holders` with indices 1..n, k = `threshold`; raises `Misuse` unless 2 <= k <= n <= 15."""

    holders: int
    threshold: int

    def __post_init__(self) -> None:
        if not MIN_THRESHOLD <= self.threshold <= self.holders <= MAX_HOLDERS:
            raise Misuse(
                "sum-threshold",
                found=f"{self.holders} holders of whom {self.threshold} can read",
                expected=f"{MIN_THRESHOLD} <= threshold <= holders <= {MAX_HOLDERS}",
                remedy="Use 3 holders with threshold 2, or 5 with threshold 2 if one of them may be absent.",
            )

    @property
    def indices(self) -> range:
        """The holders' indices: where the polynomials are evaluated. Never 0, which is the secret."""
        return range(1, self.holders + 1)

    @property
    def votes_needed(self) -> int:
        """Q: the smallest integer above (n + k - 1)/2."""
        return (self.holders + self.threshold - 1) // 2 + 1

    @property
    def absent_tolerated(self) -> int:
        """Holders that may be missing while a vote still succeeds: 0 for n = 3, k = 2; 1 for n = 5, k = 2."""
        return self.holders - self.votes_needed

    @property
    def fast_answers_needed(self) -> int:
        """2k - 1: consistent answers that a fast sum takes."""
        return 2 * self.threshold - 1

    def check_index(self, index: int) -> None:
        """Raise `Misuse` unless `index` is a holder's."""
        if index not in self.indices:
            raise Misuse(
                "sum-holder-index",
                found=f"a holder with the index {index}",
                expected=f"an index from 1 to {self.holders}",
                remedy="Take the holders and their indices from the signed plan.",
            )
