"""The trust a node keeps on disk: pinned anchors, the newest list of each jurisdiction, and what it has seen.

    HOME/trust/anchors.json            list-signing keys pinned by hand, by jurisdiction
    HOME/trust/lists/CN-00000003.jws   accepted lists
    HOME/trust/seen.json               newest number and hash per jurisdiction: an older list never comes back

`store` follows the files: a list added by a command is believed by the running node within a second.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from carbonport.attestation.trust_list import MAX_TRUST_LIST_BYTES, TrustList
from carbonport.attestation.trust_store import SeenList, TrustStore
from carbonport.crypto.jws import thumbprint
from carbonport.errors import FailedVerification, Malformed, Misuse
from carbonport.node.identity.private_files import make_private_folder, read_private, write_private

TRUST_FOLDER = "trust"
"""Inside the home folder."""

MAX_INDEX_BYTES = 2**20
"""Longest anchors.json or seen.json read."""

EXPIRED = "trust-list-expired"
"""Error id of a list that is past its next update: such a list is kept, but not believed."""

Jwk = dict[str, str]


class TrustFolder:
    """Anchors and lists of one home folder."""

    def __init__(self, home: Path, clock: Callable[[], int]) -> None:
        self._folder = home / TRUST_FOLDER
        self._clock = clock
        self._lock = threading.Lock()
        self._store: TrustStore | None = None
        self._stamp: tuple[object, ...] = ()
        self._looked_at = -1

    def store(self) -> TrustStore:
        """The trust store of the files as they are (looked at once a second); a new object when they
        changed.
        """
        now = self._clock()
        if self._store is not None and now == self._looked_at:
            return self._store
        with self._lock:
            stamp = tuple(_stamp(self._folder / name) for name in ("anchors.json", "seen.json"))
            if self._store is None or stamp != self._stamp:
                self._store, self._stamp = self._load(now), stamp
            self._looked_at = now
            return self._store

    def anchors(self) -> Mapping[str, Sequence[Jwk]]:
        """The pinned keys by jurisdiction."""
        try:
            return {
                str(name): [{str(key): str(item) for key, item in jwk.items()} for jwk in keys]
                for name, keys in self._read_index("anchors.json").items()
            }
        except (AttributeError, TypeError):
            raise _broken(self._folder / "anchors.json") from None

    def seen(self) -> Mapping[str, SeenList]:
        """The newest list ever accepted, by jurisdiction."""
        try:
            return {
                str(name): SeenList(int(entry["seq"]), str(entry["hash"]))
                for name, entry in self._read_index("seen.json").items()
            }
        except (KeyError, TypeError, ValueError):
            raise _broken(self._folder / "seen.json") from None

    def pin(self, jurisdiction: str, jwk: Jwk, *, fingerprint: str) -> None:
        """Pin a list-signing key; `fingerprint` is its thumbprint, learned by another way than the file."""
        actual = thumbprint(jwk)
        if fingerprint != actual:
            raise FailedVerification(
                "trust-anchor-fingerprint",
                found=f"a key with the fingerprint {actual}",
                expected=f"the fingerprint {fingerprint[:80]}",
                remedy=(
                    "Ask the regulator for its fingerprint by telephone or in person; do not take it from"
                    " the file."
                ),
                where=jurisdiction,
            )
        anchors = {name: list(keys) for name, keys in self.anchors().items()}
        keys = anchors.setdefault(jurisdiction, [])
        if all(thumbprint(known) != actual for known in keys):
            keys.append(jwk)
        self._write_index("anchors.json", anchors)

    def unpin(self, jurisdiction: str, fingerprint: str) -> None:
        """Forget a pinned key: a retired one, or one that was pinned in error."""
        anchors = {name: list(keys) for name, keys in self.anchors().items()}
        kept = [jwk for jwk in anchors.get(jurisdiction, []) if thumbprint(jwk) != fingerprint]
        if len(kept) == len(anchors.get(jurisdiction, [])):
            raise Misuse(
                "trust-anchor-unknown",
                found=f"no pinned key {fingerprint[:80]} of {jurisdiction[:20]}",
                expected="a key that `carbonport trust list` shows",
                remedy="Check the fingerprint.",
            )
        anchors[jurisdiction] = kept
        self._write_index("anchors.json", {name: keys for name, keys in anchors.items() if keys})

    def add(self, tokens: Sequence[str]) -> tuple[TrustList, ...]:
        """Check lists and keep them. Lists in between that have expired may precede the newest one."""
        now, store = self._clock(), self._load(self._clock())
        added: list[TrustList] = []
        pending: list[str] = []
        for index, token in enumerate(tokens):
            try:
                added.append(store.add(token, now=now, between=pending))
                pending = []
            except FailedVerification as problem:
                if problem.id != EXPIRED or index == len(tokens) - 1:
                    raise
                pending.append(token)
        self._keep(store)
        return tuple(added)

    def newest_tokens(self) -> Mapping[str, str]:
        """The newest accepted list of every jurisdiction as it was signed, expired or not."""
        return {name: self._read_list(name, seen.seq) for name, seen in self.seen().items()}

    def _keep(self, store: TrustStore) -> None:
        make_private_folder(self._folder)
        make_private_folder(self._folder / "lists")
        for held in store.held_lists():
            write_private(self._list_path(held.trust_list.jurisdiction, held.seen.seq), held.token.encode())
        # The lists are in place before the index names them.
        self._write_index(
            "seen.json",
            {name: {"seq": seen.seq, "hash": seen.hash} for name, seen in store.seen_lists().items()},
        )

    def _load(self, now: int) -> TrustStore:
        anchors, seen = self.anchors(), self.seen()
        store = TrustStore(anchors, seen=seen)
        # Lists of anchored jurisdictions first: they say which keys sign the others.
        for jurisdiction in sorted(seen, key=lambda name: (name not in anchors, name)):
            try:
                store.add(self._read_list(jurisdiction, seen[jurisdiction].seq), now=now)
            except FailedVerification:
                continue  # expired, or no longer signed by a pinned key: not believed, and lookups say so
        return store

    def _list_path(self, jurisdiction: str, seq: int) -> Path:
        return self._folder / "lists" / f"{jurisdiction}-{seq:08d}.jws"

    def _read_list(self, jurisdiction: str, seq: int) -> str:
        path = self._list_path(jurisdiction, seq)
        return read_private(path, max_bytes=MAX_TRUST_LIST_BYTES).decode("ascii", "replace").strip()

    def _read_index(self, name: str) -> dict[str, Any]:
        path = self._folder / name
        if not path.exists():
            return {}
        try:
            value = json.loads(read_private(path, max_bytes=MAX_INDEX_BYTES))
        except ValueError:
            raise _broken(path) from None
        if not isinstance(value, dict):
            raise _broken(path)
        return value

    def _write_index(self, name: str, value: object) -> None:
        make_private_folder(self._folder)
        write_private(self._folder / name, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())
        self._looked_at = -1


def _stamp(path: Path) -> object:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _broken(path: Path) -> Malformed:
    return Malformed(
        "trust-folder",
        found="an index that cannot be read",
        expected="the files as this node wrote them",
        remedy="Restore the trust folder from a backup, or pin the anchors and add the lists again.",
        where=str(path),
    )
