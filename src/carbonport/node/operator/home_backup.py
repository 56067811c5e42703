"""Backup and restore of a whole home folder.

    BACKUP/manifest.json       format, participant, time, log, and the SHA-256 of every other file
    BACKUP/store.db            every row of the store, whichever database it lives in
    BACKUP/carbonport.toml     the configuration
    BACKUP/keys/               keys as they lie in the home: encrypted ones stay encrypted
    BACKUP/trust/              anchors and trust lists

Period keys are not in it. They go to a folder of their own (`--period-keys`), which is to be kept elsewhere: with both,
commitments can be opened; with one, they cannot; and destroying a period means destroying its key in few known places.
Only the marks of destroyed periods are in both, so that no restore brings a destroyed key back.

Promised: the store is one snapshot, taken while the node serves, and every file is complete. Not promised: secrecy of
the store's rows (ledgers are plain; keep the folder, mode 0700, on an encrypted disk), and of keys that were made
without a passphrase.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from carbonport.crypto.ambient import Clock
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import FailedVerification, Malformed, Misuse
from carbonport.node.bounded_file import read_bounded
from carbonport.node.config import CONFIG_NAME, StoreSettings, config_text, parse_config
from carbonport.node.home import DATA_FOLDER
from carbonport.node.identity.key_ring import LIST_NAME
from carbonport.node.identity.node_identity import CERTIFICATE_NAME, KEY_FOLDER, PERIOD_KEY_FOLDER
from carbonport.node.identity.private_files import (
    make_private_folder,
    read_private,
    write_private,
    write_public,
)
from carbonport.node.identity.trust_folder import TRUST_FOLDER
from carbonport.node.participant import SQLITE_PREFIX, Participant
from carbonport.node.store import Store
from carbonport.node.store.backup import back_up, restore

FORMAT = "carbonport-backup/1"
"""Names the format of a manifest."""

MANIFEST = "manifest.json"
STORE = "store.db"
"""Files of a backup."""

MAX_MANIFEST_BYTES = 4 * 2**20
"""Largest manifest read: some ten thousand files."""

MAX_FILE_BYTES = 16 * 2**20
"""Largest file of keys, trust or configuration that is copied."""

DESTROYED = ".destroyed"
"""Suffix of the mark that a period key was destroyed."""

CHUNK_BYTES = 2**20
"""Read at a time when a store is hashed."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore made: how many rows and files, and the period keys left out because they were destroyed."""

    participant: str
    rows: int
    files: int
    backed_up_at: int
    period_keys: int


def back_up_home(participant: Participant, target: Path, period_keys: Path | None) -> dict[str, Json]:
    """Write a backup into the new folder `target`, and the period keys into the new folder `period_keys`."""
    for folder in (target, period_keys):
        if folder is not None:
            _require_new(folder)
    make_private_folder(target)
    rows = back_up(participant.store, target / STORE, clock=participant.clock)
    for relative in _home_files(participant.home):
        _copy(participant.home / relative, target / relative)
    manifest: dict[str, Json] = {
        "format": FORMAT,
        "participant": participant.id,
        "backed_up_at": participant.clock(),
        "log": participant.config.log_origin,
        "keys_encrypted": participant.identity.ring.encrypted,
        "files": {str(path): _digest(target / path) for path in _files(target)},
    }
    # Last: a folder with a manifest is complete.
    write_private(target / MANIFEST, canonical_bytes(manifest))
    kept = 0
    if period_keys is not None:
        make_private_folder(period_keys)
        for relative in _files(participant.home / PERIOD_KEY_FOLDER):
            _copy(participant.home / PERIOD_KEY_FOLDER / relative, period_keys / relative)
            kept += relative.suffix != DESTROYED
    return {
        "backup": str(target),
        "participant": participant.id,
        "rows": sum(rows.values()),
        "files": len(_files(target)),
        "keys_encrypted": participant.identity.ring.encrypted,
        "period_keys": None if period_keys is None else str(period_keys),
        "periods": kept,
    }


def restore_home(
    backup: Path, home: Path, *, period_keys: Path | None, store_url: str, clock: Clock
) -> Restored:
    """Make the new or emptied folder `home` from a backup; `store_url` names another database than the backup's.

    A folder of period keys that is in `home` already stays. The restored node signs nothing until its witnesses, or its
    operator, have vouched for its state (`carbonport.node.restored`).
    """
    manifest = _read_manifest(backup)
    _require_empty(home)
    config = parse_config(read_bounded(backup / CONFIG_NAME, MAX_FILE_BYTES), where=str(backup / CONFIG_NAME))
    if store_url:
        config = replace(config, store=StoreSettings(store_url))
        # Strict reading checks the URL before anything is made.
        parse_config(config_text(config).encode(), where="--store")
    make_private_folder(home)
    made: list[Path] = []
    try:
        make_private_folder(home / DATA_FOLDER)
        store = Store.open(config.store_url(home).removeprefix(SQLITE_PREFIX), clock=clock)
        try:
            rows = restore(backup / STORE, store, clock=clock)
        finally:
            store.close()
        for relative in _files(backup):
            if relative.parts[0] in (KEY_FOLDER, TRUST_FOLDER):
                made.append(home / relative)
                _copy(backup / relative, home / relative)
        kept = _restore_period_keys(backup, period_keys, home / PERIOD_KEY_FOLDER)
        if (backup / CERTIFICATE_NAME).is_file():
            write_public(home / CERTIFICATE_NAME, read_bounded(backup / CERTIFICATE_NAME, MAX_FILE_BYTES))
    except BaseException:
        # Keys are not left behind in a folder that is no home.
        for path in made:
            path.unlink(missing_ok=True)
        raise
    # Last, because its presence says that the home is complete.
    write_private(home / CONFIG_NAME, config_text(config).encode())
    return Restored(
        str(manifest["participant"]), sum(rows.values()), len(made), _integer(manifest["backed_up_at"]), kept
    )


def _restore_period_keys(backup: Path, period_keys: Path | None, target: Path) -> int:
    """Copy period keys, but none whose destruction any of the folders remembers."""
    marks = {path.name for path in _marks(backup / PERIOD_KEY_FOLDER)} | {
        path.name for path in _marks(target)
    }
    sources = [backup / PERIOD_KEY_FOLDER]
    if period_keys is not None:
        marks |= {path.name for path in _marks(period_keys)}
        sources.append(period_keys)
    destroyed = {name.removesuffix(DESTROYED) for name in marks}
    kept = 0
    for source in sources:
        for relative in _files(source):
            if relative.suffix != DESTROYED and relative.stem in destroyed:
                continue
            _copy(source / relative, target / relative)
            kept += relative.suffix != DESTROYED
    return kept


def _marks(folder: Path) -> Iterator[Path]:
    yield from folder.glob(f"*{DESTROYED}") if folder.is_dir() else ()


def _home_files(home: Path) -> list[Path]:
    """What is copied beside the store, in an order that a rotation or a new list in between cannot harm: an index comes
    before the files it names."""
    found = [Path(CONFIG_NAME), Path(CERTIFICATE_NAME), Path(KEY_FOLDER) / LIST_NAME]
    trust = home / TRUST_FOLDER
    found += [Path(TRUST_FOLDER) / name for name in ("anchors.json", "seen.json") if (trust / name).is_file()]
    for folder in (KEY_FOLDER, TRUST_FOLDER):
        found += [Path(folder) / path for path in _files(home / folder) if Path(folder) / path not in found]
    found += [Path(PERIOD_KEY_FOLDER) / path.name for path in _marks(home / PERIOD_KEY_FOLDER)]
    return [path for path in found if (home / path).is_file()]


def _files(folder: Path) -> list[Path]:
    """Every complete file below a folder, relative to it, in order; links are not followed."""
    if not folder.is_dir():
        return []
    return sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.endswith(".partial")
    )


def _copy(source: Path, target: Path) -> None:
    missing = [folder for folder in target.parents if not folder.exists()]
    for folder in reversed(missing):
        make_private_folder(folder)
    content = (
        read_bounded(source, MAX_FILE_BYTES)
        if source.name == CERTIFICATE_NAME
        else read_private(source, max_bytes=MAX_FILE_BYTES)
    )
    write_private(target, content)


def _read_manifest(backup: Path) -> dict[str, Json]:
    """The manifest, once every file is the one it names."""
    content = parse_canonical(
        read_bounded(backup / MANIFEST, MAX_MANIFEST_BYTES), max_bytes=MAX_MANIFEST_BYTES, where=str(backup)
    )
    members = {"format", "participant", "backed_up_at", "log", "keys_encrypted", "files"}
    if not isinstance(content, dict) or content.keys() != members or content["format"] != FORMAT:
        raise Malformed(
            "backup-format",
            found="a folder that is no backup of this format",
            expected=f"a folder that `carbonport backup` wrote, with a manifest of {FORMAT}",
            remedy="Check the path; for an older format use the version of Carbonport that wrote it.",
            where=str(backup),
        )
    files = content["files"]
    named = files if isinstance(files, dict) else {}
    actual = {str(path): _digest(backup / path) for path in _files(backup) if path != Path(MANIFEST)}
    if named != actual:
        wrong = sorted(set(named.items()) ^ set(actual.items()), key=str)
        raise FailedVerification(
            "backup-changed",
            found=f"{len({name for name, _ in wrong})} files that are missing, added or changed since the backup",
            expected="exactly the files that the manifest names",
            remedy="Use another backup; nothing was restored.",
            where=str(backup / wrong[0][0]),
        )
    return content


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _integer(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _require_new(folder: Path) -> None:
    if folder.exists():
        raise Misuse(
            "backup-exists",
            found="a file or folder of this name",
            expected="a new folder",
            remedy="Choose another name; a backup never overwrites anything.",
            where=str(folder),
        )


def _require_empty(home: Path) -> None:
    """A home may hold its period keys, which may lie on another disk, and nothing else."""
    if not home.exists():
        return
    if not home.is_dir() or {path.name for path in home.iterdir()} - {PERIOD_KEY_FOLDER}:
        raise Misuse(
            "restore-home-not-empty",
            found="a folder with files in it",
            expected="a new folder, or one that holds nothing but its period keys",
            remedy="Move the old home away first; a restore never mixes two nodes.",
            where=str(home),
        )
