"""A process that is started again when it ends, and is never left behind.

It reads nothing but its end from standard input: whoever starts it holds the other end, so that it ends when its
starter does, however that happens. Its output goes into a file that is turned over at a bound.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from carbonport.errors import CarbonportError

logger = logging.getLogger("carbonport.node.federation")
"""Processes that ended and are started again."""

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
"""Pauses before a process is started again; each is twice the last."""

SETTLED_S: Final = 60.0
"""A process that ran so long starts with the first pause again."""

END_S: Final = 8.0
"""How long a process may take to end in order."""

MAX_LOG_BYTES: Final = 1 << 20
"""Size at which the file of a process's output is turned over; one older file is kept."""


async def _nothing() -> object:
    """Prepare nothing."""
    return None


class WatchedProcess:
    """One process. `prepare` is awaited before every start: it may change `command`, and a CarbonportError from it is
    an end."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        prepare: Callable[[], Awaitable[object]] = _nothing,
    ) -> None:
        self.name = name
        self.starts = 0
        self.command, self.prepare = command, prepare
        self._environment, self._folder = environment, folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def run(self) -> None:
        """Keep it running until this is cancelled."""
        pause = FIRST_PAUSE_S
        while True:
            started = time.monotonic()
            try:
                await self.prepare()
                await self._run_once()
            except CarbonportError as error:
                logger.warning("%s: %s", self.name, error)
            pause = (
                FIRST_PAUSE_S if time.monotonic() - started > SETTLED_S else min(2 * pause, LONGEST_PAUSE_S)
            )
            await asyncio.sleep(pause)

    async def _run_once(self) -> None:
        process = self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C reaches the starter alone, which then ends what it started
        )
        self.starts += 1
        try:
            assert process.stdout is not None, "it was started with a pipe"
            await self._keep_output(process.stdout)
            code = await process.wait()
            logger.warning("%s ended (%d) and is started again", self.name, code)
        finally:
            await _end(process)

    async def _keep_output(self, output: asyncio.StreamReader) -> None:
        path = self._folder / f"{self.name}.log"
        while piece := await output.read(1 << 14):
            if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
                path.replace(path.with_suffix(".log.1"))
            with path.open("ab") as log:
                log.write(piece)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process in order, and otherwise at once."""
    if process.returncode is not None:
        return
    assert process.stdin is not None, "it was started with a pipe"
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), END_S)
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
