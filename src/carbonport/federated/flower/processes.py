"""Command lines and environment of the four processes, as a node starts them. Nothing here imports Flower.

Flower's are told what they would otherwise do by themselves: no telemetry, no check for updates, no installation of
anything at run time, a home folder of ours. The environment has nothing else in it: no proxy, no key, no path of the
caller's.
"""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
"""Where the SuperLink and the SuperNode's runtime listen."""

LAUNCHER: Final = (sys.executable, "-P", "-m", "carbonport.federated.flower")
"""How each is started (`-P`: nothing is imported from the folder it is started in)."""

SECRET_BYTES: Final = 32
"""Length of the secret with which an executor takes tasks, fresh with every start."""

GIVE_UP_S: Final = 60
"""How long a SuperNode calls a front that does not answer; then it ends, and is told anew where the front is."""

_PASSED_ON: Final = ("LANG", "LC_ALL", "TZ", "TMPDIR")
"""Variables of the caller that the processes see."""


def flower_environment(folder: Path) -> dict[str, str]:
    """What every process of Flower and of ours beside it finds in its environment."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_HOME": str(folder / "flower"),
        "FLWR_LOG_LEVEL": "WARNING",
        "HOME": str(folder),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin")),
        "PYTHONUNBUFFERED": "1",
    }


def free_port() -> int:
    """A port of the loopback interface that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class LinkFiles:
    """Files of the coordinator's side, all in one private folder."""

    folder: Path
    relay: Path
    """The node's socket, while there is a training."""

    bell: Path
    """The front's: rung by the carrier when letters are there."""

    @property
    def certificate(self) -> Path:
        """The SuperLink's certificate."""
        return self.folder / "link.crt"

    @property
    def key(self) -> Path:
        """The SuperLink's key."""
        return self.folder / "link.key"

    @property
    def front_certificate(self) -> Path:
        """The front's certificate, which members are given."""
        return self.folder / "front-own.crt"

    @property
    def front_key(self) -> Path:
        """The front's key."""
        return self.folder / "front-own.key"

    @property
    def secret(self) -> Path:
        """The carrier's secret."""
        return self.folder / "link.secret"

    @property
    def database(self) -> Path:
        """The SuperLink's own memory: registrations and runs."""
        return self.folder / "superlink.db"

    @property
    def members(self) -> Path:
        """A file for each enrolled member."""
        return self.folder / "members"

    def superlink(self, port: int) -> list[str]:
        """Flower's SuperLink on loopback."""
        return [
            *LAUNCHER, "superlink", "--host", LOOPBACK, "--port", str(port),
            "--ssl-ca-certfile", str(self.certificate), "--ssl-certfile", str(self.certificate),
            "--ssl-keyfile", str(self.key), "--enable-supernode-auth", "--database", str(self.database),
            "--isolation", "process", "--superexec-auth-secret-file", str(self.secret),
            "--disable-runtime-dependency-installation",
        ]  # fmt: skip

    def carrier(self, port: int) -> list[str]:
        """Our executor beside it."""
        return [
            *LAUNCHER, "carrier", "--link", f"{LOOPBACK}:{port}", "--certificate", str(self.certificate),
            "--secret-file", str(self.secret), "--members", str(self.members), "--relay", str(self.relay),
            "--bell", str(self.bell),
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class MemberFiles:
    """Files of a member's side, all in one private folder."""

    folder: Path
    desk: Path
    """The node's socket."""

    bell: Path
    """The executor's: rung by the SuperNode when a letter is there."""

    @property
    def key(self) -> Path:
        """The SuperNode's key, in OpenSSH's form."""
        return self.folder / "supernode.key"

    @property
    def front_certificate(self) -> Path:
        """The certificate that the coordinator's front must show."""
        return self.folder / "front.crt"

    @property
    def secret(self) -> Path:
        """The executor's secret."""
        return self.folder / "node.secret"

    def supernode(self, front: str, port: int) -> list[str]:
        """Flower's SuperNode, which calls the front at `front` and listens for its executor on loopback."""
        return [
            *LAUNCHER, "supernode", "--superlink", front, "--root-certificates", str(self.front_certificate),
            "--auth-supernode-private-key", str(self.key), "--host", LOOPBACK, "--port", str(port),
            "--isolation", "process", "--superexec-auth-secret-file", str(self.secret),
            "--max-wait-time", str(GIVE_UP_S), "--bell", str(self.bell),
        ]  # fmt: skip

    def participant(self, port: int) -> list[str]:
        """Our executor beside it."""
        return [
            *LAUNCHER, "participant", "--runtime", f"{LOOPBACK}:{port}",
            "--secret-file", str(self.secret), "--desk", str(self.desk), "--bell", str(self.bell),
        ]  # fmt: skip
