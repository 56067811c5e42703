"""Time and randomness as parameters: what the rest of the code asks for instead of reaching into the machine.

Below the node nothing reads a clock or draws random bytes on its own; functions take a `Clock` or
`RandomBytes`, so that a test, a replay or a vector decides what they return. The two `system_` functions are
what a running node passes in.
"""

import secrets
import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], int]
"""The present time in whole seconds since 1970-01-01 UTC."""

RandomBytes: TypeAlias = Callable[[int], bytes]
"""So many fresh bytes, uniform, and fit for keys unless a test says otherwise."""


def system_clock() -> int:
    """The machine's time in unix seconds; only as good as the machine's clock."""
    return int(time.time())


def system_random(count: int) -> bytes:
    """`count` bytes from the operating system's generator."""
    return secrets.token_bytes(count)


class Drawn:
    """Random bytes drawn at once and handed out in parts, each used for one thing only: a `RandomBytes` that ends."""

    def __init__(self, drawn: bytes) -> None:
        self._left = drawn

    def __call__(self, count: int) -> bytes:
        """The next bytes, which are given once."""
        part, self._left = self._left[:count], self._left[count:]
        assert len(part) == count, "as many were drawn as are needed"
        return part
