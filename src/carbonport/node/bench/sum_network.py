"""What the messages of a sum cost on the way, beside those of plain Shamir on the same way.

Every message is carried there and back by the bare gRPC echo under mutual TLS that `bench exchange` measures against,
one after the other: contributions to the coordinator, heads or sealed shares on to each holder, sums, answers. No party
computes anything here, so the time is the network's and the transport's alone.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from carbonport.crypto.ambient import system_random
from carbonport.crypto.sealing import HPKE_OVERHEAD_BYTES
from carbonport.crypto.sums.attested import AttestedValue
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.fast_sum import RESIDUE_BYTES
from carbonport.node.bench.echo_server import METHOD
from carbonport.node.bench.exchange_client import DEADLINE_S
from carbonport.node.bench.exchange_stage import echo_server
from carbonport.node.bench.sum_case import THRESHOLD, case_parameters, contribute
from carbonport.node.demo.cast import EXPORTER, IMPORTER, set_stage
from carbonport.node.transport.peers import Peers

if TYPE_CHECKING:
    from carbonport.node.bench.exchange_client import BytesCall


def sum_messages(worker: BfvWorker, rows: Sequence[Sequence[AttestedValue]]) -> list[bytes]:
    """Every message of a verifiable sum of these rows, as real as the contributions are."""
    parameters = case_parameters(len(rows[0]))
    contexts = {holder: worker.generate().public for holder in THRESHOLD.indices}
    messages = list(contexts.values()) * len(rows)  # each contributor fetches each holder's context
    for number, row in enumerate(rows):
        contribution = contribute(parameters, number, row, contexts, worker)
        messages += [contribution.head, *contribution.ciphertexts.values()]
        messages += [contribution.head] * THRESHOLD.holders
    totals = list(contribution.ciphertexts.values())  # a sum has the size of one
    return [*messages, *totals, *(system_random(64 * len(rows[0])) for _ in THRESHOLD.indices)]


def shamir_messages(members: int, metrics: int) -> list[bytes]:
    """Every message of a fast sum: each sealed share goes to the coordinator and on to its holder."""
    sealed = metrics * RESIDUE_BYTES + HPKE_OVERHEAD_BYTES
    shares = [system_random(sealed) for _ in range(2 * members * THRESHOLD.holders)]
    return [*shares, *(system_random(metrics * RESIDUE_BYTES) for _ in THRESHOLD.indices)]


def carried_seconds(*lots: Sequence[bytes]) -> list[float]:
    """Time that passes until all messages of a lot are carried, for each lot."""
    with tempfile.TemporaryDirectory(prefix="carbonport-bench-") as folder:
        stage = set_stage(Path(folder), ())
        with echo_server(stage.home(EXPORTER).path) as (endpoint, _):
            home = stage.home(IMPORTER)
            peers = Peers(
                home.identity,
                home.parties,
                home.limits(),
                default_deadline_s=DEADLINE_S,
                endpoints={EXPORTER.id: endpoint},
            )
            return asyncio.run(_carry(peers, lots))


async def _carry(peers: Peers, lots: Sequence[Sequence[bytes]]) -> list[float]:
    try:
        call = cast("BytesCall", peers.channel(EXPORTER.id).unary_unary(METHOD))
        await call(b"warm", timeout=DEADLINE_S)
        spent = []
        for messages in lots:
            began = time.perf_counter()
            for message in messages:
                await call(message, timeout=DEADLINE_S)
            spent.append(time.perf_counter() - began)
        return spent
    finally:
        await peers.close()
