"""The process that prepares a node's entries: `python -I -m carbonport.node.log.preparation_process < SOCKET`.

Its standard input is a socket to the node. It says which version it runs, then answers orders until the node closes the
socket, or is gone: then it ends, whatever ended the node. The terminal's and the supervisor's signals are the node's to
follow, which still finishes what it has begun. It holds no key of the node; what it draws for an entry it forgets.

It imports little, so that it starts fast.
"""

import signal
import socket

from carbonport import __version__
from carbonport.crypto.ambient import system_random
from carbonport.errors import CarbonportError
from carbonport.node.log.preparation_messages import (
    LENGTH_BYTES,
    Answer,
    answers_message,
    message,
    message_length,
    read_orders,
)
from carbonport.node.log.sealed_entry import EntryOrder, seal_entry


def serve_orders(connection: socket.socket) -> None:
    """Answer orders until the other end is closed."""
    connection.sendall(message([__version__.encode()]))
    with connection.makefile("rb") as stream:
        while head := stream.read(LENGTH_BYTES):
            length = message_length(head)
            content = stream.read(length)
            if len(content) != length:
                return
            origin, orders = read_orders(content)
            connection.sendall(answers_message([_prepared(origin, order) for order in orders]))


def _prepared(origin: str, order: EntryOrder) -> Answer:
    try:
        return seal_entry(origin, order, system_random)
    except CarbonportError:
        return None


def main() -> None:
    """Serve the socket on standard input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=0) as connection:
        try:
            serve_orders(connection)
        except ConnectionError:
            return  # the node is gone


if __name__ == "__main__":
    main()
