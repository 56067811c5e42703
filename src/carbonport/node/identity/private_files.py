"""Files and folders for one owner: mode 0600 in 0700, written whole or not at all.

Promises that a file is durable and complete once `write_private` returns, and that a private file others
can read is refused rather than used. Knows nothing of what the files hold.
"""

import os
import secrets
import stat
from pathlib import Path

from carbonport.errors import Malformed, Misuse

FOLDER_MODE = 0o700
"""Only the owner enters."""

FILE_MODE = 0o600
"""Only the owner reads and writes."""


def make_private_folder(folder: Path) -> None:
    """Create the folder with mode 0700 (parents with the process's own mask); an existing one must be
    private.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True)
        folder.chmod(FOLDER_MODE)
    except FileExistsError:
        require_private_folder(folder)


def require_private_folder(folder: Path) -> None:
    """Refuse a folder that is missing or that others may enter."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        mode = 0
    if not stat.S_ISDIR(mode):
        raise Misuse(
            "identity-home-missing",
            found="no such folder",
            expected="a home folder that `carbonport init` made",
            remedy="Run `carbonport init`, or name the right folder with --home or CARBONPORT_HOME.",
            where=str(folder),
        )
    if mode & 0o077:
        raise Misuse(
            "identity-file-not-private",
            found=f"folder mode {stat.S_IMODE(mode):04o}",
            expected="a folder only its owner can enter (mode 0700)",
            remedy="chmod 700 the folder, and consider the keys in it known to others: rotate them.",
            where=str(folder),
        )


def write_private(path: Path, content: bytes) -> None:
    """Write the file with mode 0600, durably, replacing an earlier one in one step."""
    _write_whole(path, content, FILE_MODE)


def write_public(path: Path, content: bytes) -> None:
    """The same for a file that others may read (0644 less the process's mask)."""
    _write_whole(path, content, 0o644)


def _write_whole(path: Path, content: bytes, mode: int) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename or removal in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_private(path: Path, *, max_bytes: int) -> bytes:
    """Read a private file; refuse one that others can read, a link, or one that is too long."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as problem:
        raise Malformed(
            "identity-file-unreadable",
            found=problem.strerror or type(problem).__name__,
            expected="a regular file that this user can read",
            remedy="Restore the file from the backup of the keys, or check its owner.",
            where=str(path),
        ) from None
    with os.fdopen(descriptor, "rb") as stream:
        mode = os.fstat(stream.fileno()).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise Misuse(
                "identity-file-not-private",
                found=f"mode {stat.S_IMODE(mode):04o}",
                expected="a regular file only its owner can read (mode 0600)",
                remedy="chmod 600 the file, and consider the key in it known to others: rotate it.",
                where=str(path),
            )
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise Malformed(
            "identity-file-too-long",
            found=f"more than {max_bytes} bytes",
            expected=f"at most {max_bytes} bytes",
            remedy="Restore the file from the backup of the keys.",
            where=str(path),
        )
    return content


def erase(path: Path) -> None:
    """Overwrite and remove a private file. Journals, snapshots and flash memory may keep copies: rotate
    backups too.
    """
    with path.open("r+b") as stream:
        length = os.fstat(stream.fileno()).st_size
        stream.write(bytes(length))
        stream.flush()
        os.fsync(stream.fileno())
    path.unlink()
    sync_folder(path.parent)
