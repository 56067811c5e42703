"""The scene of `bench exchange`: the demo's participants as processes, and an attestation ready to be fetched."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO

from carbonport.crypto.canonical import Json
from carbonport.errors import Unavailable
from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.ledger import Ledger
from carbonport.node.control import call_control
from carbonport.node.demo.cast import CAST, EXPORTER, IMPORTER, VERIFIER, Part, Stage, set_stage
from carbonport.node.demo.processes import NodeProcesses

EXAMPLE = "steelworks.yaml"
"""The packaged ledger that is attested."""

NET_MASS_T = "1000.000"
"""Net mass of the consignment in tonnes."""

ECHO = "echo"
"""Name of the yardstick's process among those of the scene."""

ECHO_STOP_SECONDS = 10.0
"""How long the echo's process may take to end."""


@dataclass(frozen=True)
class ExchangeScene:
    """Running nodes, the query that was answered, where the yardstick listens, and the ids of their processes."""

    stage: Stage
    query: Mapping[str, Json]
    request: str
    attestation: str
    echo_endpoint: str
    pids: Mapping[str, int]

    def operate(self, part: Part, operation: str, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
        """Have a node's process run an operation."""
        return asyncio.run(_operate(self.stage, part, operation, arguments))


@contextmanager
def exchange_scene(folder: Path) -> Iterator[ExchangeScene]:
    """Set the stage in `folder`, run the nodes and the echo, and stop all of them at the end."""
    document = Path(str(files("carbonport") / "examples" / EXAMPLE))
    ledger = read_ledger(document, Catalogue.load())
    groups = sorted({good.rules.entry.category for good in calculate(ledger).goods})
    stage = set_stage(folder, tuple(groups))
    with NodeProcesses() as nodes:
        nodes.start({part.key: stage.home(part).path for part in CAST if part.serves})
        query = _query(ledger)
        answered = asyncio.run(_attest(stage, folder, document, query))
        with echo_server(stage.home(EXPORTER).path) as (endpoint, echo):
            request, attestation = str(answered["request"]), str(answered["attestation"])
            pids = {**nodes.pids(), ECHO: echo}
            yield ExchangeScene(stage, query, request, attestation, endpoint, pids)


def _query(ledger: Ledger) -> Mapping[str, Json]:
    return {
        "exporter": EXPORTER.id,
        "purpose": "cbam-declaration",
        "cn": ledger.goods[0].cn,
        "period_start": ledger.period.start.isoformat(),
        "period_end": ledger.period.end.isoformat(),
        "consignment": "BENCH-1",
        "net_mass_t": NET_MASS_T,
        "items": [],
    }


async def _attest(
    stage: Stage, folder: Path, document: Path, query: Mapping[str, Json]
) -> Mapping[str, Json]:
    """Commit, sign, ask: the way to an issued attestation."""
    openings, statement = folder / "openings.sealed", folder / "statement.json"
    home = stage.home(EXPORTER)
    store = home.config.store_url(home.path).removeprefix("sqlite:///")
    await _operate(stage, EXPORTER, "intake", {"path": str(document)})
    await _operate(stage, EXPORTER, "commit", {"verifier": VERIFIER.id, "out": str(openings)})
    signing = {"store": store, "openings": str(openings), "out": str(statement), "opinion": "satisfactory"}
    await _operate(stage, VERIFIER, "sign", signing)
    openings.unlink()
    await _operate(stage, EXPORTER, "statement-add", {"path": str(statement)})
    return await _operate(stage, IMPORTER, "query", query)


async def _operate(
    stage: Stage, part: Part, operation: str, arguments: Mapping[str, Json]
) -> Mapping[str, Json]:
    result = await call_control(stage.home(part).path, operation, dict(arguments))
    assert isinstance(result, dict), "operations give objects"
    return result


@contextmanager
def echo_server(home: Path) -> Iterator[tuple[str, int]]:
    """A bare echo's process under this home's identity; gives its endpoint and its id."""
    command = [sys.executable, "-m", "carbonport.node.bench.echo_server", str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None, "it was started with a pipe"
        assert process.stdout is not None, "it was started with a pipe"
        try:
            yield f"127.0.0.1:{_port(process.stdout)}", process.pid
        finally:
            process.stdin.close()
            try:
                process.wait(ECHO_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _port(output: IO[str]) -> int:
    line = output.readline().strip()
    if not line.isdecimal():
        raise Unavailable(
            "bench-process",
            found="a process of the bench that did not start",
            expected="its port",
            remedy="Run again; what it printed tells why it ended.",
        )
    return int(line)
