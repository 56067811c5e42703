"""Runs `carbonport` and kills the process (SIGKILL, as a power cut would) when it is about to call a coordinator.

    python dying_party.py METHOD ARGUMENTS OF CARBONPORT

METHOD is one of `CoordinatorClient`, such as `submit_words`: what would be sent is kept and logged by then.
"""

import os
import signal
import sys

from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.cli import main as carbonport


async def die(*_arguments: object, **_named: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    method = sys.argv.pop(1)
    assert callable(getattr(CoordinatorClient, method))
    setattr(CoordinatorClient, method, die)
    carbonport()


if __name__ == "__main__":
    main()
