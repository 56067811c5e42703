"""Every key of every node is rotated while all of them serve: what is old still verifies, what is new works."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from life_stage import DATA, LifeStage, until

from carbonport.errors import Refused
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR, VERIFIER, Part
from carbonport.node.identity.key_ring import KeyUse

ROTATED = {
    EXPORTER: ("seal", "log", "status", "witness", "hpke", "tls-issuer", "storage"),
    VERIFIER: ("seal", "log", "status", "hpke", "tls-issuer", "verifier-seal"),
    IMPORTER: ("seal", "log", "hpke", "tls-issuer"),
    REGULATOR: ("log", "witness", "hpke", "tls-issuer"),
}


@pytest.fixture
def stage(tmp_path: Path) -> LifeStage:
    return LifeStage.make(tmp_path / "stage")


def test_all_keys_are_rotated_under_serving_nodes(stage: LifeStage) -> None:
    with ExitStack() as nodes:
        stage.serve(nodes, *ROTATED)
        stage.verify_on_site()
        old = stage.fetch(stage.query("BEFORE-1")["request"], "before")
        assert stage.verify(old).ok
        prepared = stage.query("BEFORE-2")["request"]
        repeated = {"request": _request_of(stage, "BEFORE-1"), "out": str(old), "fetch_id": "ab" * 16}
        stage.do(IMPORTER, "fetch", repeated)

        kids = {part: _rotate(stage, part) for part in ROTATED}
        stage.issue_lists()
        until(lambda: all(_in_force(stage, part) >= kids[part] for part in ROTATED))

        # What was answered before is handed over under the new keys, and what was handed over still verifies.
        assert stage.verify(stage.fetch(prepared, "between")).ok
        stage.do(IMPORTER, "refresh", {"request": _request_of(stage, "BEFORE-1"), "out": str(old)})
        assert stage.verify(old).ok
        # The entry of an earlier fetch is about the bytes of then; those of now need a fetch of their own.
        with pytest.raises(Refused, match="fetch-sealed-anew"):
            stage.do(IMPORTER, "fetch", repeated)
        # A new version of the statement, by the new verifier's seal, and a new exchange under it.
        stage.verify_on_site()
        assert stage.verify(stage.fetch(stage.query("AFTER-1")["request"], "after")).ok
        # The regulator opens bodies sealed to its retired and to its new key, and follows both log keys.
        audit = stage.do(REGULATOR, "audit", {"target": EXPORTER.id})
        assert audit["ok"], audit["findings"]
        for part in ROTATED:
            status = stage.do(part, "status")
            assert not status["log"]["provisional"]
            assert status["healthy"]
        assert "carbonport_log_halted 0" in stage.do(EXPORTER, "status")["prometheus"]


def test_openings_sealed_to_a_retired_key_still_open(stage: LifeStage) -> None:
    taken = stage.do(EXPORTER, "intake", {"path": str(DATA)})
    assert taken["records"]
    openings = stage.folder / "openings.sealed"
    stage.do(EXPORTER, "commit", {"verifier": VERIFIER.id, "out": str(openings)})
    _rotate(stage, VERIFIER)
    home = stage.home(EXPORTER)
    store = home.config.store_url(home.path).removeprefix("sqlite:///")
    until(lambda: _in_force(stage, VERIFIER) > set())
    found = stage.do(VERIFIER, "verify-data", {"store": store, "openings": str(openings)})
    assert found["deviations"] == []


def _rotate(stage: LifeStage, part: Part) -> set[str]:
    """New keys at once, by another process than the serving one; gives their ids."""
    identity = stage.home(part).identity
    # The next second: the clock may tick over between two keys.
    soon = identity.clock() + 1
    return {identity.rotate(KeyUse(use), effective_at=soon)[1].kid for use in ROTATED[part]}


def _in_force(stage: LifeStage, part: Part) -> set[str]:
    """The keys that the serving process works with and its trust list names."""
    keys = stage.do(part, "status")["keys"]
    return {
        key["kid"]
        for key in keys
        if key["state"] == "in force" and (key["listed_until"] is not None or not key["published"])
    }


def _request_of(stage: LifeStage, consignment: str) -> str:
    entries = stage.do(EXPORTER, "requests", {"all": True})["requests"]
    return next(str(entry["request"]) for entry in entries if entry["consignment"] == consignment)
