"""A supplier's secret value between nodes: asked for as a commitment, taken in, verified on site, and sold on unseen.

The importer of the demo is an exporter too, a tube mill; its customer is itself, which spares a sixth node.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from life_stage import LifeStage

from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.node.config import write_config
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR, VERIFIER

TUBES = "73063080"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LifeStage]:
    made = LifeStage.make(tmp_path_factory.mktemp("sp") / "s")
    home = made.home(IMPORTER)
    both = replace(home.config.node, roles=("importer", "exporter"))
    exchange = replace(home.config.exchange, approval="policy")
    write_config(home.path, replace(home.config, node=both, exchange=exchange))
    made.issue_lists()
    with ExitStack() as nodes:
        made.serve(nodes, EXPORTER, VERIFIER, REGULATOR, IMPORTER)
        made.verify_on_site()
        yield made


def bought(stage: LifeStage, exporter: str, cn: str, consignment: str, **more: Any) -> Path:
    """A bundle of the mill's, from a query to an exporter."""
    asked = stage.do(
        IMPORTER,
        "query",
        {
            "exporter": exporter,
            "purpose": "cbam-declaration",
            "cn": cn,
            "period_start": stage.period[0],
            "period_end": stage.period[1],
            "consignment": consignment,
            "net_mass_t": "12.500",
            "items": [],
            **more,
        },
    )
    assert asked["state"] == "issued", asked
    return stage.fetch(asked["request"], consignment)


def mill(stage: LifeStage) -> Path:
    start, end = stage.period
    path = stage.folder / "mill.yaml"
    path.write_text(
        f"""carbonport: ledger/v1
installation: {{name: Tube Mill, country: NL, operator: Nordsee Tubes}}
period: {{start: {start}, end: {end}}}
processes: [{{id: mill, name: Mill, category: Iron or steel products, activity_level: 100 t, electricity: 0 MWh}}]
goods: [{{cn: "{TUBES}", process: mill}}]
streams: [{{id: gas, method: combustion, process: mill, activity_data: 1 TJ, emission_factor: 56.1 tCO2/TJ}}]
precursors: [{{id: billet, process: mill, basis: default, cn: '{stage.good}', country: CN, amount: 12 t}}]
"""
    )
    return path


def on_site(stage: LifeStage) -> tuple[dict[str, Any], dict[str, str]]:
    """What the bench finds at the mill, and what it was told."""
    openings = stage.folder / "mill.sealed"
    stage.do(IMPORTER, "commit", {"verifier": VERIFIER.id, "out": str(openings)})
    home = stage.home(IMPORTER)
    store = home.config.store_url(home.path).removeprefix("sqlite:///")
    told = {"store": store, "openings": str(openings)}
    return stage.do(VERIFIER, "verify-data", told), told


def test_a_value_that_its_supplier_keeps_secret_goes_into_a_good_unseen(stage: LifeStage) -> None:
    bundle = bought(stage, EXPORTER.id, stage.good, "B-2", committed=True)
    report = stage.verify(bundle)
    assert report.ok, report.failed()
    assert "committed to, not shown" in report.check("attested-values").found
    pairs = [["billet", str(bundle)]]
    taken = stage.do(IMPORTER, "intake", {"path": str(mill(stage)), "precursors": pairs})
    (billet,) = taken["attested_precursors"]
    assert billet["secret"]
    value = billet["see_direct"]
    assert value.encode() not in bundle.read_bytes()

    found, told = on_site(stage)
    assert found["deviations"] == []
    statement = stage.folder / "mill.json"
    stage.do(VERIFIER, "sign", {**told, "out": str(statement), "opinion": "satisfactory"})
    stage.do(IMPORTER, "statement-add", {"path": str(statement)})

    tubes = bought(stage, IMPORTER.id, TUBES, "T-1")
    checked = stage.verify(tubes)
    assert checked.ok, [check for check in checked.checks if not check.ok]
    secret = checked.check("precursor-attestations").found
    assert f"see_direct of {EXPORTER.id}" in secret
    evidence = Presentation.decode(read_bundle(tubes.read_bytes()).presentation).evidence
    assert isinstance(evidence, ProofEvidence)
    assert len(evidence.suppliers) == 1
