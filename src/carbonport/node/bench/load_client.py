"""The load of `bench proofs`: fetches at a fixed rate, alone and while proofs are made, in a process of its own.

Run as `python -m carbonport.node.bench.load_client` with a `LoadOrder` as JSON on its input; prints what it measured.
First comes the rate at which the idle node answers with 32 calls under way; three tenths of it are offered then.
Windows with and without proving take turns. While proving, one attestation after the other is asked for, so that one
proof is under way all the time.
"""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from carbonport.crypto.canonical import Json
from carbonport.node.bench.exchange_client import DEADLINE_S, FETCH, IN_FLIGHT, BytesCall
from carbonport.node.bench.open_loop import Call, Delays, open_loop
from carbonport.node.control import call_control
from carbonport.node.home import open_home
from carbonport.wire.v1 import exchange_pb2

OFFERED_SHARE = 0.3
"""Of the idle capacity."""

WARM_S = 0.5
"""Calls run this long before the capacity is counted."""


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What to do: in each of `rounds` turns one window without and one with proving, `window_s` seconds each.
    `query` are the arguments of the importer's operation, but for the consignment."""

    home: str
    exporter: str
    attestation: str
    query: Mapping[str, Json]
    rounds: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured: calls a second when idle and offered, completed calls a second and the 99th of a hundred
    delays (ms) of each window without (`quiet`) and with proving, and how many attestations were issued meanwhile."""

    capacity: float
    offered: float
    quiet_rates: list[float]
    quiet_ms: list[float]
    proving_rates: list[float]
    proving_ms: list[float]
    proofs: int


async def run_order(order: LoadOrder) -> Load:
    """Measure."""
    home = open_home(Path(order.home), environ={})
    peers = home.peers()
    channel = cast("BytesCall", peers.channel(order.exporter).unary_unary(FETCH))
    proofs = 0

    async def fetch() -> None:
        message = exchange_pb2.FetchAttestationRequest(
            request_id=secrets.token_hex(16), attestation_id=order.attestation
        )
        await channel(message.SerializeToString(), timeout=DEADLINE_S)

    async def keep_asking() -> None:
        nonlocal proofs
        while True:
            arguments = {**order.query, "consignment": f"LOAD-{secrets.token_hex(8)}"}
            answer = await call_control(home.path, "query", arguments)
            assert isinstance(answer, dict), "operations give objects"
            proofs += answer["state"] == "issued"

    try:
        capacity = await _capacity(fetch, order.window_s)
        rate = OFFERED_SHARE * capacity
        calls = max(1, round(rate * order.window_s))
        quiet: list[Delays] = []
        proving: list[Delays] = []
        for _ in range(order.rounds):
            quiet.append(await open_loop(fetch, rate=rate, calls=calls))
            asking = asyncio.create_task(keep_asking())
            try:
                proving.append(await open_loop(fetch, rate=rate, calls=calls))
            finally:
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking
    finally:
        await peers.close()
    return Load(
        capacity=capacity,
        offered=rate,
        quiet_rates=[window.rate for window in quiet],
        quiet_ms=[1000 * window.high for window in quiet],
        proving_rates=[window.rate for window in proving],
        proving_ms=[1000 * window.high for window in proving],
        proofs=proofs,
    )


async def _capacity(fetch: Call, seconds: float) -> float:
    """Calls a second with `IN_FLIGHT` under way throughout."""
    counted = 0
    begin = time.perf_counter() + WARM_S
    end = begin + seconds

    async def keep_calling() -> None:
        nonlocal counted
        while time.perf_counter() < end:
            await fetch()
            counted += begin <= time.perf_counter() < end

    await asyncio.gather(*(keep_calling() for _ in range(IN_FLIGHT)))
    return counted / seconds


def main() -> None:
    """Take an order, and print what was measured."""
    order: dict[str, Json] = json.load(sys.stdin)
    print(json.dumps(asdict(asyncio.run(run_order(LoadOrder(**order))))))  # type: ignore[arg-type]  # ours


if __name__ == "__main__":
    main()
