"""Receipts of one log: the opened leaf of an entry, and its place in the tree of a published checkpoint.

What is new stands in memory, and so do the tree's most recent nodes; what is older is read from rows, and its body
opened with the node's own key.
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence

from carbonport.crypto.merkle import consistency_proof, inclusion_proof
from carbonport.crypto.receipt import Receipt
from carbonport.errors import Misuse
from carbonport.node.log.batch_proofs import BatchProver
from carbonport.node.log.draft import Logged
from carbonport.node.log.preparation import EntryMaker, PreparedEntry, shown_fields
from carbonport.node.log.publication import Published
from carbonport.node.log.stored_log import StoredLog
from carbonport.node.log.tree_rows import NodeCache


class ReceiptMaker:
    """Makes the receipts of one log; belongs to the event loop of its log."""

    def __init__(self, stored: StoredLog, maker: EntryMaker, cache: NodeCache) -> None:
        self._stored = stored
        self._maker = maker
        self._cache = cache

    def prover(self, published: Published) -> BatchProver | None:
        """What the receipts of a batch share; None when its nodes are not in memory."""
        try:
            return BatchProver(published.size, self._cache.read)
        except KeyError:
            return None

    async def fresh(
        self, index: int, prepared: PreparedEntry, published: Published, prover: BatchProver | None
    ) -> Logged:
        """The receipt of an entry that was just committed."""
        proof = await self._inclusion(index, published.size, prover)
        receipt = Receipt(index, proof, published.note, prepared.event, prepared.key, prepared.shown)
        return _logged(receipt, published, repeated=False)

    async def again(self, index: int, opened: Collection[str], published: Published) -> Logged:
        """The receipt of an entry logged before; Misuse (`log-index`) when `published` does not cover it."""
        if not 0 <= index < published.size:
            raise Misuse(
                "log-index",
                where=self._stored.origin,
                found=f"index {index} in a log of {published.size} entries",
                expected="the index of a logged entry",
                remedy="Ask for an entry that the log has given a receipt for.",
            )

        def read() -> Receipt:
            with self._stored.reading() as rows:
                body = self._maker.reopen(*rows.body(index))
                proof = inclusion_proof(index, published.size, rows.nodes)
            shown = shown_fields(body, opened)
            return Receipt(index, tuple(proof), published.note, body.event, body.key, shown)

        return _logged(await asyncio.to_thread(read), published, repeated=True)

    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The proof that the tree of `new` entries continues that of `old`."""
        try:
            return consistency_proof(old, new, self._cache.read)
        except KeyError:
            return await asyncio.to_thread(self._stored.consistency, old, new)

    async def _inclusion(self, index: int, size: int, prover: BatchProver | None) -> tuple[bytes, ...]:
        # A node may have given way to newer ones, or the writer has read its state again: then the rows have it.
        with contextlib.suppress(KeyError):
            if prover is not None:
                return prover.proof(index)
        return tuple(await asyncio.to_thread(self._stored.inclusion, index, size))


def _logged(receipt: Receipt, published: Published, *, repeated: bool) -> Logged:
    return Logged(receipt.index, repeated, published.provisional, published.quorum_time, receipt)
