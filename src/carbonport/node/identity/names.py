"""The names of a participant: `CN/<LEI>` in documents, a SPIFFE id in certificates, a host name inside TLS.

LEI: ISO 17442, twenty characters whose number (letters as 10..35) is 1 modulo 97 (ISO 7064). SPIFFE ids:
the SPIFFE-ID standard, section 2; its trust domains are lowercase, so the jurisdiction is written `cn`
there and `CN` elsewhere.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from carbonport.errors import Malformed

LEI_PATTERN = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
"""The form of a legal entity identifier; the last two digits are check digits."""

JURISDICTION_PATTERN = re.compile(r"[A-Z]{2}")
"""An ISO 3166 alpha-2 code, or `EU`."""

TLS_HOST_SUFFIX = "node.carbonport.internal"
"""Certificates name this host, whatever address the node listens on; `.internal` is reserved for private
use.
"""


class Role(StrEnum):
    """What a node may do in an exchange; its configuration claims roles, the trust list grants them."""

    EXPORTER = "exporter"
    IMPORTER = "importer"
    VERIFIER = "verifier"
    REGULATOR = "regulator"
    COORDINATOR = "coordinator"
    KEY_HOLDER = "key-holder"


def lei_checks(lei: str) -> bool:
    """Whether the two check digits of a well-formed LEI fit the rest."""
    return int("".join(str(int(character, 36)) for character in lei)) % 97 == 1


def complete_lei(first_18: str) -> str:
    """The LEI that begins with these eighteen characters: the check digits are appended."""
    if not re.fullmatch(r"[A-Z0-9]{18}", first_18):
        raise Malformed(
            "identity-lei",
            found=f"{len(first_18)} characters",
            expected="eighteen capital letters or digits, to which two check digits are appended",
            remedy="Look the LEI up in the GLEIF register.",
        )
    remainder = int("".join(str(int(character, 36)) for character in first_18 + "00")) % 97
    return f"{first_18}{98 - remainder:02d}"


@dataclass(frozen=True, slots=True)
class ParticipantName:
    """A participant: the jurisdiction it answers to and its legal entity identifier."""

    jurisdiction: str
    lei: str

    def __post_init__(self) -> None:
        if not JURISDICTION_PATTERN.fullmatch(self.jurisdiction):
            raise Malformed(
                "identity-jurisdiction",
                found=repr(self.jurisdiction[:20]),
                expected="two capital letters, such as CN or EU",
                remedy="Give the code of the jurisdiction whose trust list names the participant.",
            )
        if not LEI_PATTERN.fullmatch(self.lei) or not lei_checks(self.lei):
            raise Malformed(
                "identity-lei",
                found=repr(self.lei[:40]),
                expected="a legal entity identifier: twenty characters whose check digits fit",
                remedy=(
                    "Look the LEI up in the GLEIF register; one mistyped character breaks the check digits."
                ),
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `CN/<LEI>`."""
        jurisdiction, _, lei = text.partition("/")
        return cls(jurisdiction, lei)

    @classmethod
    def from_spiffe_id(cls, uri: str) -> Self:
        """Read the SPIFFE id of a certificate."""
        match = re.fullmatch(r"spiffe://([a-z]{2})/node/([A-Z0-9]{20})", uri)
        if match is None:
            raise Malformed(
                "identity-spiffe-id",
                found=repr(uri[:80]),
                expected="spiffe://<jurisdiction in lowercase>/node/<LEI>",
                remedy="Use a certificate that `carbonport init` or `key rotate` made.",
            )
        return cls(match[1].upper(), match[2])

    def __str__(self) -> str:
        return f"{self.jurisdiction}/{self.lei}"

    @property
    def spiffe_id(self) -> str:
        """The URI in the subject alternative name of every certificate of this node."""
        return f"spiffe://{self.jurisdiction.lower()}/node/{self.lei}"

    @property
    def tls_host(self) -> str:
        """The host name in the certificate: clients ask TLS for this name at whatever address."""
        return f"{self.lei}.{self.jurisdiction}.{TLS_HOST_SUFFIX}".lower()

    @property
    def log_origin(self) -> str:
        """The default origin line of this node's log (C2SP tlog-checkpoint), also the name of its log key."""
        return f"carbonport.log/{self}"

    @property
    def witness_name(self) -> str:
        """The key name under which this node cosigns the logs of others."""
        return f"carbonport.witness/{self}"
