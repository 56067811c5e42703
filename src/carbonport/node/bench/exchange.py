"""`bench exchange`: attestation fetches a second beside an echo of the same size over the same TLS.

A fetch is the whole of a release: admitted, checked at the door, decided by the gate, logged durably with an entry of
its own, cosigned by the regulator's process, and answered with the receipt. The echo takes an answer's bytes and gives
them back from a bare gRPC server in a process of the same kind. Nodes, echo and client share the machine's cores.

The figures are believed only when the exporter's log grew by at least what was counted, and when the answers that were
kept verify as an importer verifies them. What a client spends on that is a separate figure, and so is the processor
time of exporter and witness a fetch, which other work on the machine changes less than the rate.
"""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from carbonport.attestation.bundle import only_known_signatures
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.witness_rules import known_note_keys, witness_requirement
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import b64_decode
from carbonport.crypto.log_entry import FieldName
from carbonport.crypto.notes import VerifierKey
from carbonport.crypto.receipt import Receipt, verify_receipt
from carbonport.errors import FailedVerification, Unavailable
from carbonport.node.bench.exchange_client import Counted, Order
from carbonport.node.bench.exchange_stage import ECHO, ExchangeScene, exchange_scene
from carbonport.node.bench.figures import Figure
from carbonport.node.bench.processor_time import processor_seconds
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR
from carbonport.node.log.stored_log import StoredLog
from carbonport.node.store import Store
from carbonport.wire.v1 import exchange_pb2

MAX_ROUNDS = 9
"""Turns of echo and fetch; the median is over them."""

MIN_WINDOW_S = 0.2
"""Shortest window counted; short benches have fewer rounds."""

CLIENT_GRACE_S = 60.0
"""How much longer than its windows the client may take."""

RECEIVED = 5
"""Answers that the importer's node receives, checks, logs and keeps, one after the other."""

VERIFIED = 20
"""Times one bundle is verified offline."""


def bench_exchange(seconds: float) -> Sequence[Figure]:
    """Measure for about `seconds`, half of it each; raises when an answer does not hold."""
    with tempfile.TemporaryDirectory(prefix="carbonport-bench-") as name:
        folder = Path(name)
        with exchange_scene(folder) as scene:
            before, spent_before = _log_size(scene), processor_seconds(scene.pids)
            counted = _load(scene, seconds)
            spent = processor_seconds(scene.pids)
            _require_logged(counted, _log_size(scene) - before)
            _require_sound(scene, counted)
            bundle = folder / "bundle.json"
            received = _timed_ms(RECEIVED, lambda: _receive(scene, bundle))
            verified = _timed_ms(VERIFIED, lambda: _verify(scene, bundle.read_bytes()))
    echo = Figure.of("echo", counted.echoes, "calls/s")
    return (
        Figure.of("fetch", counted.fetches, "calls/s", yardstick=echo),
        echo,
        Figure.of("receive", received, "ms"),
        Figure.of("verify-bundle", verified, "ms"),
        Figure.of("answer-size", [counted.answer_bytes], "bytes"),
        *_client_figures(counted),
        *_processor_figures(counted, {name: spent[name] - spent_before[name] for name in spent}),
    )


def _client_figures(counted: Counted) -> Sequence[Figure]:
    """Microseconds of processor time a call of the process that calls, which shares the machine with those it calls."""
    echo = Figure.of("cpu-client-echo", [1e6 * counted.echoing_s / counted.echoed], "us/call")
    fetch = [1e6 * counted.fetching_s / counted.fetched]
    return echo, Figure.of("cpu-client", fetch, "us/call", yardstick=echo)


def _processor_figures(counted: Counted, spent: Mapping[str, float]) -> Sequence[Figure]:
    """Microseconds of processor time a call: the echo's process an echo; exporter and witness a fetch."""
    if not spent:
        return ()
    echo = Figure.of("cpu-echo", [1e6 * spent[ECHO] / counted.echoed], "us/call")
    parts = {"cpu-exporter": EXPORTER.key, "cpu-witness": REGULATOR.key}
    return (
        echo,
        *(
            Figure.of(name, [1e6 * spent[key] / counted.fetched], "us/call", yardstick=echo)
            for name, key in parts.items()
        ),
    )


def _load(scene: ExchangeScene, seconds: float) -> Counted:
    rounds = max(1, min(MAX_ROUNDS, int(seconds / 2 / MIN_WINDOW_S)))
    order = Order(
        home=str(scene.stage.home(IMPORTER).path),
        exporter=EXPORTER.id,
        attestation=scene.attestation,
        echo_endpoint=scene.echo_endpoint,
        rounds=rounds,
        window_s=max(MIN_WINDOW_S, seconds / 2 / rounds),
    )
    done = subprocess.run(
        [sys.executable, "-m", "carbonport.node.bench.exchange_client"],
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
    content = json.loads(done.stdout)
    return Counted(**{**content, "kept": [(fetch_id, answer) for fetch_id, answer in content["kept"]]})


def _log_size(scene: ExchangeScene) -> int:
    """Durable entries of the exporter's log, read beside its process."""
    home = scene.stage.home(EXPORTER)
    store = Store.open_read_only(home.config.store_url(home.path).removeprefix("sqlite:///"))
    try:
        return StoredLog(store, home.config.log_origin).head().size
    finally:
        store.close()


def _require_logged(counted: Counted, logged: int) -> None:
    if logged != counted.fetched:
        raise FailedVerification(
            "bench-not-logged",
            found=f"{logged} new entries for {counted.fetched} fetches",
            expected="an entry for every fetch",
            remedy="Believe no figure of this run; this is a defect of the exchange.",
        )


def _require_sound(scene: ExchangeScene, counted: Counted) -> None:
    """Every kept answer has a receipt that holds: its own entry, these bytes, the witnesses' quorum."""
    trust, now = scene.stage.home(IMPORTER).trust.store(), system_clock()
    keys = trust.participant(EXPORTER.id, now=now).keys_at("log", now)
    requirement = witness_requirement(trust, log_owner=EXPORTER.id, reader=IMPORTER.id, now=now)
    places = set[int]()
    for fetch_id, encoded in counted.kept:
        answer = exchange_pb2.FetchAttestationResponse.FromString(b64_decode(encoded))
        receipt = only_known_signatures(Receipt.decode(answer.receipt), known_note_keys(trust))
        for policy in requirement.policies():
            verify_receipt(
                receipt,
                log_key=VerifierKey.parse(keys[0].text),
                policy=policy,
                payload=answer.disclosure,
                expected={
                    FieldName.RECIPIENT: IMPORTER.id.encode(),
                    FieldName.SUBJECT: scene.attestation.encode(),
                },
                exchange=fetch_id,
            )
        places.add(receipt.index)
    if len(places) != len(counted.kept):
        raise FailedVerification(
            "bench-not-logged",
            found=f"{len(places)} entries behind {len(counted.kept)} answers",
            expected="an entry for every fetch",
            remedy="Believe no figure of this run; this is a defect of the exchange.",
        )


def _receive(scene: ExchangeScene, bundle: Path) -> None:
    """Fetch as an importer does: checked, logged with the importer's own cosigned entry, kept, written."""
    arguments = {"request": scene.request, "out": str(bundle), "fetch_id": secrets.token_hex(16)}
    scene.operate(IMPORTER, "fetch", arguments)


def _verify(scene: ExchangeScene, data: bytes) -> None:
    anchors = scene.stage.home(IMPORTER).trust.anchors()
    report = verify_bundle(data, now=system_clock(), anchors=anchors, importer=IMPORTER.id)
    if not report.ok:
        failed = next(check for check in report.checks if not check.ok)
        raise FailedVerification(
            "bench-bundle",
            found=f"{failed.id}: {failed.found}",
            expected="a bundle that passes every check",
            remedy="Believe no figure of this run; this is a defect of the exchange.",
        )


def _timed_ms(times: int, action: Callable[[], None]) -> list[float]:
    measured = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        measured.append((time.perf_counter() - started) * 1000)
    return measured
