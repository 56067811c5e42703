"""A coordinator in a process of its own, which adds up contributions as they come: for its time and its memory.

`python -m carbonport.node.bench.sum_stream METRICS`. It takes frames as the worker does (see `bfv_child`): first the
holders' public contexts, then for each contribution its contributor's id, head and ciphertexts, at last a frame without
parts. It keeps the heads and the running sums, never a ciphertext, and answers with what it used and the sums.
"""

import json
import sys
import time

from carbonport.crypto.sums.bfv_child import peak_memory_bytes, read_frame, write_frame
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contribution import Contribution, decode_head
from carbonport.node.bench.sum_case import add_contribution, case_parameters


def main() -> None:
    """Serve one stream."""
    parameters = case_parameters(int(sys.argv[1]))
    indices = parameters.threshold.indices
    with BfvWorker() as worker:
        contexts = read_frame(sys.stdin.buffer)
        assert contexts is not None
        began = time.process_time()
        for holder, public in zip(indices, contexts, strict=True):
            worker.open_context(holder, public)
        heads = []
        while frame := read_frame(sys.stdin.buffer):
            contributor, head, *ciphertexts = frame
            heads.append(decode_head(parameters, contributor.decode("utf-8"), head))
            contribution = Contribution(head, dict(zip(indices, ciphertexts, strict=True)))
            add_contribution(parameters, heads[-1], contribution, worker)
        totals = [worker.total(holder) for holder in indices]
        usage = worker.usage()
        told = {
            "contributions": len(heads),
            "processor_s": time.process_time() - began + usage.processor_us / 1_000_000,
            "peak_memory_bytes": peak_memory_bytes() + usage.peak_memory_bytes,
        }
    write_frame(sys.stdout.buffer, [json.dumps(told).encode("ascii"), *totals])


if __name__ == "__main__":
    main()
