"""`carbonport verify` with the reader's own home: whose anchors count, whose bundle it must be, what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from played_demo import played_demo

from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR


def _verify(bundle: Path, *options: str, home: Path | None = None) -> tuple[int, dict[str, Any]]:
    variables = {name: value for name, value in os.environ.items() if name != "CARBONPORT_HOME"}
    if home is not None:
        variables["CARBONPORT_HOME"] = str(home)
    command = [sys.executable, "-m", "carbonport", "verify", str(bundle), "--json", *options]
    ended = subprocess.run(command, capture_output=True, env=variables, timeout=120)
    return ended.returncode, json.loads(ended.stdout)


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
