"""From drafts to the rows of their entries, and back: sealed here or in a process of its own, with a key for the node.

The node reads its own bodies with a key of its own (32 bytes, kept with its other keys and never in the
store): each body key is wrapped under it, bound to log and leaf, beside the seals for the regulators.
Wrapping is what makes a repeated request's receipt possible after a restart; it costs a fraction of one more
HPKE seal.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

from carbonport.crypto.ambient import Drawn, RandomBytes
from carbonport.crypto.fieldtree import FieldLeaf, leaf_digest
from carbonport.crypto.log_body import MAX_BODY_READERS, Body, SealedBody, open_with_key, require_reader_id
from carbonport.crypto.log_entry import Entry, FieldName, body_aad
from carbonport.crypto.merkle import leaf_hash
from carbonport.crypto.receipt import MAX_RECEIPT_FIELDS
from carbonport.crypto.sealing import BODY_KEY_BYTES, BODY_NONCE_BYTES, decrypt_body, encrypt_body
from carbonport.errors import CarbonportError, Misuse, Unavailable
from carbonport.node.log.draft import REQUEST_DIGEST_BYTES, Draft
from carbonport.node.log.preparation_messages import Answer
from carbonport.node.log.preparation_worker import PreparationWorker
from carbonport.node.log.sealed_entry import EntryOrder, SealedEntry, seal_entry

MAX_FIELD_BYTES = 262_144
"""A bound on the values of one event together: what is logged describes a crossing, it is not the payload."""


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """An entry ready to be inserted, and what its receipt will show."""

    entry: bytes
    tree_leaf: bytes
    event: bytes
    key: bytes = field(repr=False)
    shown: tuple[FieldLeaf | bytes, ...] = field(repr=False)
    body: bytes = field(repr=False)
    own_key: bytes = field(repr=False)


MadeEntry: TypeAlias = PreparedEntry | CarbonportError
"""An entry ready to be inserted, or why there is none."""


class EntryMaker:
    """Prepares entries of one log; holds the node's own body key, so it is never shown."""

    def __init__(
        self,
        origin: str,
        *,
        own_key: bytes,
        readers: Mapping[str, bytes],
        random_bytes: RandomBytes,
        worker_from: int = 0,
    ) -> None:
        """`readers` are raw X25519 keys by key id; every body is sealed to them. From the first batch of `worker_from`
        drafts on a process of its own prepares (0: never), with the system's randomness."""
        if len(own_key) != BODY_KEY_BYTES:
            raise Misuse(
                "log-own-key",
                found=f"a key of {len(own_key)} bytes",
                expected=f"{BODY_KEY_BYTES} random bytes, the node's own key for its log bodies",
                remedy="Give the key that `carbonport init` made.",
            )
        self._origin = origin
        self._own_key = own_key
        self._random_bytes = random_bytes
        self._worker_from = worker_from
        self._worker = PreparationWorker()
        self._thread = ThreadPoolExecutor(1, "carbonport-log-sealing")
        self.seal_to(readers)

    def seal_to(self, readers: Mapping[str, bytes]) -> None:
        """From the next entry on, seal bodies to these readers."""
        for reader in readers:
            require_reader_id(reader)
        self._readers = dict(readers)

    def require_shape(self, draft: Draft) -> None:
        """Misuse (`log-draft`) for a draft that cannot become an entry, Malformed for a reader's key id that is
        none."""
        if len(draft.request_digest) != REQUEST_DIGEST_BYTES:
            raise _bad_draft(f"a request digest of {len(draft.request_digest)} bytes")
        if FieldName.REQUEST in draft.fields or len(draft.fields) >= MAX_RECEIPT_FIELDS:
            raise _bad_draft(f"{len(draft.fields)} fields, or one that the log itself adds")
        if sum(map(len, draft.fields.values())) > MAX_FIELD_BYTES:
            raise _bad_draft("field values that are too long")
        if any(name not in draft.fields and name != FieldName.REQUEST for name in draft.opened):
            raise _bad_draft("a field to open that the event does not have")
        if len(self._readers) + len(draft.readers) > MAX_BODY_READERS:
            raise _bad_draft("too many readers")
        for reader in draft.readers:
            require_reader_id(reader)

    async def prepare_all(self, drafts: Sequence[Draft], time: int) -> list[MadeEntry]:
        """An entry for each draft, or why there is none: Misuse when it is out of shape, Unavailable
        (`log-preparation-lost`) when the preparing process was lost."""
        outcomes: dict[int, MadeEntry] = {}
        orders: dict[int, EntryOrder] = {}
        for place, draft in enumerate(drafts):
            try:
                orders[place] = self._order(draft, time)
            except CarbonportError as error:
                outcomes[place] = error
        sealed = await self._sealed(list(orders.values()))
        nonces = Drawn(self._random_bytes(BODY_NONCE_BYTES * len(sealed)))
        for (place, order), entry in zip(orders.items(), sealed, strict=True):
            outcomes[place] = (
                self._finished(entry, order, nonces) if isinstance(entry, SealedEntry) else entry
            )
        return [outcomes[place] for place in range(len(drafts))]

    @property
    def prepares_elsewhere(self) -> bool:
        """Whether the preparing process has said that it is ready."""
        return self._worker.answers

    @property
    def process(self) -> int | None:
        """The id of the preparing process; None while there is none."""
        return self._worker.pid

    def close(self) -> None:
        """End the preparing process, if there is one."""
        self._worker.close()
        self._thread.shutdown()

    def _order(self, draft: Draft, time: int) -> EntryOrder:
        """What the entry is made of; Misuse when the draft is out of shape."""
        # Again, for the readers may be others by now.
        self.require_shape(draft)
        return EntryOrder(
            draft.type,
            draft.exchange,
            time,
            {**draft.fields, FieldName.REQUEST: draft.request_digest},
            draft.opened,
            {**self._readers, **draft.readers} if draft.readers else self._readers,
        )

    async def _sealed(self, orders: Sequence[EntryOrder]) -> Sequence[SealedEntry | CarbonportError]:
        """Each order sealed, in the process of its own or here, or why it cannot be."""
        answers: Sequence[Answer] = [None] * len(orders)
        if (
            self._worker_from
            and (self._worker.pid or len(orders) >= self._worker_from)
            and self._worker.ready()
        ):
            try:
                answers = await self._worker.prepare(self._origin, orders)
            except Unavailable as error:
                return [error] * len(orders)
        missing = [order for order, answer in zip(orders, answers, strict=True) if answer is None]
        if not missing:
            return [answer for answer in answers if answer is not None]
        # Also what the process could not seal, to learn why.
        here = iter(await asyncio.get_running_loop().run_in_executor(self._thread, self._seal, missing))
        return [next(here) if answer is None else answer for answer in answers]

    def _seal(self, orders: Sequence[EntryOrder]) -> list[SealedEntry | CarbonportError]:
        sealed: list[SealedEntry | CarbonportError] = []
        for order in orders:
            try:
                sealed.append(seal_entry(self._origin, order, self._random_bytes))
            except CarbonportError as error:
                sealed.append(error)
        return sealed

    def _finished(self, sealed: SealedEntry, order: EntryOrder, random_bytes: RandomBytes) -> PreparedEntry:
        """The entry as a row and a receipt need it, its body key wrapped for the node itself."""
        # One associated data for body and wrapped key: they are encrypted under different keys.
        aad = body_aad(self._origin, Entry.parse(sealed.entry).leaf)
        return PreparedEntry(
            entry=sealed.entry,
            tree_leaf=leaf_hash(sealed.entry),
            event=sealed.event,
            key=sealed.key,
            shown=tuple(
                FieldLeaf(name, order.fields[name], mark) if name in order.opened else mark
                for name, mark in zip(sorted(order.fields), sealed.marks, strict=True)
            ),
            body=sealed.body,
            own_key=encrypt_body(self._own_key, aad, sealed.body_key, random_bytes),
        )

    def reopen(self, entry: bytes, body: bytes, own_key: bytes) -> Body:
        """The body of a stored entry, recomputed against it; FailedVerification when it does not open or
        match."""
        parsed = Entry.parse(entry)
        key = decrypt_body(self._own_key, body_aad(self._origin, parsed.leaf), own_key)
        return open_with_key(SealedBody.parse(body), key, origin=self._origin, entry=parsed)


def shown_fields(body: Body, opened: Collection[str]) -> tuple[FieldLeaf | bytes, ...]:
    """The leaves of a receipt: those named in `opened` in the open, the others as digests."""
    return tuple(each if each.name in opened else leaf_digest(each) for each in body.fields)


def _bad_draft(found: str) -> Misuse:
    return Misuse(
        "log-draft",
        found=found,
        expected=f"a {REQUEST_DIGEST_BYTES}-byte request digest, fewer than {MAX_RECEIPT_FIELDS} fields"
        f" with at most {MAX_FIELD_BYTES} bytes, opened names among them, at most {MAX_BODY_READERS} readers",
        remedy="This is a defect of the calling program; nothing was logged.",
    )
