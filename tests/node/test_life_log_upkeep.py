"""An operator looks after a log: integrity check, checkpoint, erasure, state, and lines without secrets."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from life_stage import DATA
from test_life_backup import PERIOD, another_store, carbonport, lone_home

from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.notes import SignedNote
from carbonport.errors import Misuse, Refused
from carbonport.node.config import StoreSettings, write_config
from carbonport.node.home import open_home
from carbonport.node.operational_log import OPERATIONAL_FOLDER, OperationalLog
from carbonport.node.operations import perform
from carbonport.node.participant import Participant
from carbonport.node.store.schema import log_entries

__all__ = ["another_store"]
NOW = 1_795_000_000


@pytest.fixture
def home(tmp_path: Path, another_store: str) -> Path:
    """A home with three entries in its log, on either database."""
    path = lone_home(tmp_path / "home")
    if another_store:
        config = open_home(path, environ={}).config
        write_config(path, replace(config, store=StoreSettings(another_store)))
    for period in (PERIOD, "2025-01-01/2025-12-31", "2024-01-01/2024-12-31"):
        open_home(path, environ={}).identity.period_keys.obtain(period)
        perform(open_home(path, environ={}), "period-destroy", {"period": period, "reason": "an entry"})
    return path


def test_fsck_finds_nothing_and_then_what_was_changed(home: Path) -> None:
    found = carbonport("log", "fsck", "--home", home)
    assert (found["entries"], found["bodies"], found["findings"]) == (3, 3, [])
    participant = Participant.open(open_home(home, environ={}))
    with participant.store.writing() as connection:
        entry = connection.execute(log_entries.select().where(log_entries.c.position == 1)).one()
        changed = bytes(entry.entry[:-1]) + bytes([entry.entry[-1] ^ 1])
        connection.execute(log_entries.update().where(log_entries.c.position == 1).values(entry=changed))
    participant.close()
    # The node itself cannot open such a log any more; the check still says what is wrong with it.
    damaged = carbonport("log", "fsck", "--home", home, exit_code=1)
    assert {finding["id"] for finding in damaged["findings"]} >= {"log-root-mismatch"}  # type: ignore[attr-defined]


def test_checkpoint_is_the_signed_note(home: Path, tmp_path: Path) -> None:
    shown = carbonport("log", "checkpoint", "--home", home, "--out", tmp_path / "checkpoint")
    note = SignedNote.parse((tmp_path / "checkpoint").read_bytes())
    assert Checkpoint.parse(note.text).size == shown["size"] == 3


def test_an_erased_entry_says_so_and_the_log_still_holds(home: Path) -> None:
    erased = carbonport("log", "erase", "--index", 1, "--reason", "request of a person", "--home", home)
    assert erased["erased"] == [1]
    found = carbonport("log", "fsck", "--home", home)
    assert (found["entries"], found["erased"], found["findings"]) == (4, 1, [])


def test_bodies_within_the_retention_are_not_erased_by_date(home: Path) -> None:
    with pytest.raises(Refused, match="erase-within-retention"):
        carbonport("log", "erase", "--before", "2999-01-01", "--reason", "all", "--home", home)
    assert (
        carbonport("log", "erase", "--before", "2001-01-01", "--reason", "old", "--home", home)["erased"]
        == []
    )
    assert carbonport("log", "erase", "--expired", "--reason", "retention", "--home", home)["erased"] == []
    with pytest.raises(Misuse, match="erase-usage"):
        carbonport("log", "erase", "--reason", "nothing named", "--home", home)


def test_a_destroyed_period_takes_its_ledgers_along_when_asked(tmp_path: Path) -> None:
    home = lone_home(tmp_path / "home")
    perform(open_home(home, environ={}), "intake", {"path": str(DATA)})
    open_home(home, environ={}).identity.period_keys.obtain(PERIOD)
    destroyed = carbonport(
        "period", "destroy", PERIOD, "--ledger", "--reason", "sold the plant", "--home", home
    )
    assert destroyed["ledgers"] == 1
    with pytest.raises(Misuse, match="period-unknown"):
        carbonport("period", "destroy", PERIOD, "--reason", "again", "--home", home)
    store = b"".join(path.read_bytes() for path in (home / "data").iterdir())
    assert b"sinter" not in store.lower()


def test_status_tells_the_state_and_what_is_missing(home: Path) -> None:
    status = carbonport("status", "--home", home, exit_code=1)
    assert status["healthy"] is False, "a node without a trust list reaches nobody"
    assert status["log"]["size"] == 3  # type: ignore[index]
    assert status["serving_since"] is None
    warnings = " ".join(status["warnings"])  # type: ignore[arg-type]
    assert "no trust list" in warnings
    assert "not encrypted" in warnings
    secrets = [path.read_text() for path in (home / "keys").glob("*.pem")]
    assert not any(secret[60:100] in json.dumps(status) for secret in secrets)


def test_the_operational_log_keeps_plain_words_and_its_days(tmp_path: Path) -> None:
    now = [NOW]
    log = OperationalLog(tmp_path, keep_days=2, clock=lambda: now[0])
    log.write("call", method="/carbonport.wire.v1.Echo", outcome="ok", count=3)
    log.write("odd", text='a\nb \x1b[31m {"value": 1}' + "x" * 500)
    folder = tmp_path / OPERATIONAL_FOLDER
    (first,) = folder.iterdir()
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    assert lines[0] == {
        "time": NOW,
        "event": "call",
        "method": "/carbonport.wire.v1.Echo",
        "outcome": "ok",
        "count": 3,
    }
    assert set(lines[1]["text"]) <= set("abvluex?31m: ")
    assert len(lines[1]["text"]) <= 200
    now[0] += 5 * 86_400
    log.write("later")
    assert first not in list(folder.iterdir())
