"""The process that makes proofs: it answers, dies and comes back, and tells nothing it should not."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from carbonport.attestation.evidence_task import EvidenceTask
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.crypto.canonical import parse_canonical
from carbonport.errors import CarbonportError, Refused, Unavailable
from carbonport.footprint.graph import Graph, Input, Round
from carbonport.node.proving.proving_worker import ProvingWorker
from carbonport.node.proving.tasks import EVIDENCE
from carbonport.node.proving.worker_process import FAILED, answer

SECRET = "2186473.915"
PATIENCE_S = 60
"""How long a process may take to end before a test fails; never how long a test waits."""

STARTS_ONE = """
import asyncio, sys
from carbonport.node.proving.proving_worker import ProvingWorker

async def main():
    worker = ProvingWorker()
    try:
        await worker.run("no such task", None)
    except Exception as error:
        print(worker.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def small_task(result: str = "1.00000", bits: int = 16) -> EvidenceTask:
    """One figure, rounded; nothing of a statement but its form."""
    from carbonport.attestation.commitments import ROLE_INPUT, LeafLabel, LeafOpening

    figure = Input("a", "t", "", "", "a", 5, bits)
    rounded = Round("r", "t", "", "", "a", 5)
    graph = Graph((figure, rounded), {"see_direct_rounded": "r"})
    text = ("5d" * 32, graph.digest.hex(), "CN/a", "works", "steel", "72083900", "2026", "p", "EU/b", "c")
    opening = LeafOpening(LeafLabel(ROLE_INPUT, "a", "t", 5, bits), 100_000, 7, bytes(32))
    claim = ResultClaim(*text, {"see_direct": result})
    return EvidenceTask(claim, graph, (opening,), (0,), (), frozenset(), bytes(32))


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def await_end(pid: int) -> None:
    started = time.monotonic()
    while alive(pid):
        assert time.monotonic() - started < PATIENCE_S, "it lives on"
        time.sleep(0.05)


async def test_it_proves_and_the_loop_goes_on_meanwhile() -> None:
    worker = ProvingWorker()
    assert worker.pid is None, "started when it is needed"
    turns, running = 0, asyncio.create_task(worker.run(EVIDENCE, small_task(bits=48)))
    while not running.done():
        turns += 1
        await asyncio.sleep(0)
    evidence = parse_canonical(await running, max_bytes=10**6)
    assert isinstance(evidence, dict)
    assert evidence["kind"] == "proof"
    assert turns > 100
    with pytest.raises(Refused, match="proof-not-true"):
        await worker.run(EVIDENCE, small_task("1.00001"))
    await worker.close()
    with pytest.raises(Unavailable, match="proving-died"):
        await worker.run(EVIDENCE, small_task())


async def test_a_killed_process_comes_back_and_nobody_waits_in_vain() -> None:
    worker = ProvingWorker()
    await worker.run(EVIDENCE, small_task())
    first = worker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await worker.run(EVIDENCE, small_task())
    assert worker.pid not in (None, first)
    # In the middle of a task: it is begun once more in a new process.
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    running = asyncio.create_task(worker.run(EVIDENCE, small_task()))
    await asyncio.sleep(0.05)
    os.kill(worker.pid, signal.SIGKILL)
    await running
    # A caller that gives up leaves nothing behind.
    given_up = asyncio.create_task(worker.run(EVIDENCE, small_task()))
    await asyncio.sleep(0.01)
    given_up.cancel()
    with suppress(asyncio.CancelledError):
        await given_up
    await worker.run(EVIDENCE, small_task())
    last = worker.pid
    await worker.close()
    assert last is not None
    await_end(last)


async def test_one_that_dies_every_time_is_unavailable_and_a_full_queue_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("carbonport.node.proving.proving_worker.COMMAND", (sys.executable, "-c", "pass"))
    worker = ProvingWorker(max_waiting=2)
    waiting = [asyncio.create_task(worker.run(EVIDENCE, small_task())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="proving-busy"):
        await worker.run(EVIDENCE, small_task())
    for task in waiting:
        with pytest.raises(Unavailable, match="proving-died"):
            await task
    monkeypatch.undo()
    await worker.run(EVIDENCE, small_task())
    await worker.close()


def test_it_ends_with_its_parent_however_that_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS_ONE], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    await_end(child)


async def test_no_secret_is_in_an_error() -> None:
    """Whatever goes wrong in there: the name of an error's type, or the sentences of an error of our own."""
    assert SECRET.encode() not in answer(b"no pickle " + SECRET.encode())
    worker = ProvingWorker()
    for name, argument in ((EVIDENCE, SECRET), (SECRET, None), (EVIDENCE, {"value": SECRET})):
        with pytest.raises(CarbonportError, match="proving-failed") as caught:
            await worker.run(name, argument)
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
    await worker.close()
    assert answer(b"").startswith(FAILED)
    assert "value" not in repr(small_task()), "nor in what a debugger prints"
