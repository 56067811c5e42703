"""The process that does BFV: `python -I -m carbonport.crypto.sums.bfv_child`.

It limits itself, then answers requests on its standard input until that ends, which it does when the parent dies. A
request or answer is a frame: the number of parts in one byte, then each part after its length in four bytes,
big-endian. The first part of a request is an operation's name, of an answer `ok` or `refused` (which says nothing
about the input). A request that takes longer than `REQUEST_SECONDS` ends the process.
"""

import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

MEMORY_BYTES = 768 * 1024 * 1024
"""Address space of the process (RLIMIT_AS); it uses about 200 MB, of which 60 are resident."""

OPEN_FILES = 16
"""Open files of the process (RLIMIT_NOFILE), once the library is loaded."""

REQUEST_SECONDS = 30
"""Longest request, wall clock; the longest honest one takes 50 ms on an idle machine."""

MAX_PARTS = 8
"""Parts of a frame."""

MAX_PART_BYTES = 1 << 20
"""Longest part of a frame: a secret context has 556 KB."""

PARENT_CHECK_SECONDS = 5
"""How often an idle process looks whether its parent still lives."""

OK = b"ok"
REFUSED = b"refused"
READY = b"ready"
"""First part of the process' first frame, when its limits hold and the library is loaded."""

SLOT = struct.Struct(">Q")


def read_frame(file: IO[bytes]) -> list[bytes] | None:
    """The next frame, or None when the other side has ended. Raises `ValueError` for a frame over the bounds."""
    head = file.read(1)
    if not head:
        return None
    parts = []
    if head[0] > MAX_PARTS:
        raise ValueError("too many parts")
    for _ in range(head[0]):
        size = int.from_bytes(_exactly(file, 4), "big")
        if size > MAX_PART_BYTES:
            raise ValueError("a part too long")
        parts.append(_exactly(file, size))
    return parts


def write_frame(file: IO[bytes], parts: Sequence[bytes]) -> None:
    """Write a frame and flush."""
    file.write(bytes([len(parts)]))
    for part in parts:
        file.write(len(part).to_bytes(4, "big"))
        file.write(part)
    file.flush()


def pack_slots(slots: Sequence[int]) -> bytes:
    """Slots as 8 bytes each."""
    return struct.pack(f">{len(slots)}Q", *slots)


def unpack_slots(data: bytes) -> list[int]:
    """The inverse of `pack_slots`."""
    return list(struct.unpack(f">{len(data) // SLOT.size}Q", data))


def peak_memory_bytes() -> int:
    """The most memory that this process has held at once.

    Where the system tells of this program alone (Linux), not of what the process was before it became this program.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            peaks = [line.split()[1] for line in status if line.startswith("VmHWM:")]
        return int(peaks[0]) * 1024
    except (OSError, IndexError, ValueError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ValueError("a cut frame")
    return data


class _Operations:
    """Contexts and running sums, by holder index."""

    def __init__(self, bfv: Any) -> None:
        self._bfv = bfv
        self._contexts: dict[bytes, Any] = {}
        self._totals: dict[bytes, Any] = {}
        self._secret: Any = None
        self.by_name: dict[bytes, Callable[..., list[bytes]]] = {
            b"generate": self.generate,
            b"open": self.open,
            b"encrypt": self.encrypt,
            b"check": self.check,
            b"add": self.add,
            b"total": self.total,
            b"unlock": self.unlock,
            b"decrypt": self.decrypt,
            b"usage": self.usage,
        }
        self._began = time.process_time()

    def generate(self) -> list[bytes]:
        return list(self._bfv.generate_context())

    def open(self, holder: bytes, public: bytes) -> list[bytes]:
        self._contexts[holder] = self._bfv.load_context(public, secret=False)
        return []

    def encrypt(self, holder: bytes, slots: bytes) -> list[bytes]:
        return [self._bfv.encrypt(self._contexts[holder], unpack_slots(slots))]

    def check(self, holder: bytes, slots: bytes, ciphertext: bytes) -> list[bytes]:
        self._load(holder, slots, ciphertext)
        return []

    def add(self, holder: bytes, slots: bytes, ciphertext: bytes) -> list[bytes]:
        vector = self._load(holder, slots, ciphertext)
        total = self._totals.get(holder)
        self._totals[holder] = vector if total is None else self._bfv.add(total, vector)
        return []

    def total(self, holder: bytes) -> list[bytes]:
        return [bytes(self._totals.pop(holder).serialize())]

    def unlock(self, secret: bytes) -> list[bytes]:
        self._secret = self._bfv.load_context(secret, secret=True)
        return []

    def decrypt(self, slots: bytes, ciphertext: bytes) -> list[bytes]:
        vector = self._bfv.load_ciphertext(self._secret, ciphertext, int(slots))
        budget, values = self._bfv.decrypt(self._secret, vector)
        return [str(budget).encode("ascii"), pack_slots(values)]

    def usage(self) -> list[bytes]:
        spent = time.process_time() - self._began
        return [str(int(spent * 1_000_000)).encode("ascii"), str(peak_memory_bytes()).encode("ascii")]

    def _load(self, holder: bytes, slots: bytes, ciphertext: bytes) -> Any:
        return self._bfv.load_ciphertext(self._contexts[holder], ciphertext, int(slots))


def _limit() -> None:
    """Limits of this process, for good. Address space is limited where the system keeps such a limit (Linux)."""
    wanted = [
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ]
    if sys.platform == "linux":
        wanted.append((resource.RLIMIT_AS, MEMORY_BYTES))
    for kind, most in wanted:
        resource.setrlimit(kind, (most, most))


def _await_request(parent: int) -> None:
    """Return when there is input; end the process when the parent is gone (its pipe may live on in another child)."""
    while not select.select([0], [], [], PARENT_CHECK_SECONDS)[0]:
        if os.getppid() != parent:
            sys.exit(0)


def main() -> None:
    """Serve until the input ends."""
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    from carbonport.crypto.sums import bfv

    _limit()
    operations = _Operations(bfv)
    with open(0, "rb", closefd=False) as requests, open(1, "wb", closefd=False) as answers:
        write_frame(answers, [READY])
        while True:
            _await_request(parent)  # requests come one at a time, so nothing waits in the buffer
            signal.setitimer(signal.ITIMER_REAL, REQUEST_SECONDS)  # ends the process, inside the library too
            frame = read_frame(requests)
            if frame is None:
                return
            try:
                answer = [OK, *operations.by_name[frame[0]](*frame[1:])]
            except (
                bfv.NotBfvError,
                MemoryError,
                KeyError,
            ):  # the last: nothing open or added under this index
                answer = [REFUSED]
            write_frame(answers, answer)
            signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main()
