"""A statement signed while the witnesses are away, or by a command that broke off: it comes to hold, and only once."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from life_stage import DATA, LifeStage, until

from carbonport.attestation.bundle import read_bundle
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import CarbonportError
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR, VERIFIER
from carbonport.node.exporter import drawing_up
from carbonport.node.verifier import commands as verifier

MAX_BYTES = 2**24


@pytest.fixture
def stage(tmp_path: Path) -> LifeStage:
    return LifeStage.make(tmp_path / "stage")


def _commit(stage: LifeStage, sealing: str = "") -> dict[str, str]:
    taken = stage.do(EXPORTER, "intake", {"path": str(DATA)})
    stage.good = taken["goods"][0]["cn"]
    stage.period = (taken["period"]["start"], taken["period"]["end"])
    openings = stage.folder / "openings.sealed"
    stage.do(EXPORTER, "commit", {"verifier": VERIFIER.id, "out": str(openings), "sealing": sealing})
    home = stage.home(EXPORTER)
    return {
        "store": home.config.store_url(home.path).removeprefix("sqlite:///"),
        "openings": str(openings),
        "out": str(stage.folder / "statement.json"),
        "opinion": "satisfactory",
    }


def _error_of(stage: LifeStage, part: Any, operation: str, arguments: dict[str, Any]) -> str:
    with pytest.raises(CarbonportError) as caught:
        stage.do(part, operation, arguments)
    return caught.value.id


def test_a_statement_signed_without_witnesses_is_accepted_once_they_are_back(stage: LifeStage) -> None:
    with ExitStack() as others, ExitStack() as witness:
        stage.serve(witness, REGULATOR)
        stage.serve(others, EXPORTER, VERIFIER, IMPORTER)
        signing = _commit(stage, "factors")
        # The verifier's log has asked its witness before; it may go on without it for a while.
        stage.do(VERIFIER, "log-export", {"out": str(stage.folder / "log")})
        witness.close()
        first = stage.do(VERIFIER, "sign", signing)
        assert first["provisional"]
        assert (
            _error_of(stage, EXPORTER, "statement-add", {"path": signing["out"]}) == "statement-provisional"
        )

        stage.serve(witness, REGULATOR)
        again = {"statement": first["statement"], "out": signing["out"]}
        until(lambda: not stage.do(VERIFIER, "reissue", again)["provisional"])
        for _ in range(2):
            added = stage.do(EXPORTER, "statement-add", {"path": signing["out"]})
            assert added["statement"] == first["statement"]
        bundle = stage.fetch(stage.query("LATE-1")["request"], "late")
        report = stage.verify(bundle)
        assert report.ok
        # Drawn up with streams' effective factors as sealed figures: they are in the proof, and closed.
        assert "(sealed, " in report.check("result-proof").found
        assert b"effective_factor" in read_bundle(bundle.read_bytes()).presentation
        assert "effective_factor" not in report.check("result-proof").found


def test_signing_again_gives_the_same_statement(stage: LifeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = [
        _threads_of(monkeypatch, module, name)
        for module, name in ((drawing_up, "calculate"), (drawing_up, "signed_figures"), (verifier, "examine"))
    ]
    with ExitStack() as nodes:
        stage.serve(nodes, REGULATOR)
        signing = _commit(stage)
        assert _error_of(stage, VERIFIER, "sign", {**signing, "out": str(stage.folder)}) == "file-problem"
        first = stage.do(VERIFIER, "sign", signing)
        Path(signing["out"]).unlink()
        assert stage.do(VERIFIER, "sign", signing)["statement"] == first["statement"]
        assert Path(signing["out"]).is_file()
        # Another opinion about the same commitments would be a second statement under one nonce.
        changed = {**signing, "opinion": "not-satisfactory"}
        assert _error_of(stage, VERIFIER, "sign", changed) == "bench-nonce-reused"
    # The same operations run in a serving process, whose event loop has calls to answer meanwhile.
    assert all(seen and threading.main_thread() not in seen for seen in threads)


def _threads_of(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[threading.Thread]:
    """The threads in which a function of a module will be called."""
    seen: list[threading.Thread] = []
    real: Callable[..., object] = getattr(module, name)

    def noted(*given: object, **named: object) -> object:
        seen.append(threading.current_thread())
        return real(*given, **named)

    monkeypatch.setattr(module, name, noted)
    return seen


def test_a_receipt_of_something_else_is_not_taken(stage: LifeStage) -> None:
    with ExitStack() as nodes:
        stage.serve(nodes, REGULATOR, VERIFIER)
        signing = _commit(stage)
        stage.do(VERIFIER, "sign", signing)
        path = Path(signing["out"])
        content = parse_canonical(path.read_bytes(), max_bytes=MAX_BYTES)
        assert isinstance(content, dict)
        receipt = content["receipt"]
        assert isinstance(receipt, dict)
        opened = receipt["fields"]
        assert isinstance(opened, list)
        receipt["fields"] = opened[:1]
        path.write_bytes(canonical_bytes(content))
        assert _error_of(stage, EXPORTER, "statement-add", {"path": str(path)}).startswith("receipt-")
