"""What the processes of a federation may reach: this machine, the front where there is one, and no program at all.

Flower is a large program with doors that are not wanted here: telemetry, update checks, a hub of apps, model providers,
installation at run time. They are switched off, and here is what stands behind the switches: an audit hook (PEP 578),
which Python asks before every connection, lookup of a name and start of a program, and which cannot be taken away
again. It holds the program's own habits, not code that means to get out: that runs here nowhere, for no bundle is
opened.
"""

import logging
import socket
import sys
from typing import Final

logger = logging.getLogger("carbonport.federated.flower.confinement")
"""What was refused: an attempt is a defect worth knowing of."""

LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
"""Reached by everyone."""

PROGRAMS: Final = frozenset(
    ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork")
)
"""Events before a program is started."""


class ReachedOutError(PermissionError):
    """A connection, a lookup or a program that is not allowed here."""


def confine(*hosts: str) -> None:
    """From now on, let this process connect to loopback, `hosts` and sockets in files only, and start no program.

    A host that is a name is looked up once, here: its addresses are what may be connected to.
    """
    allowed = LOOPBACK | set(hosts)
    for host in hosts:
        allowed |= {str(found[4][0]) for found in socket.getaddrinfo(host, None)}

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.connect":
            address = arguments[1]
            # A tuple is an address of the internet, anything else a file of this machine.
            if isinstance(address, tuple) and address[0] not in allowed:
                raise _refused(event, str(address[0]))
        elif event == "socket.getaddrinfo":
            host = arguments[0]
            if host is not None and _text(host) not in allowed:
                raise _refused(event, _text(host))
        elif event in PROGRAMS:
            raise ReachedOutError(event)  # Python's own `platform` asks for two when it is imported

    sys.addaudithook(hook)


def _refused(event: str, what: str) -> ReachedOutError:
    logger.error("refused: %s %s", event, what[:100])
    return ReachedOutError(event)


def _text(value: object) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
