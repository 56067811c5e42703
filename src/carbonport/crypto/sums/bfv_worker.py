"""The bounded worker process that reads contexts and ciphertexts, encrypts, adds and decrypts.

    with BfvWorker() as worker:
        keys = worker.generate()                     # a holder, once a plan
        worker.open_context(1, public)               # contributor and coordinator, for each holder
        ciphertext = worker.encrypt(1, slots)
        worker.add(1, ciphertext, slots=24)          # the coordinator, one contribution at a time
        total = worker.total(1)
        worker.unlock(keys.secret)                   # the holder
        slots = worker.decrypt(total, slots=24).slots

Foreign bytes go to TenSEAL's parsers in that process only, which has limits on memory, files and time for a request,
and ends with its parent. Callers check size, signature and hash first (`contribution.check_ciphertext`). A worker is
for one plan: contexts, running sums and the secret key are gone with it. When it ends of itself (its limits, or a
parser's crash) the call that it died of raises `Malformed`, and running sums have to be started again in a new one.

Calls may come from several threads and take turns. Starting one takes about 0.3 s of processor time.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from carbonport.crypto.sums.bfv_child import (
    OK,
    READY,
    REQUEST_SECONDS,
    pack_slots,
    read_frame,
    unpack_slots,
    write_frame,
)
from carbonport.crypto.sums.bfv_constants import DEGREE, MAX_PUBLIC_CONTEXT_BYTES, PLAIN_MODULUS
from carbonport.crypto.sums.contribution import check_ciphertext_size
from carbonport.errors import Malformed, Misuse, Unavailable

CHILD_MODULE = "carbonport.crypto.sums.bfv_child"
"""What runs in the worker."""

KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
"""Variables that the worker sees; no other of the node's."""

ANSWER_SECONDS = REQUEST_SECONDS + 30
"""After so long without an answer the parent ends the worker; it should have ended itself before."""


@dataclass(frozen=True, slots=True)
class HolderContext:
    """A holder's fresh BFV keys for one plan: `public` goes to everyone, `secret` stays and is destroyed after it."""

    public: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Decrypted:
    """Slots as residues modulo t, and how many bits of noise the ciphertext could still take. Secret until checked."""

    slots: tuple[int, ...] = field(repr=False)
    noise_budget_bits: int


@dataclass(frozen=True, slots=True)
class WorkerUsage:
    """What a worker has used: processor time since it was ready, and the most memory it held at once."""

    processor_us: int
    peak_memory_bytes: int


class BfvWorker:
    """One worker process, from `__enter__` (or the constructor) to `close`."""

    def __init__(self) -> None:
        """Start it. Raises `Misuse` without TenSEAL (the extra `aggregation`), `Unavailable` if it does not start."""
        if importlib.util.find_spec("tenseal") is None:
            raise Misuse(
                "sum-extra-missing",
                found="an installation without TenSEAL",
                expected="the extra `aggregation`",
                remedy="Install it with: pip install 'carbonport[aggregation]'",
            )
        environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", CHILD_MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            raise _unavailable(type(error).__name__) from None
        self._turn = threading.Lock()
        self._unlocked = False
        if self._exchange(None) != [READY]:
            self.close()
            raise _unavailable("a worker that ended before it was ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        """Of the worker, for whoever watches over processes."""
        return self._process.pid

    def close(self) -> None:
        """End the process; what it held is gone. Nothing happens the second time."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def usage(self) -> WorkerUsage:
        """Processor time and memory of the worker so far."""
        processor_us, peak = self._ask("usage")
        return WorkerUsage(int(processor_us), int(peak))

    def generate(self) -> HolderContext:
        """A holder's fresh context, checked against the constants."""
        public, secret = self._ask("generate")
        return HolderContext(public, secret)

    def open_context(self, holder: int, public: bytes) -> None:
        """Load a holder's public context; raises `Malformed` unless it has exactly our parameters, a public key, and no
        secret, relinearisation or Galois keys."""
        if len(public) > MAX_PUBLIC_CONTEXT_BYTES:
            raise _bad_context(holder, f"{len(public)} bytes")
        if self._ask_about("open", _index(holder), public) is None:
            raise _bad_context(holder, "bytes that are no such context")

    def encrypt(self, holder: int, slots: Sequence[int]) -> bytes:
        """The slots under the holder's key; raises `Misuse` for a slot that is no residue modulo t."""
        if not 1 <= len(slots) <= DEGREE or not all(0 <= slot < PLAIN_MODULUS for slot in slots):
            raise Misuse(
                "sum-plaintext",
                found=f"{len(slots)} slots, or one outside the residues modulo t",
                expected=f"1 to {DEGREE} residues below t (larger ones would be corrupted without a word)",
                remedy="This is a defect of the calling program.",
            )
        (ciphertext,) = self._ask("encrypt", _index(holder), pack_slots(slots))
        return ciphertext

    def check(self, holder: int, ciphertext: bytes, *, slots: int) -> None:
        """Raise `Malformed` unless these bytes are a ciphertext with this many slots under the holder's parameters."""
        self._foreign("check", holder, ciphertext, slots)

    def add(self, holder: int, ciphertext: bytes, *, slots: int) -> None:
        """Add a ciphertext to the holder's running sum; raises as `check` does, and then the sum stays as it was."""
        self._foreign("add", holder, ciphertext, slots)

    def total(self, holder: int) -> bytes:
        """The holder's running sum, which is gone after this; at least one ciphertext was added."""
        (ciphertext,) = self._ask("total", _index(holder))
        return ciphertext

    def unlock(self, secret: bytes) -> None:
        """Load a holder's own secret context; raises `Malformed` when it is none."""
        if self._ask_about("unlock", secret) is None:
            raise _bad_context(0, "a secret context that is damaged")
        self._unlocked = True

    def decrypt(self, ciphertext: bytes, *, slots: int) -> Decrypted:
        """What the unlocked key makes of a ciphertext: garbage, without an error, if it belongs to another key.

        BFV resists no chosen ciphertexts: decrypt only sums of complete, verified rosters, once, and tell nobody more
        than pass or fail before the answer is checked. Raises `Malformed` without details.
        """
        if not self._unlocked:
            raise _bad_request("decrypt")
        check_ciphertext_size(ciphertext)
        answer = self._ask_about("decrypt", str(slots).encode("ascii"), ciphertext)
        if answer is None:
            raise _bad_ciphertext()
        budget, values = answer
        return Decrypted(tuple(unpack_slots(values)), int(budget))

    def _foreign(self, operation: str, holder: int, ciphertext: bytes, slots: int) -> None:
        check_ciphertext_size(ciphertext)
        if self._ask_about(operation, _index(holder), str(slots).encode("ascii"), ciphertext) is None:
            raise _bad_ciphertext()

    def _ask(self, operation: str, *arguments: bytes) -> list[bytes]:
        answer = self._ask_about(operation, *arguments)
        if answer is None:
            raise _bad_request(operation)
        return answer

    def _ask_about(self, operation: str, *arguments: bytes) -> list[bytes] | None:
        """The answer, or None when the worker refuses the (foreign) arguments."""
        with self._turn:
            if self._process.poll() is not None:
                raise _unavailable("a worker that has ended")
            answer = self._exchange([operation.encode("ascii"), *arguments])
        if answer is None:
            self.close()
            raise Malformed(
                "sum-worker-limit",
                found="input over which the worker ended: its memory or time did not suffice, or a parser failed",
                expected="a context or ciphertext as the library writes it",
                remedy="Treat what was read as malformed, and start what was under way again without it.",
            )
        return answer[1:] if answer[0] == OK else None

    def _exchange(self, request: list[bytes] | None) -> list[bytes] | None:
        """Send a request, if any, and wait for the next frame; None when the worker ended instead."""
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        alarm = threading.Timer(ANSWER_SECONDS, self._process.kill)
        alarm.start()
        try:
            if request is not None:
                write_frame(requests, request)
            return read_frame(answers)
        except (OSError, ValueError):
            return None
        except BaseException:
            self._process.kill()  # an interrupted conversation cannot be taken up again
            raise
        finally:
            alarm.cancel()


def _index(holder: int) -> bytes:
    return str(holder).encode("ascii")


def _bad_context(holder: int, found: str) -> Malformed:
    return Malformed(
        "sum-context",
        found=found,
        expected="a context of degree 8192 with our moduli, a public key and no other keys",
        remedy="Ask the holder for the context that it signed for this plan.",
        where=f"holder {holder}" if holder else "",
    )


def _bad_request(operation: str) -> Misuse:
    return Misuse(
        "sum-worker-request",
        found=f"a request to {operation} that the worker refuses",
        expected="open contexts, an unlocked key and something added, in the order of this module's first lines",
        remedy="This is a defect of the calling program.",
    )


def _bad_ciphertext() -> Malformed:
    return Malformed(
        "sum-ciphertext",
        found="bytes that are no ciphertext of this plan",
        expected="one fresh ciphertext with the plan's slots under its parameters",
        remedy="Leave the contribution out and tell its contributor.",
    )


def _unavailable(found: str) -> Unavailable:
    return Unavailable(
        "sum-worker",
        found=found,
        expected="a running worker process",
        remedy="Check free memory and the limit of processes, then start again.",
    )
