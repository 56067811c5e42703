"""Every error a user of Carbonport can meet: one root, five families.

    CarbonportError
    +-- Malformed            what was read is not what it claims to be               exit code 1
    +-- FailedVerification   a check of a signature, proof, hash or rule failed      exit code 1
    +-- Misuse               the caller asked in a way that cannot be meant          exit code 2
    +-- Refused              the policy, an approval or a limit says no              exit code 3
    +-- Unavailable          a peer, a disk or a lock did not answer in time         exit code 4

Each error has a stable id (`area-problem`, in kebab case) that `docs/errors.md` explains, and says what was found, what
was expected and what to do. No error carries a secret: not a key, a blinding, a salt or a protected value. What
stands in `found` may be shown to the person who runs the command; what goes to a peer is the id alone, with
`expected` and `remedy` (see `carbonport.node.rich_errors`).
"""

from collections.abc import Mapping
from typing import ClassVar


class CarbonportError(Exception):
    """The root: catch this to catch everything Carbonport raises on purpose."""

    family: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, error_id: str, *, found: str, expected: str, remedy: str, where: str = "") -> None:
        """`where` is the place (a file, a sheet and cell, a peer's name); the rest are sentences for a person."""
        self.id = error_id
        self.found = found
        self.expected = expected
        self.remedy = remedy
        self.where = where
        super().__init__(error_id, found, expected, remedy, where)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{self.id}: {place}found {self.found}; expected {self.expected}. {self.remedy}"

    def as_dict(self) -> dict[str, str]:
        """The error as `--json` prints it."""
        return {
            "id": self.id,
            "family": self.family,
            "where": self.where,
            "found": self.found,
            "expected": self.expected,
            "remedy": self.remedy,
        }


class Malformed(CarbonportError):
    """What was read (a workbook, a message, a key file) is not what it claims to be; nothing of it was used."""

    family = "malformed"


class FailedVerification(CarbonportError):
    """A signature, proof, hash, time or rule did not hold; whatever it was to protect must not be relied on."""

    family = "failed-verification"


class Misuse(CarbonportError):
    """The call or command itself cannot be meant: a wrong option, an impossible order of steps."""

    family = "misuse"
    exit_code = 2


class Refused(CarbonportError):
    """Policy, approval or limit said no; nothing left the node."""

    family = "refused"
    exit_code = 3


class Unavailable(CarbonportError):
    """A peer, store or lock did not answer in time; the same call may succeed later."""

    family = "unavailable"
    exit_code = 4


FAMILIES: Mapping[str, type[CarbonportError]] = {
    kind.family: kind for kind in (Malformed, FailedVerification, Misuse, Refused, Unavailable)
}


def error_from_dict(fields: Mapping[str, str]) -> CarbonportError:
    """The error that `as_dict` described, as it comes back from the node's own process."""
    family = FAMILIES.get(fields["family"], CarbonportError)
    return family(
        fields["id"],
        found=fields["found"],
        expected=fields["expected"],
        remedy=fields["remedy"],
        where=fields["where"],
    )
