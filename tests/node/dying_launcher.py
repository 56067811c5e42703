"""Runs `carbonport` and kills the process (SIGKILL, as a power cut would) at a chosen point of a request.

    python dying_launcher.py COUNT_FILE POINT -- ARGUMENTS OF CARBONPORT

A point is the number of calls and returns inside Carbonport's code, in any thread, since the first request for an
attestation came in. POINT 0 never dies, and writes how many points a whole run has to COUNT_FILE when it stops.
"""

import atexit
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

ARMING_FUNCTION = "RequestAttestation"
"""The handler whose first call starts the count."""


def main() -> None:
    count_file, point = Path(sys.argv[1]), int(sys.argv[2])
    arguments = sys.argv[sys.argv.index("--") + 1 :]
    passed = 0
    armed = False

    def watch(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal passed, armed
        if event not in ("call", "return") or "/carbonport/" not in frame.f_code.co_filename:
            return
        armed = armed or frame.f_code.co_name == ARMING_FUNCTION
        if armed:
            passed += 1
            if passed == point:
                os.kill(os.getpid(), signal.SIGKILL)

    if point == 0:
        atexit.register(lambda: count_file.write_text(str(passed)))
    from carbonport.node.cli import main as carbonport

    threading.setprofile(watch)
    sys.setprofile(watch)
    sys.argv = ["carbonport", *arguments]
    carbonport()


if __name__ == "__main__":
    main()
