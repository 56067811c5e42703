"""Range proofs made in the proving process, for code that runs in a thread beside the event loop."""

import asyncio
from collections.abc import Sequence

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.pedersen import Opening
from carbonport.node.proving.proving_worker import ProvingWorker
from carbonport.node.proving.tasks import RANGES, RangeTask


class WorkerRanges:
    """A `ProveOpenings` of `carbonport.attestation.lots.seller`; belongs to one event loop, called from its threads."""

    def __init__(self, worker: ProvingWorker) -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()

    def __call__(
        self,
        openings: Sequence[Opening],
        widths: Sequence[int],
        context: bytes,
        *,
        nonce_secret: bytes,
        random_bytes: RandomBytes = system_random,
    ) -> bytes:
        """As `prove_openings`; the process draws its own randomness. Raises what the worker raises."""
        del random_bytes
        task = RangeTask(tuple(openings), tuple(widths), context, nonce_secret)
        return asyncio.run_coroutine_threadsafe(self._worker.run(RANGES, task), self._loop).result()
