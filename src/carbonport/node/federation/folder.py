"""The folder of the processes that carry trainings, inside a node's home: keys, certificates, sockets, their output."""

from pathlib import Path
from typing import Final

from carbonport.crypto.ambient import RandomBytes
from carbonport.federated.flower.processes import SECRET_BYTES, LinkFiles, MemberFiles
from carbonport.node.control import short_enough
from carbonport.node.identity.private_files import make_private_folder, write_private

FEDERATION_FOLDER: Final = "federation"
"""Inside the home folder."""


def federation_folder(home: Path) -> Path:
    """The folder, private; made when it is missing."""
    folder = home.resolve() / FEDERATION_FOLDER
    make_private_folder(folder)
    return folder


def link_files(home: Path) -> LinkFiles:
    """The files of a coordinator's side."""
    folder = federation_folder(home)
    return LinkFiles(folder, short_enough(folder / "relay.sock"), short_enough(folder / "front.bell"))


def member_files(home: Path) -> MemberFiles:
    """The files of a member's side."""
    folder = federation_folder(home)
    return MemberFiles(folder, short_enough(folder / "desk.sock"), short_enough(folder / "node.bell"))


def fresh_secret(path: Path, random_bytes: RandomBytes) -> None:
    """A new secret with which an executor takes tasks from the process beside it."""
    write_private(path, random_bytes(SECRET_BYTES))
