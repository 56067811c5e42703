"""Attestations by proof through real processes: the open profile, many callers, a proving process that dies."""

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from played_demo import EXPORTER, IMPORTER, REGULATOR, VERIFIER, do, played_demo, question, steelworks
from protected_forms import Search, protected_values
from test_demo_bytes import stream_names
from warm_programs import Node, programs

from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import verify_bundle
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.errors import Malformed, Unavailable
from carbonport.node.config import load_config, write_config
from carbonport.node.home import open_home

PATIENCE_S = 60
"""How long a process may take to end before a test fails; never how long a test waits."""

MAX_TRIES = 10
"""How often a question is repeated on a busy machine."""


@dataclass
class Stage:
    """A demo's homes after the statement was added, with all nodes serving."""

    homes: dict[str, Path]
    exporter: Node

    async def query(self, consignment: str, request: str = "") -> dict[str, Json]:
        """Asked again when the machine is too busy for the deadline: the answer goes on meanwhile."""
        asked = question(request or secrets.token_hex(16), consignment=consignment)
        for _ in range(MAX_TRIES):
            try:
                return await do(self.homes[IMPORTER.key], "query", **asked)
            except Unavailable as error:
                problem = error
        raise problem

    async def bundle(self, consignment: str) -> bytes:
        answer = await self.query(consignment)
        assert answer["state"] == "issued", answer
        out = self.homes[IMPORTER.key] / f"{consignment}.json"
        await do(self.homes[IMPORTER.key], "fetch", request=str(answer["request"]), out=str(out))
        return out.read_bytes()

    def report(self, bundle: bytes) -> Report:
        anchors = open_home(self.homes[IMPORTER.key], environ={}).trust.anchors()
        return verify_bundle(bundle, now=system_clock(), anchors=anchors, importer=IMPORTER.id)

    def proving(self) -> int | None:
        """The id of the exporter's proving process."""
        children = Path(f"/proc/{self.exporter.process.pid}/task/{self.exporter.process.pid}/children")
        for child in map(int, children.read_text().split()):
            if b"carbonport.node.proving.worker_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
        return None


@contextmanager
def stage(folder: Path, proof: str) -> Iterator[Stage]:
    homes = played_demo().copy_homes(folder)
    config = load_config(homes[EXPORTER.key])
    write_config(homes[EXPORTER.key], replace(config, exchange=replace(config.exchange, proof=proof)))
    with (
        programs().serve(homes[REGULATOR.key]),
        programs().serve(homes[VERIFIER.key]),
        programs().serve(homes[IMPORTER.key]),
        programs().serve(homes[EXPORTER.key]) as exporter,
    ):
        yield Stage(homes, exporter)


def test_the_open_profile_shows_the_shape_and_no_name(tmp_path: Path) -> None:
    with stage(tmp_path, "open") as on:
        bundle = asyncio.run(on.bundle("OPEN-1"))
    report = on.report(bundle)
    assert report.ok, report.failed()
    found = report.check("result-proof").found
    assert found.startswith("proved: default_share, see_direct, see_indirect")
    assert "(open, " in found
    presentation = json.loads(read_bundle(bundle).presentation)
    graph = presentation["evidence"]["graph"]
    streams = [node for node in graph["nodes"] if node["id"].endswith("/activity_data")]
    assert {node["id"].split("/")[0] for node in streams} == {"stream"}
    assert len(streams) == len(steelworks().streams), "the shape is shown"
    # The rest of the bundle is the same in both profiles; `test_demo_bytes` searches it.
    shown = canonical_bytes(presentation["evidence"])
    assert Search(stream_names()).find([shown]) == []
    assert Search(protected_values(steelworks())).find([shown]) == []
    # What was opened is what the policy lets go: the precursors' values, by place.
    assert "precursor/1/precursor_see_direct" in found
    assert "stream/" not in found


def test_the_sealed_profile_shows_nothing_below_the_attributed_emissions() -> None:
    presentation = json.loads(read_bundle(played_demo().bundle).presentation)
    ids = {node["id"] for node in presentation["evidence"]["graph"]["nodes"] if node["kind"] == "input"}
    assert {path.rpartition("/")[2] for path in ids} == {
        "activity_level",
        "attributed_direct",
        "attributed_indirect",
        "precursor_amount",
        "precursor_see_direct",
        "precursor_see_indirect",
    }
    checks = {str(check["id"]): str(check["found"]) for check in played_demo().outcome.checks}
    assert "(sealed, " in checks["result-proof"]


def test_many_callers_one_answer_and_a_proving_process_that_dies(tmp_path: Path) -> None:
    async def play(on: Stage) -> None:
        assert on.proving() is None, "started when it is needed"
        same = "ab" * 16
        answers = await asyncio.gather(*(on.query("TWICE-1", same) for _ in range(3)), on.query("OTHER-1"))
        assert {answer["state"] for answer in answers} == {"issued"}
        assert len({answer["attestation"] for answer in answers}) == 2, "one for each request"
        first = on.proving()
        assert first is not None
        # Killed while it proves, or between two proofs: the request is answered all the same.
        running = asyncio.create_task(on.query("KILLED-1"))
        await asyncio.sleep(0.05)
        os.kill(first, signal.SIGKILL)
        assert (await running)["state"] == "issued"
        assert on.proving() not in (None, first)

    with stage(tmp_path, "sealed") as on:
        asyncio.run(play(on))
        worker = on.proving()
        assert worker is not None
        on.exporter.kill()
        started = time.monotonic()
        while Path(f"/proc/{worker}").exists():
            assert time.monotonic() - started < PATIENCE_S, "an orphan"
            time.sleep(0.05)


@pytest.mark.parametrize("proof", ["belief", "closed"])
def test_another_profile_is_no_setting(tmp_path: Path, proof: str) -> None:
    homes = played_demo().copy_homes(tmp_path)
    config = load_config(homes[EXPORTER.key])
    with pytest.raises(Malformed, match="sealed, open"):
        write_config(homes[EXPORTER.key], replace(config, exchange=replace(config.exchange, proof=proof)))


def test_the_demo_tells_that_values_were_proved() -> None:
    outcome, told = played_demo().outcome, dict(played_demo().told)
    assert told["verify"].startswith("proved: default_share, see_direct, see_indirect follow from")
    behind = {str(item["field"]): str(item["behind"]) for item in outcome.crossed}
    assert (behind["see_direct"], behind["operator"]) == ("proved", "stated")
    assert behind["precursor/1/precursor_see_direct"] == "opened in the proof"
