"""Kills a `carbonport` process (SIGKILL, as a power cut would) when it is about to call a coordinator."""

import os
import signal

from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient


async def die(*_arguments: object, **_named: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install(method: str) -> None:
    """Arm this process with a method of `CoordinatorClient`, such as `submit_words`: what would be sent is kept and
    logged by then."""
    assert callable(getattr(CoordinatorClient, method))
    setattr(CoordinatorClient, method, die)
