"""Who is enrolled with a coordinator, and what a member is told in return.

A participant enrols over the node's own mutual TLS: the trust list says who it is and which roles it has, and the key
it brings is from then on its SuperNode's. The node writes a small file; the front and the carrier, processes of their
own, read it. Until `carbonport federate serve` runs there is nothing to tell, and enrolling is Unavailable.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography import x509

from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import FailedVerification, Malformed, Unavailable
from carbonport.federated.flower.bundle import ALLOWED
from carbonport.federated.flower.members import MemberKeys
from carbonport.node.config import ENDPOINT_PATTERN
from carbonport.node.federation.folder import link_files
from carbonport.node.identity.private_files import make_private_folder, read_private, write_private

PLACE_FILE: Final = "front.json"
"""Where `carbonport federate serve` says where its front is."""

MAX_PLACE_BYTES: Final = 8192
"""An address, a certificate and a hash."""

MAX_CERTIFICATE_BYTES: Final = 4096
"""The front's certificate in PEM; ours has 700 bytes."""


@dataclass(frozen=True, slots=True)
class FrontPlace:
    """Where a front is, what it shows, and which app trainings are carried with."""

    address: str
    certificate: bytes
    app: str

    def write(self, folder: Path) -> None:
        """Let the node tell it."""
        content = {"address": self.address, "certificate": self.certificate.decode("ascii"), "app": self.app}
        write_private(folder / PLACE_FILE, canonical_bytes(content))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What is told now; Unavailable (`federation-not-serving`) when nothing is."""
        path = folder / PLACE_FILE
        if path.exists():
            match parse_canonical(read_private(path, max_bytes=MAX_PLACE_BYTES), max_bytes=MAX_PLACE_BYTES):
                case {"address": str(address), "certificate": str(certificate), "app": str(app)}:
                    return cls(address, certificate.encode(), app)
        raise Unavailable(
            "federation-not-serving",
            found="a coordinator whose trainings are not carried now",
            expected="a coordinator that runs `carbonport federate serve`",
            remedy="Ask the coordinator when it serves trainings; joining goes on trying.",
        )

    def checked(self, coordinator: str) -> Self:
        """What a member may use of a coordinator's words: raises for an app it does not run, and for other shapes."""
        if self.app not in ALLOWED:
            raise FailedVerification(
                "federation-app",
                found=f"trainings carried with the app {self.app[:16]}...",
                expected="the app of this version",
                remedy="Use the version of Carbonport that the coordinator uses.",
                where=coordinator,
            )
        try:
            x509.load_pem_x509_certificate(self.certificate)
            good = ENDPOINT_PATTERN.fullmatch(self.address) and len(self.certificate) <= MAX_CERTIFICATE_BYTES
        except ValueError:
            good = None
        if not good:
            raise Malformed(
                "federation-place",
                found="an address or a certificate of another form",
                expected="host:port and one certificate in PEM",
                remedy="Tell the coordinator; its node answers with something else.",
                where=coordinator,
            )
        return self


def enrol(home: Path, participant: str, key: bytes) -> FrontPlace:
    """Take a participant's SuperNode key; Malformed (`federation-key`) for anything that is none."""
    files = link_files(home)
    members = MemberKeys(files.members)
    content = members.content_of(participant, key)
    place = FrontPlace.read(files.folder)
    make_private_folder(members.folder)
    write_private(members.path_of(participant), content)
    return place
