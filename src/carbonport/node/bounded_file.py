"""Reading a file that somebody handed over: its size is checked while it is read, and errors name the path."""

from pathlib import Path

from carbonport.errors import Malformed


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """The whole file, or Malformed (`file-unreadable`, `file-too-large`)."""
    try:
        with path.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    except OSError as problem:
        raise Malformed(
            "file-unreadable",
            found=problem.strerror or type(problem).__name__,
            expected="a file that this user may read",
            remedy="Check the path and its rights.",
            where=str(path),
        ) from None
    if len(content) > max_bytes:
        raise Malformed(
            "file-too-large",
            found=f"more than {max_bytes} bytes",
            expected=f"at most {max_bytes} bytes",
            remedy="Check that this is the right file.",
            where=str(path),
        )
    return content
