"""Paths that the operating system does not let us use as asked: the user's matter, told as an error of ours."""

import errno
import os
from pathlib import Path

from carbonport.errors import Misuse


def file_problem(problem: OSError) -> Misuse:
    """What is wrong with the path that `problem` names: its absence, its kind, its rights, a full disk."""
    return Misuse(
        "file-problem",
        found=problem.strerror or type(problem).__name__,
        expected="a file or folder that can be used like this",
        remedy="Check the paths that the command names, their rights, and the space on the disk.",
        where=str(problem.filename or ""),
    )


def require_place(path: Path) -> None:
    """Refuse a path that no file can be written to, before anything is asked, signed or logged for that file."""
    if path.is_dir():
        raise file_problem(IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path)))
    if not path.parent.is_dir():
        raise file_problem(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent)))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise file_problem(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent)))
