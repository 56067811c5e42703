"""Bundles with a threshold claim: one that holds passes every check, and what a dishonest exporter may try does not."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import world
from world import NOW, build_world

from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.commitments import LeafOpening
from carbonport.attestation.evidence import Evidence, open_results
from carbonport.attestation.proof_checking import ProofBinding
from carbonport.crypto.canonical import Json
from carbonport.errors import Refused
from carbonport.footprint.obligation.published_values import PublishedTable, PublishedValue, published_value

STEP = Decimal("0.00001")


def published(table: str = "default-values") -> PublishedValue:
    good = world.calculation().goods[0]
    return published_value(PublishedTable(table), good.cn, "CN", 2026)


def item(value: PublishedValue) -> Json:
    return {
        "at_most": value.value,
        "table": str(value.table),
        "version": value.version,
        "row": value.row,
    }


def claims(value: PublishedValue, **changes: Json) -> dict[str, Json]:
    """What the gate composes for a claim."""
    composed = world.gate_claims()
    kept: Any = composed["items"]
    items = {name: kept[name] for name in ("country", "cn", "period", "verification_opinion")}
    return {**composed, "items": {**items, "see_direct": item(value), **changes}}


def openings() -> tuple[LeafOpening, ...]:
    return tuple(leaf.opening for leaf in world.draft().leaves)


@cache
def proof(
    value: PublishedValue, *, threshold: str = "", importer: str = world.IMPORTER, consignment: str = ""
) -> Evidence:
    """A proof that the good's direct emissions are at most this value, made as the exporter makes it."""
    statement = world.world().statement
    good = world.calculation().goods[0]
    graph = world.figures().good("steel", good.cn).sealed
    assert graph is not None
    binding = ProofBinding(
        statement.digest,
        world.EXPORTER,
        "cbam-declaration",
        importer,
        consignment,
        threshold=threshold or value.place,
    )
    return world.proof_task(
        openings(),
        graph,
        replace(statement.statement, goods=world.draft().goods),
        binding,
        process="steel",
        cn=good.cn,
        results={"see_direct": value.value},
        open_paths=[],
        nonce_secret=world.NONCE_SECRET,
    ).prove()


def report(content: Mapping[str, Json], evidence: Evidence, **options: Any) -> Report:
    return verify_bundle(build_world(claims=content, evidence=evidence).data, now=NOW, **options)


def test_a_claim_that_holds_passes_every_check_and_names_its_bound() -> None:
    value = published()
    found = report(claims(value), proof(value), importer=world.IMPORTER)
    assert found.ok, [check for check in found.checks if not check.ok]
    assert found.check("published-threshold").found == f"see_direct at most {value.value}, {value.place}"
    assert "bounds of see_direct" in found.check("result-proof").found
    assert found.check("attested-values").found.startswith(f"see_direct at most {value.value}")
    assert world.world().bundle is not None
    assert verify_bundle(world.world().data, now=NOW).check("published-threshold").found.startswith("none")


def test_a_value_of_the_exporters_own_choice_fails() -> None:
    true = published()
    higher = format(Decimal(true.value) + STEP, "f")
    for value in (
        replace(true, value=higher),
        replace(true, version="2026-1741, mark-up 2026-11"),
        replace(true, row="row CN 7209, mark-up 2026"),
        published_value(PublishedTable.DEFAULT_VALUES, "72142000", "CN", 2026),
        published_value(PublishedTable.DEFAULT_VALUES, "72083900", "CN", 2027),
    ):
        found = report(claims(value), proof(value))
        assert "published-threshold" in found.failed()
        assert found.check("published-threshold").error == "threshold-table"
        assert found.check("result-proof").ok


def test_a_value_below_the_result_has_no_proof_and_another_proof_does_not_serve() -> None:
    below = published("benchmarks")
    with pytest.raises(Refused, match="proof-not-true"):
        proof(below)
    found = report(claims(below), proof(published()))
    assert found.failed() == ("result-proof", "precursor-attestations")
    relabelled = proof(published(), threshold=below.place)
    assert report(claims(below), relabelled).failed() == ("result-proof", "precursor-attestations")


@pytest.mark.parametrize("changed", [{"importer": "EU/529900OTHERIMPO0010"}, {"consignment": "LOT-2027-001"}])
def test_a_proof_made_for_somebody_else_fails(changed: dict[str, str]) -> None:
    value = published()
    assert report(claims(value), proof(value, **changed)).failed() == (
        "result-proof",
        "precursor-attestations",
    )


def test_a_claim_is_about_no_consignment_and_serves_for_none() -> None:
    value = published()
    found = report(claims(value), proof(value), consignment="LOT-2027-001")
    assert found.failed() == ("consignment-binding",)


def test_openings_are_no_proof_of_a_bound() -> None:
    """Not even of a bound that is the result itself: opening would tell it."""
    good = world.calculation().goods[0]
    value = replace(published(), value=good.attested("see_direct"))
    opened = open_results(
        openings(), process="steel", cn=good.cn, results=["see_direct"], reason="proof-bound"
    )
    found = report(claims(value), opened)
    assert found.check("result-proof").error == "threshold-unproved"


def test_a_bound_beside_results_or_of_another_result_fails() -> None:
    value = published()
    good = world.calculation().goods[0]
    share: Json = good.attested("default_share")
    for changes in ({"default_share": share}, {"see_indirect": item(value)}):
        found = report(claims(value, **changes), proof(value))
        assert found.check("attested-values").error == "attestation-no-result"
    indirect = claims(value)
    moved: Any = indirect["items"]
    moved["see_indirect"] = moved.pop("see_direct")
    assert report(indirect, proof(value)).check("attested-values").error == "attestation-no-result"


@pytest.mark.parametrize("change", [{"table": "mine"}, {"at_most": ""}, {"more": "x"}])
def test_a_bound_of_another_form_fails(change: dict[str, str]) -> None:
    value = published()
    stated = item(value)
    assert isinstance(stated, dict)
    found = report(claims(value, see_direct={**stated, **change}), proof(value))
    assert not found.ok
    assert "attested-values" in found.failed()


def test_a_claim_under_a_withdrawn_statement_or_revoked_itself_fails() -> None:
    value = published()
    made = build_world(claims=claims(value), evidence=proof(value))
    k = world.keys()
    withdrawn = world.status(k.verifier, world.STATEMENT_STATUS_URI, world.VERIFIER, revoked=[5])
    revoked = world.status(k.exporter, world.STATUS_URI, world.EXPORTER, revoked=[9])
    assert verify_bundle(made.resealed(statement_status=withdrawn), now=NOW).failed() == ("statement-status",)
    assert verify_bundle(made.resealed(attestation_status=revoked), now=NOW).failed() == (
        "attestation-status",
    )


def test_a_result_is_no_bound() -> None:
    """The proof of a stated result does not prove a bound, nor the other way round."""
    value = published()
    stated = world.world()
    honest = world.proof_evidence(stated.statement, stated.openings, world.gate_claims())
    assert "result-proof" in report(claims(value), honest).failed()
    assert "result-proof" in report(world.gate_claims(), proof(value)).failed()
