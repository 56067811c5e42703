"""The load of `bench exchange`: one importer with 32 calls in flight, in a process of its own.

Run as `python -m carbonport.node.bench.exchange_client` with an `Order` as JSON on its input; prints what it counted.
Echo and fetch take turns in windows of the same length, so that whatever else the machine does meets both. Every
fetch has an id of its own: none finds an entry that an earlier one left.
"""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from carbonport.crypto.canonical import Json, b64_encode
from carbonport.node.bench.echo_server import METHOD as ECHO
from carbonport.node.home import open_home
from carbonport.node.transport.peers import Peers
from carbonport.wire.v1 import exchange_pb2

FETCH = "/carbonport.wire.v1.ExchangeService/FetchAttestation"

IN_FLIGHT = 32
"""Calls that are always under way."""

RAMP_S = 0.15
"""Calls run this long before counting begins, and are not counted."""

DEADLINE_S = 10.0
"""Deadline of each call."""

KEPT_EVERY = 50
"""One answer in so many is kept, to be verified after the measurement."""

Call = Callable[[], Awaitable[None]]

BytesCall = Callable[..., Awaitable[bytes]]
"""A gRPC method that takes and gives bytes: gRPC's own type cannot be written at run time."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to do: `rounds` turns of an echo window and a fetch window of `window_s` seconds each."""

    home: str
    exporter: str
    attestation: str
    echo_endpoint: str
    rounds: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls a second of each window; the number of echoes and fetches in all; seconds of processor time that this
    process took for each of the two; and answers that were kept, as (fetch id, answer in base64)."""

    echoes: list[float]
    fetches: list[float]
    echoed: int
    fetched: int
    echoing_s: float
    fetching_s: float
    answer_bytes: int
    kept: list[tuple[str, str]]


class _Fetcher:
    """Fetches with fresh ids, keeping some of the answers."""

    def __init__(self, peers: Peers, order: Order) -> None:
        self._call = cast("BytesCall", peers.channel(order.exporter).unary_unary(FETCH))
        self._attestation = order.attestation
        self.count = 0
        self.kept: list[tuple[str, bytes]] = []

    async def fetch(self) -> None:
        fetch_id = secrets.token_hex(16)
        message = exchange_pb2.FetchAttestationRequest(request_id=fetch_id, attestation_id=self._attestation)
        answer = await self._call(message.SerializeToString(), timeout=DEADLINE_S)
        if self.count % KEPT_EVERY == 0:
            self.kept.append((fetch_id, answer))
        self.count += 1


async def run_order(order: Order) -> Counted:
    """Warm both sides up, then measure in turns."""
    home = open_home(Path(order.home), environ={})
    nodes = home.peers()
    bare = Peers(
        home.identity,
        home.parties,
        home.limits(),
        default_deadline_s=DEADLINE_S,
        endpoints={order.exporter: order.echo_endpoint},
    )
    try:
        fetcher = _Fetcher(nodes, order)
        await fetcher.fetch()
        payload = fetcher.kept[0][1]
        echo_call = cast("BytesCall", bare.channel(order.exporter).unary_unary(ECHO))

        echoed = 0

        async def echo() -> None:
            nonlocal echoed
            await echo_call(payload, timeout=DEADLINE_S)
            echoed += 1

        echoes: list[float] = []
        fetches: list[float] = []
        echoing_s = fetching_s = 0.0
        await _window(echo, RAMP_S)
        await _window(fetcher.fetch, RAMP_S)
        for _ in range(order.rounds):
            begun = time.process_time()
            echoes.append(await _window(echo, order.window_s))
            between = time.process_time()
            fetches.append(await _window(fetcher.fetch, order.window_s))
            echoing_s += between - begun
            fetching_s += time.process_time() - between
    finally:
        await nodes.close()
        await bare.close()
    kept = [(fetch_id, b64_encode(answer)) for fetch_id, answer in fetcher.kept]
    return Counted(echoes, fetches, echoed, fetcher.count, echoing_s, fetching_s, len(payload), kept)


async def _window(call: Call, seconds: float) -> float:
    """Calls a second that ended within a window, with `IN_FLIGHT` under way throughout."""
    begin = time.perf_counter() + RAMP_S
    end = begin + seconds
    counted = 0

    async def keep_calling() -> None:
        nonlocal counted
        while True:
            await call()
            now = time.perf_counter()
            if now >= end:
                return
            counted += now >= begin

    await asyncio.gather(*(keep_calling() for _ in range(IN_FLIGHT)))
    return counted / seconds


def main() -> None:
    """Take an order, and print what was counted."""
    order: dict[str, Json] = json.load(sys.stdin)
    counted = asyncio.run(run_order(Order(**order)))  # type: ignore[arg-type]  # our own bench wrote it
    print(json.dumps(asdict(counted)))


if __name__ == "__main__":
    main()
