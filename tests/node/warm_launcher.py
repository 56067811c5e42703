"""Starts `carbonport` commands as processes forked from one that has imported everything and read the packaged tables:
the same program, a second earlier.

    python warm_launcher.py SOCKET

Each connection asks for one process: a line of JSON (`arguments`, `environ` with variables of its own, and `recording`,
`dying` or `dying_party` with what the launcher of that name is to be installed with) and the descriptors of its
standard output and error. Answered are two lines: the process id, and its exit status (negative for a signal) when it
has ended. Stops when its own standard input is closed.
"""

import gc
import json
import os
import selectors
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import dying_launcher
import dying_party
import recording_launcher

from carbonport.classification.policy import Policy
from carbonport.footprint.tables.rule_tables import RuleTables
from carbonport.node.cli import main as carbonport
from carbonport.node.cli.program import GROUPS

MAX_ASKED_BYTES = 65_536


def main() -> None:
    for group in GROUPS:
        import_module(f"carbonport.node.cli.{group}")
    Policy.load()
    RuleTables.load()
    gc.disable()
    gc.freeze()  # what is shared with the children stays shared
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    print("ready", flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not listener:
                    return
                connection, _address = listener.accept()
                if os.fork() == 0:
                    selector.close()
                    listener.close()
                    _look_after(connection)
                connection.close()
            _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _look_after(connection: socket.socket) -> None:
    """Fork the command, say its id, and when it has ended its status. Only the command returns from here."""
    content, descriptors, _flags, _address = socket.recv_fds(connection, MAX_ASKED_BYTES, 2)
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(json.loads(content), *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    connection.sendall(b"%d\n" % pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    connection.sendall(b"%d\n" % code)
    os._exit(0)


def _become(asked: dict[str, Any], output: int, errors: int) -> None:
    os.setsid()
    gc.enable()
    for descriptor, standard in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (errors, 2)):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.environ.update(asked.get("environ", {}))
    if recording := asked.get("recording"):
        recording_launcher.install_named(recording)
    if dying := asked.get("dying"):
        method, point, points_file = dying
        dying_launcher.install(method, point, Path(points_file))
    if method := asked.get("dying_party"):
        dying_party.install(method)
    sys.argv = ["carbonport", *asked["arguments"]]
    carbonport()
    sys.exit(0)


if __name__ == "__main__":
    main()
