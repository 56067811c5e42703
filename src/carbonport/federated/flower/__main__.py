"""`python -m carbonport.federated.flower PROCESS ...`: the processes of Flower and ours, as a node starts them.

    superlink ARGUMENTS...       Flower's SuperLink
    supernode ARGUMENTS...       Flower's SuperNode, which rings for its executor instead of letting it ask
    participant ARGUMENTS...     our executor beside a SuperNode
    carrier ARGUMENTS...         our executor beside a SuperLink

None of them reaches anything but this machine, the SuperNode its front besides, and none starts a program. Each ends
when its standard input does: whoever started it holds the other end, so none is left behind.
"""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from carbonport.federated.flower.confinement import confine

END_SECONDS: Final = 5.0
"""How long a process may take to end in order when its starter is gone."""


def main() -> None:
    """Run one process."""
    name, arguments = sys.argv[1], sys.argv[2:]
    threading.Thread(target=_end_with_input, daemon=True).start()
    # Before Flower is imported.
    confine(*([_host(arguments[arguments.index("--superlink") + 1])] if name == "supernode" else []))
    if name == "superlink":
        from carbonport.federated.flower.adapter import run_superlink

        run_superlink(arguments)
    elif name == "supernode":
        from carbonport.federated.flower.adapter import run_supernode

        bell = arguments.index("--bell")
        run_supernode([*arguments[:bell], *arguments[bell + 2 :]], Path(arguments[bell + 1]))
    elif name == "participant":
        _log_ours()
        _participant(arguments)
    elif name == "carrier":
        _log_ours()
        _carrier(arguments)
    else:
        sys.exit(f"no process {name!r}")


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _log_ours() -> None:
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    ours = logging.getLogger("carbonport")
    ours.addHandler(lines)
    ours.setLevel(logging.INFO)


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_SECONDS)
    os._exit(1)


def _participant(arguments: list[str]) -> None:
    from carbonport.federated.flower.bell import Bell
    from carbonport.federated.flower.participant import answer_tasks

    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", required=True)
    parser.add_argument("--secret-file", type=Path, required=True)
    parser.add_argument("--desk", type=Path, required=True)
    parser.add_argument("--bell", type=Path, required=True)
    given = parser.parse_args(arguments)
    with Bell(given.bell) as bell:
        answer_tasks(given.runtime, given.secret_file.read_bytes(), given.desk, bell)


def _carrier(arguments: list[str]) -> None:
    from carbonport.federated.flower.carrier import carry_trainings
    from carbonport.federated.flower.members import MemberKeys
    from carbonport.federated.flower.superlink import Link

    parser = argparse.ArgumentParser()
    parser.add_argument("--link", required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--secret-file", type=Path, required=True)
    parser.add_argument("--members", type=Path, required=True)
    parser.add_argument("--relay", type=Path, required=True)
    parser.add_argument("--bell", type=Path, required=True)
    given = parser.parse_args(arguments)
    link = Link(given.link, given.certificate.read_bytes(), given.secret_file.read_bytes())
    carry_trainings(link, given.relay, MemberKeys(given.members), given.bell)


if __name__ == "__main__":
    main()
