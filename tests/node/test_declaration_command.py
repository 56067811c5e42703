"""`carbonport declaration`: only bundles that pass every check get into the declaration's set."""

import json
from pathlib import Path

from played_demo import played_demo
from warm_programs import Finished, programs


def declaration(*arguments: str) -> Finished:
    return programs().run("declaration", *arguments, "--json")


def test_a_verified_bundle_becomes_an_entry_with_what_was_not_received(tmp_path: Path) -> None:
    demo, out = played_demo(), tmp_path / "set.json"
    home = demo.copy_homes(tmp_path)["importer"]
    done = declaration(str(demo.outcome.bundle), "--out", str(out), "--year", "2026", "--home", str(home))
    assert done.code == 0, done.errors
    assert "installation_direct_emissions_t" in json.loads(done.output)["not_received"]
    (entry,) = json.loads(out.read_text())["entries"]
    assert entry["see_direct_tco2e_per_t"] == demo.outcome.attestation["see_direct"]
    assert entry["consignment"] == demo.consignment
    assert {"cn", "country", "see_direct"} <= entry["precursors"][0].keys()


def test_the_set_as_csv_has_a_row_per_bundle(tmp_path: Path) -> None:
    out = tmp_path / "set.csv"
    bundle = str(played_demo().outcome.bundle)
    assert declaration(bundle, bundle, "--out", str(out)).code == 0
    assert len(out.read_text().splitlines()) == 3


def test_a_changed_bundle_gets_nowhere(tmp_path: Path) -> None:
    changed, out = tmp_path / "bundle.json", tmp_path / "set.json"
    changed.write_bytes(played_demo().bundle.replace(b'"receivedAt":1', b'"receivedAt":2', 1))
    done = declaration(str(changed), "--out", str(out))
    assert done.code == 1
    assert json.loads(done.output)["error"]["id"] == "bundle-not-valid"
    assert not out.exists()


def test_an_output_of_another_kind_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    done = declaration(str(tmp_path / "missing.json"), "--out", str(tmp_path / "set.pdf"))
    assert done.code == 2
    assert json.loads(done.output)["error"]["id"] == "declaration-out"
