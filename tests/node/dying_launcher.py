"""Kills a `carbonport` process (SIGKILL, as a power cut would) at a chosen point of a call.

The count begins when METHOD (`RequestAttestation`, `FetchAttestation`) is called first. A point is a call or return of
Carbonport's code in any thread, or the moment before or after a statement or commit of the database. POINT 0 never
dies, and when the process stops writes to POINTS_FILE how many points the run had, and which were the database's.
"""

import atexit
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from carbonport.node.services.exchange_service import ExchangeService

DATABASE_CALLS = frozenset({"execute", "executemany", "commit"})


def install(method: str, point: int, points_file: Path) -> None:
    """Arm this process."""
    passed = 0
    armed = False
    database: list[int] = []

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal passed
        if not armed:
            return
        if event in ("call", "return"):
            if "/carbonport/" not in frame.f_code.co_filename:
                return
        elif not _is_database(argument):
            return
        else:
            database.append(passed + 1)
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    handler = getattr(ExchangeService, method)

    async def arming(self: ExchangeService, request: object, context: object) -> object:
        nonlocal armed
        if not armed:
            armed = True
            sys.setprofile(watch)
        return await handler(self, request, context)

    setattr(ExchangeService, method, arming)
    # Threads take the hook when they start; the main thread takes it when the call comes, so that starting is quick.
    threading.setprofile(watch)
    if point == 0:
        atexit.register(lambda: points_file.write_text(json.dumps({"points": passed, "database": database})))


def _is_database(function: Any) -> bool:
    name = getattr(function, "__name__", "")
    return name in DATABASE_CALLS and type(getattr(function, "__self__", None)).__module__ == "sqlite3"
