"""The process that makes proofs: `python -I -B -m carbonport.node.proving.worker_process`, started by its node.

It reads tasks from standard input and writes answers to standard output, one after the other, as long as its parent
lives: when the other end of its input is gone it ends at once, also in the middle of a proof and however the parent
ended. It writes no file and leaves no core dump. What it holds is secret, so nothing of a failure leaves it but the
five sentences of an error of Carbonport's own, or the name of another error's type; standard error goes nowhere.

A frame is a length (8 bytes, big-endian) and so many bytes. A request is a pickled pair of the task's name and its
argument, for both ends are one program of one user; an answer begins with a byte, OK or FAILED.
"""

import json
import os
import pickle
import resource
import select
import sys
import threading
from typing import BinaryIO

from carbonport.crypto.canonical import canonical_bytes
from carbonport.errors import CarbonportError, Unavailable
from carbonport.node.proving.tasks import TASKS

LENGTH_BYTES = 8
"""Length of a frame's length."""

OK, FAILED = b"+", b"-"
"""First byte of an answer."""

PARENT_LOOK_MS = 1000
"""How often the process looks whether its parent lives, beside being told by the end of its input."""

NICENESS = 5
"""Added to the node's own: answering goes before proving."""


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame; None when the stream has ended."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    data = stream.read(length)
    return data if len(data) == length else None


def frame(data: bytes) -> bytes:
    """`data` as a frame."""
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def answer(request: bytes) -> bytes:
    """What the process answers to a request."""
    try:
        name, argument = pickle.loads(request)  # noqa: S301 - from the parent, see above
        return OK + TASKS[name](argument)
    except CarbonportError as error:
        return FAILED + canonical_bytes(error.as_dict())
    except BaseException as error:  # noqa: BLE001 - its message may hold a secret: the name of its type is all that leaves
        return FAILED + canonical_bytes(_defect(type(error).__name__).as_dict())


def failure(data: bytes) -> dict[str, str]:
    """The fields of an error out of an answer that failed."""
    fields: dict[str, str] = json.loads(data)
    return fields


def _defect(kind: str) -> CarbonportError:
    return Unavailable(
        "proving-failed",
        found=f"an error of the type {kind} in the process that makes proofs",
        expected="a proof, or the reason why there is none",
        remedy="Try again; if it stays so, report it: it is a defect of the program.",
    )


def _end_with(parent: int) -> None:
    """End this process when its input has no other end any more, or its parent is another."""
    poll = select.poll()
    poll.register(0, 0)  # nothing but hang-ups, which cannot be left out
    while True:
        if poll.poll(PARENT_LOOK_MS) or os.getppid() != parent:
            os._exit(0)


def main() -> None:
    """Answer until the input ends."""
    parent = os.getppid()
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    os.nice(NICENESS)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with open(0, "rb", closefd=False) as requests, open(1, "wb", closefd=False) as answers:
        # Whatever prints in here must not print into the answers.
        sys.stdout = sys.stderr
        while (request := read_frame(requests)) is not None:
            answers.write(frame(answer(request)))
            answers.flush()


if __name__ == "__main__":
    main()
