"""A bell between processes: heard once however often it was rung, and nobody has to be there."""

import threading
import time
from pathlib import Path

from carbonport.federated.flower.bell import Bell, ring

LONG_S = 30.0
"""Far more than any of these waits takes."""


def waited(bell: Bell, seconds: float) -> float:
    began = time.monotonic()
    bell.wait(seconds)
    return time.monotonic() - began


def test_whoever_waits_is_woken_and_strokes_of_before_count_once(tmp_path: Path) -> None:
    path = tmp_path / "bell"
    ring(path)  # nobody is there
    with Bell(path) as bell:
        assert path.stat().st_mode & 0o777 == 0o600
        threading.Timer(0.05, ring, [path]).start()
        assert 0.04 < waited(bell, LONG_S) < LONG_S
        for _ in range(2000):  # more than a socket holds: nobody who rings is held up
            ring(path)
        assert waited(bell, LONG_S) < LONG_S
        assert waited(bell, 0.1) >= 0.1
    ring(path)  # nobody is there any more
    with Bell(path) as again:
        ring(path)
        assert waited(again, LONG_S) < LONG_S
