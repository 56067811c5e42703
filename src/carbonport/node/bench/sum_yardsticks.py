"""What a verifiable sum is measured against: the same sums by other means.

*Plain Shamir* is the fast sum: shares sealed to the holders and added, no commitments, no proofs. *Paillier* is `phe`,
where that package is installed (it is no dependency): one key holder who reads everything it is given, no proofs, keys
of 2048 bits, which is less security than the rest has.
"""

import time
from collections.abc import Sequence

from carbonport.crypto.sealing import hpke_generate
from carbonport.crypto.sums.fast_sum import (
    FastExchange,
    add_shares,
    combine_fast_answers,
    open_share,
    seal_shares,
)
from carbonport.node.bench.sum_case import BITS, MAX_ROSTER, THRESHOLD, contributor_name, require_sums

PAILLIER = "phe"
"""The package of the Paillier cryptosystem."""

PAILLIER_KEY_BITS = 2048


def shamir_seconds(rows: Sequence[Sequence[int]]) -> float:
    """Processor seconds of everybody in the fast sum of these rows, keys included."""
    began = time.process_time()
    exchange = FastExchange(bytes(32), "bench", 0, THRESHOLD, len(rows[0]), BITS, MAX_ROSTER)
    keys = {holder: hpke_generate() for holder in THRESHOLD.indices}
    public = {holder: pair.public for holder, pair in keys.items()}
    sealed = [seal_shares(exchange, contributor_name(number), row, public) for number, row in enumerate(rows)]
    answers = {
        holder: add_shares(
            exchange,
            (
                open_share(exchange, contributor_name(number), holder, keys[holder].private, one[holder])
                for number, one in enumerate(sealed)
            ),
        )
        for holder in THRESHOLD.indices
    }
    sums = combine_fast_answers(exchange, answers)
    spent = time.process_time() - began
    require_sums(sums, rows)
    return spent


def paillier_seconds(rows: Sequence[Sequence[int]]) -> float | None:
    """Processor seconds of everybody in Paillier sums of these rows, keys included; None without the package."""
    try:
        from phe import paillier
    except ImportError:
        return None
    began = time.process_time()
    public, private = paillier.generate_paillier_keypair(n_length=PAILLIER_KEY_BITS)
    encrypted = [[public.encrypt(value) for value in row] for row in rows]
    sums = [private.decrypt(sum(column[1:], column[0])) for column in zip(*encrypted, strict=True)]
    spent = time.process_time() - began
    require_sums(sums, rows)
    return spent
