"""A path that the operating system would not let us use as asked: the user's matter, told as an error of ours."""

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
