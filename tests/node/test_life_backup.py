"""Backup and restore of whole homes: what is kept apart, what is refused, and what a restored node may not do."""

import asyncio
import json
import shutil
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner
from life_stage import DATA, LifeStage, until

from carbonport.classification.policy import Policy
from carbonport.crypto.ambient import system_clock
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse, Refused, Unavailable
from carbonport.node.config import NodeConfig, NodeSettings
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR, VERIFIER
from carbonport.node.exporter.prepared_statement import PreparedStatement, prepare
from carbonport.node.exporter.statement_versions import all_versions
from carbonport.node.home import make_home, open_home
from carbonport.node.identity.names import Role
from carbonport.node.identity.passphrase import Passphrase
from carbonport.node.open_node import OpenNode
from carbonport.node.operations import perform
from carbonport.node.operator.home_backup import back_up_home, restore_home
from carbonport.node.participant import Participant
from carbonport.node.services.log_services import WitnessService
from carbonport.node.services.status_service import StatusService
from carbonport.node.status_lists import StatusLists
from carbonport.node.verifier.signed import statements_uri
from carbonport.wire.v1 import log_pb2, status_pb2
from whole_program import whole_program

PERIOD = "2026-01-01/2026-12-31"


def carbonport(*arguments: object, exit_code: int = 0) -> dict[str, object]:
    result = CliRunner().invoke(whole_program(), [str(each) for each in arguments] + ["--json"])
    if isinstance(result.exception, CarbonportError):
        raise result.exception
    assert result.exit_code == exit_code, f"{result.output} {result.exception!r}"
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return answer


def lone_home(path: Path, *, passphrase: str = "", store: str = "") -> Path:
    """A node without trust lists or witnesses, as it is just after `init`."""
    settings = NodeSettings(EXPORTER.id, EXPORTER.name, "CN", (Role.EXPORTER.value,), "127.0.0.1:1")
    secret = Passphrase(passphrase) if passphrase else None
    make_home(path, NodeConfig(settings), passphrase=secret)
    return path


def backed_up(home: Path, folder: Path, **more: str) -> Path:
    perform(
        open_home(home, environ=more),
        "backup",
        {"out": str(folder / "backup"), "period_keys": str(folder / "apart")},
    )
    return folder / "backup"


def restored(backup: Path, home: Path, *, period_keys: Path | None = None, store: str = "") -> Path:
    restore_home(backup, home, period_keys=period_keys, store_url=store, clock=system_clock)
    return home


@pytest.fixture(params=["sqlite", "postgresql"])
def another_store(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    make: Callable[[], str] = request.getfixturevalue("new_postgresql_schema")
    return make()


def test_a_backup_is_private_complete_and_keeps_encrypted_keys_encrypted(tmp_path: Path) -> None:
    home = lone_home(tmp_path / "home", passphrase="four words make one")
    environ = {"CARBONPORT_PASSPHRASE": "four words make one"}
    open_home(home, environ=environ).identity.period_keys.obtain(PERIOD)
    backup = backed_up(home, tmp_path, **environ)
    for path in [backup, *backup.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    for path in (backup / "keys").glob("*.pem"):
        assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    manifest = json.loads((backup / "manifest.json").read_bytes())
    assert manifest["keys_encrypted"] is True
    assert not list(backup.rglob("*.key")), "period keys are kept apart"
    assert len(list((tmp_path / "apart").glob("*.key"))) == 1
    with pytest.raises(Misuse, match="backup-exists"):
        backed_up(home, tmp_path, **environ)


def test_a_restored_home_has_the_same_keys_and_rows(tmp_path: Path, another_store: str) -> None:
    home = lone_home(tmp_path / "home")
    key = open_home(home, environ={}).identity.period_keys.obtain(PERIOD)
    perform(open_home(home, environ={}), "intake", {"path": str(DATA)})
    backup = backed_up(home, tmp_path)
    again = open_home(
        restored(backup, tmp_path / "again", period_keys=tmp_path / "apart", store=another_store), environ={}
    )
    before = open_home(home, environ={})
    assert [key.kid for key in again.identity.ring.records()] == [
        key.kid for key in before.identity.ring.records()
    ]
    assert again.identity.period_keys.obtain(PERIOD) == key
    status = perform(again, "status", {})
    assert isinstance(status, dict)
    # Nobody witnesses this log, so nobody but its operator can say whether the backup is the newest state.
    assert status["log"]["halted"]["id"] == "restore-undecided"
    with pytest.raises(Refused, match="restore-undecided"):
        perform(again, "period-destroy", {"period": PERIOD, "reason": "test"})
    decided = carbonport("log", "accept-restore", "--reason", "moved", "--nothing-lost", "--home", again.path)
    assert decided["outcome"] == "complete"
    assert decided["origin"] == before.config.log_origin
    perform(again, "period-destroy", {"period": PERIOD, "reason": "test", "ledger": True})
    with pytest.raises(Misuse, match="restore-nothing-to-decide"):
        carbonport("log", "accept-restore", "--reason", "again", "--home", again.path)
    with pytest.raises(Misuse, match=r"store-not-empty|restore-home-not-empty"):
        restored(backup, tmp_path / ("third" if another_store else "again"), store=another_store)


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "manifest"])
def test_a_damaged_backup_is_not_restored(tmp_path: Path, damage: str) -> None:
    backup = backed_up(lone_home(tmp_path / "home"), tmp_path)
    if damage == "changed":
        path = next((backup / "keys").glob("seal-*.pem"))
        path.write_bytes(path.read_bytes() + b"\n")
    elif damage == "missing":
        (backup / "store.db").unlink()
    elif damage == "added":
        (backup / "keys" / "another.pem").write_bytes(b"")
    else:
        (backup / "manifest.json").write_bytes(b'{"format":"carbonport-backup/9"}')
    with pytest.raises(Malformed if damage == "manifest" else FailedVerification, match="backup-"):
        restored(backup, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_destroyed_period_does_not_come_back(tmp_path: Path) -> None:
    home = lone_home(tmp_path / "home")
    open_home(home, environ={}).identity.period_keys.obtain(PERIOD)
    backed_up(home, tmp_path)
    perform(
        open_home(home, environ={}), "period-destroy", {"period": PERIOD, "reason": "request of the owner"}
    )
    later = tmp_path / "later"
    later.mkdir()
    backup = backed_up(home, later)
    # The folder of period keys from before the destruction still holds the key; the newer backup remembers.
    again = restored(backup, tmp_path / "again", period_keys=tmp_path / "apart")
    with pytest.raises(Refused, match="period-key-destroyed"):
        open_home(again, environ={}).identity.period_keys.obtain(PERIOD)


async def test_a_restored_witness_cosigns_nothing_before_its_operator_decides(tmp_path: Path) -> None:
    settings = NodeSettings(REGULATOR.id, REGULATOR.name, "CN", (Role.REGULATOR.value,), "127.0.0.1:1")
    home = tmp_path / "home"
    make_home(home, NodeConfig(settings), passphrase=None)
    participant = Participant.open(open_home(home, environ={}))
    back_up_home(participant, tmp_path / "backup", None)
    participant.close()
    again = Participant.open(open_home(restored(tmp_path / "backup", tmp_path / "again"), environ={}))
    node = await OpenNode.open(again)
    request = log_pb2.AddCheckpointRequest(request=b"old 0\n\n")
    with pytest.raises(Refused, match="restore-undecided"):
        await WitnessService(again, node.restore).AddCheckpoint(request, None)
    asked = status_pb2.GetStatusListRequest(uri=statements_uri(again))
    with pytest.raises(Refused, match="restore-undecided"):
        await StatusService(StatusLists(again), node.restore).GetStatusList(asked, None)
    await node.close()


def test_a_node_restored_behind_its_witness_signs_nothing_until_its_operator_decides(tmp_path: Path) -> None:
    """End to end: four processes, a backup under way, entries lost, the decision, the way back."""
    stage = LifeStage.make(tmp_path / "stage", approval="person")
    exporter = stage.folder / EXPORTER.key
    with ExitStack() as others:
        stage.serve(others, REGULATOR, VERIFIER, IMPORTER)
        with ExitStack() as own:
            stage.serve(own, EXPORTER)
            stage.verify_on_site()
            approved = _approved(stage, "C-1")
            assert stage.verify(stage.fetch(approved, "first")).ok
            backup = tmp_path / "backup"
            carbonport("backup", backup, "--home", exporter, "--period-keys", tmp_path / "apart")
            assert carbonport("log", "fsck", "--home", exporter)["findings"] == []
            # After the backup: another crossing, which the witness has seen.
            forgotten = _approved(stage, "C-2")
            assert stage.verify(stage.fetch(forgotten, "second")).ok
        shutil.rmtree(exporter)
        carbonport("restore", backup, "--home", exporter, "--period-keys", tmp_path / "apart")

        with ExitStack() as own:
            stage.serve(own, EXPORTER)
            with pytest.raises(FailedVerification, match="log-behind-witness"):
                stage.do(EXPORTER, "log-checkpoint")
            status = carbonport("status", "--home", exporter, exit_code=1)
            assert not status["healthy"]
            with pytest.raises(FailedVerification, match="log-behind-witness"):
                _approved(stage, "C-2-again")
            with pytest.raises(Misuse, match="restore-while-serving"):
                carbonport("log", "accept-restore", "--reason", "disk lost", "--home", exporter)

        with pytest.raises(Refused, match="restore-entries-lost"):
            carbonport("log", "accept-restore", "--reason", "none lost", "--nothing-lost", "--home", exporter)
        decided = carbonport("log", "accept-restore", "--reason", "disk lost", "--home", exporter)
        assert decided["outcome"] == "lost"
        assert decided["origin"] != decided["previous_origin"]
        stage.issue_lists()

        with ExitStack() as own:
            stage.serve(own, EXPORTER)
            until(lambda: not stage.do(EXPORTER, "log-checkpoint")["provisional"])
            # Approved before the restore: how often it was used since the backup is not known any more.
            with pytest.raises(Refused, match="attestation-before-restore"):
                stage.fetch(approved, "void")
            # The lot has sold more than this store knows: it sells nothing until the importer has brought it back.
            with pytest.raises(Refused, match="lot-behind-witness"):
                _approved(stage, "C-3")
            memory = str(tmp_path / "memory.json")
            stage.do(IMPORTER, "lot-export", {"request": forgotten, "out": memory})
            brought = stage.do(EXPORTER, "lot-restore", {"path": memory})
            assert (brought["added"], brought["missing_openings"], brought["closed"]) == (1, [], False)
            assert stage.do(EXPORTER, "lot-restore", {"path": memory})["added"] == 0
            assert stage.verify(stage.fetch(_approved(stage, "C-4"), "third")).ok
            # Asked for again, what was forgotten is attested over the entry that it has.
            assert stage.verify(stage.fetch(_approved(stage, "C-2"), "second-again")).ok
            (lot,) = stage.do(EXPORTER, "lot-list")["lots"]
            assert lot["consignments"] == 3
            # What was received before still verifies, and the regulator reads who decided what.
            assert stage.verify(stage.folder / "second.json").ok
            audit = stage.do(REGULATOR, "audit", {"target": EXPORTER.id})
            assert audit["ok"]
            assert audit["entries"][0]["type"] == "operator"
            assert "disk lost" in audit["entries"][0]["reason"]


def test_a_backup_that_lost_nothing_goes_on_by_itself_but_old_approvals_are_void(tmp_path: Path) -> None:
    stage = LifeStage.make(tmp_path / "stage", approval="person")
    exporter = stage.folder / EXPORTER.key
    with ExitStack() as others:
        stage.serve(others, REGULATOR, VERIFIER, IMPORTER)
        with ExitStack() as own:
            stage.serve(own, EXPORTER)
            stage.verify_on_site()
            approved = _approved(stage, "C-1")
            carbonport("backup", tmp_path / "backup", "--home", exporter, "--period-keys", tmp_path / "apart")
        shutil.rmtree(exporter)
        _next_second()
        restored(tmp_path / "backup", exporter)
        again = {"verifier": VERIFIER.id, "out": str(tmp_path / "again.sealed")}
        with pytest.raises(Unavailable, match="period-key-missing"):
            stage.do(EXPORTER, "commit", again)
        with pytest.raises(Unavailable, match="period-key-missing"):
            asyncio.run(_prepared(exporter))
        assert not list((exporter / "period-keys").glob("*.key")), "never a new key for what was signed"
        shutil.rmtree(exporter)
        restored(tmp_path / "backup", exporter, period_keys=tmp_path / "apart")
        with ExitStack() as own:
            stage.serve(own, EXPORTER)
            with pytest.raises(Refused, match="approval-before-restore"):
                stage.fetch(approved, "void")
            # Approved again, the same attestation may go; the log has that word beside the one from before.
            stage.do(EXPORTER, "approve", {"request": approved, "by": "the manager"})
            assert stage.verify(stage.fetch(approved, "renewed")).ok
            _next_second()
            assert stage.verify(stage.fetch(_approved(stage, "C-2"), "new")).ok
            assert stage.do(EXPORTER, "status")["restore"]["decided"] == "complete"


async def _prepared(home: Path) -> PreparedStatement:
    """What requests about the home's one statement are answered from."""
    participant = Participant.open(open_home(home, environ={}))
    try:
        with participant.store.reading() as connection:
            (version,) = all_versions(connection)
        return await prepare(participant, version, Policy.load())
    finally:
        participant.close()


def _next_second() -> None:
    now = system_clock()
    until(lambda: system_clock() > now)


def _approved(stage: LifeStage, consignment: str) -> str:
    request = str(stage.query(consignment)["request"])
    stage.do(EXPORTER, "approve", {"request": request, "by": "the manager"})
    return request
