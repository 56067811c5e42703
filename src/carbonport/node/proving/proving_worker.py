"""The node's way to the process that makes proofs.

One process makes one proof at a time; a bounded number of callers waits. The process is started when it is needed
first, again when it died, and ends with this one. A task whose process died is tried once more in a new one; then it is
`Unavailable`. The event loop never waits for a proof.
"""

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

from carbonport.errors import Unavailable, error_from_dict
from carbonport.node.proving.worker_process import LENGTH_BYTES, OK, failure, frame

MAX_WAITING = 64
"""Tasks that wait or run at one time; more are turned away at once."""

TASK_SECONDS = 300
"""Longest time for one task; the largest graph that is shown with a proof takes far less."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Longest answer; a presentation is smaller."""

TRIES = 2
"""How often a task is begun when its process dies."""

COMMAND = (sys.executable, "-I", "-B", "-m", "carbonport.node.proving.worker_process")
"""Isolated from environment and working folder, and without writing byte code."""


class ProvingWorker:
    """The process, or the means to start one."""

    def __init__(self, *, max_waiting: int = MAX_WAITING, task_seconds: float = TASK_SECONDS) -> None:
        self._max_waiting, self._task_seconds = max_waiting, task_seconds
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._closed = False
        self._running: set[asyncio.Task[bytes]] = set()

    @property
    def pid(self) -> int | None:
        """The id of the process, when there is one."""
        return None if self._process is None else self._process.pid

    async def run(self, name: str, argument: object) -> bytes:
        """The answer to a task of `carbonport.node.proving.tasks`; raises what the task raised.

        `Unavailable` when too many wait (`proving-busy`), or no process brings the task to an end (`proving-died`).
        """
        if self._waiting >= self._max_waiting:
            raise Unavailable(
                "proving-busy",
                found=f"{self._waiting} proofs waiting to be made",
                expected=f"fewer than {self._max_waiting}",
                remedy="Send the same request again in a minute; nothing was answered and nothing is lost.",
            )
        # A task of its own: a caller that gives up must not leave half an answer in the pipe.
        task = asyncio.create_task(self._answered(frame(pickle.dumps((name, argument)))))
        self._waiting += 1
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End the process; whoever waits is told that it is unavailable."""
        self._closed = True
        await self._end()
        if self._running:
            await asyncio.wait(self._running)

    def _done(self, task: "asyncio.Task[bytes]") -> None:
        self._waiting -= 1
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # taken note of, also when nobody waits any more

    async def _answered(self, request: bytes) -> bytes:
        async with self._turn:
            for _ in range(TRIES):
                try:
                    async with asyncio.timeout(self._task_seconds):
                        answer = await self._asked(request)
                except (OSError, EOFError, TimeoutError):
                    await self._end()
                    continue
                if answer[:1] == OK:
                    return answer[1:]
                raise error_from_dict(failure(answer[1:]))
        raise Unavailable(
            "proving-died",
            found="a process that was stopped, or took too long"
            if self._closed
            else "a process that died twice",
            expected="a proof, or the reason why there is none",
            remedy="Send the same request again; if it stays so, look at the node's memory and its operational log.",
        )

    async def _asked(self, request: bytes) -> bytes:
        process = await self._started()
        assert process.stdin is not None, "it was started with a pipe"
        assert process.stdout is not None, "it was started with a pipe"
        process.stdin.write(request)
        await process.stdin.drain()
        length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
        if not 0 < length <= MAX_ANSWER_BYTES:
            raise EOFError
        return await process.stdout.readexactly(length)

    async def _started(self) -> Process:
        if self._closed:
            raise EOFError
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=os.sep
            )
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
