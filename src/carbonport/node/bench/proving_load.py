"""What callers notice of proofs: delays at a steady load, without and with a proof under way in the worker process.

The nodes are those of `bench exchange`, as processes on this machine. The goal: at three tenths of the idle capacity
calls complete at the offered rate, and the 99th of a hundred delays stays below three times the quiet one.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from carbonport.errors import Unavailable
from carbonport.node.bench.exchange_stage import exchange_scene
from carbonport.node.bench.figures import Figure
from carbonport.node.bench.load_client import Load, LoadOrder
from carbonport.node.demo.cast import EXPORTER, IMPORTER

ROUNDS = 3
"""Turns of a quiet window and one with proofs."""

CLIENT_GRACE_S = 120.0
"""How much longer than its windows the client may take."""


def proving_load(seconds: float) -> Sequence[Figure]:
    """Measure for about `seconds`; setting up comes on top."""
    with tempfile.TemporaryDirectory(prefix="carbonport-bench-") as name, exchange_scene(Path(name)) as scene:
        order = LoadOrder(
            home=str(scene.stage.home(IMPORTER).path),
            exporter=EXPORTER.id,
            attestation=scene.attestation,
            query=scene.query,
            rounds=ROUNDS,
            window_s=seconds / (2 * ROUNDS + 1),
        )
        load = _measured(order, seconds)
    offered = Figure.of("load-offered", [load.offered], "calls/s")
    quiet = Figure.of("load-quiet-p99", load.quiet_ms, "ms")
    return (
        Figure.of("load-capacity", [load.capacity], "calls/s"),
        offered,
        Figure.of("load-quiet-completed", load.quiet_rates, "calls/s", yardstick=offered),
        Figure.of("load-proving-completed", load.proving_rates, "calls/s", yardstick=offered),
        quiet,
        Figure.of("load-proving-p99", load.proving_ms, "ms", yardstick=quiet),
        Figure.of("load-proofs", [float(load.proofs)], "proofs"),
    )


def _measured(order: LoadOrder, seconds: float) -> Load:
    done = subprocess.run(
        [sys.executable, "-m", "carbonport.node.bench.load_client"],
        input=json.dumps(asdict(order)),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=seconds + CLIENT_GRACE_S,
    )
    if done.returncode != 0:
        raise Unavailable(
            "bench-process",
            found="a client of the bench that failed",
            expected="answers to all calls",
            remedy="Run again with nothing else on the machine; what it printed tells why it ended.",
        )
    return Load(**json.loads(done.stdout))
