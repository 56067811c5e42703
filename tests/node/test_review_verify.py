"""`carbonport verify` with the reader's own home: whose anchors count, whose bundle it must be, what it says."""

from pathlib import Path
from typing import Any

import pytest
from played_demo import played_demo
from warm_programs import programs

from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR


def _verify(bundle: Path, *options: str, home: Path | None = None) -> tuple[int, dict[str, Any]]:
    environ = {} if home is None else {"CARBONPORT_HOME": str(home)}
    ended = programs().run("verify", bundle, "--json", *options, environ=environ)
    return ended.code, ended.json()


def _found(report: dict[str, Any], check: str) -> str:
    return next(str(each["found"]) for each in report["checks"] if each["id"] == check)


@pytest.mark.parametrize("part", [IMPORTER, REGULATOR, EXPORTER])
def test_any_participant_checks_with_its_own_anchors(part: Any) -> None:
    demo = played_demo()
    home = demo.folder / part.key
    for code, report in (
        _verify(demo.outcome.bundle, "--home", str(home)),
        _verify(demo.outcome.bundle, home=home),
    ):
        assert (code, report["ok"]) == (0, True)
        assert "given by the reader" in _found(report, "trust-anchor")


def test_without_a_home_the_pinned_keys_are_named() -> None:
    code, report = _verify(played_demo().outcome.bundle)
    assert code == 0
    assert "pinned in the bundle" in _found(report, "trust-anchor")


def test_what_the_verifier_did_not_sign_is_said() -> None:
    _, report = _verify(played_demo().outcome.bundle)
    told = _found(report, "attested-values")
    signed, _, stated = told.partition("; on the exporter's word alone: ")
    assert "see_direct " in signed
    assert {"net_mass", "precursors", "route"} <= set(stated.split(", "))
    assert "see_direct" not in stated
