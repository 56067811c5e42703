"""Digests of suppliers' attestations in what a verifier signs: the bench computes them, the importer checks them."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import mill_world as m
import pytest
import world as w

from carbonport.attestation.bench import Examination
from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.credential import attestation_digest
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.attestation.proving.signed_graph import read_signed_graph
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Malformed, Refused
from carbonport.footprint.calculation import calculate
from carbonport.footprint.graph import GRAPH_DOMAIN, Attested
from carbonport.footprint.ledger import Ledger, Precursor
from carbonport.node.exporter.ledgers import add_ledger
from carbonport.node.exporter.precursor_bundles import bundles_of, erase_bundles, keep_bundles
from carbonport.node.store import Store


def digest_of(bundle: bytes) -> str:
    return attestation_digest(Presentation.decode(read_bundle(bundle).presentation).credential)


@cache
def sound() -> tuple[bytes, bytes]:
    """The customer's bundle of the tubes with the coil's value opened, and with it closed."""
    mill = m.mill()
    statement = mill.signed(m.supplier_bundle())
    return tuple(  # type: ignore[return-value]
        mill.bundle(statement, mill.evidence(statement, open_paths=paths)) for paths in ([m.COIL], [])
    )


@cache
def another_supplier_bundle() -> bytes:
    """The steelworks' attestation of another consignment of the same coil to the mill."""
    claims = w.gate_claims(consignment="LOT-2027-002")
    return w.build_world(claims=claims, attestation_id="fedcba9876543210fedcba9876543210").data


def found(bundle: bytes, *suppliers: bytes) -> tuple[str, str]:
    report = m.checked(bundle, *suppliers)
    check = report.check("precursor-attestations")
    assert report.ok or report.failed() == ("precursor-attestations",), report.checks
    return check.error, check.found


def test_the_digest_stands_in_both_signed_graphs_and_the_bench_computes_it() -> None:
    mill, digest = m.mill(), digest_of(m.supplier_bundle())
    good = mill.figures.goods[0]
    assert good.sealed is not None
    for graph in (good.open, good.sealed):
        (node,) = [node for node in graph if isinstance(node, Attested)]
        assert (node.path, node.attestations) == (m.COIL, (digest,))
        assert read_signed_graph(graph.canonical(), [graph.digest.hex()]) == graph
    assert mill.examined(m.supplier_bundle()).deviations == ()
    refreshed = read_bundle(m.supplier_bundle())
    assert digest_of(w.world().resealed(received_at=refreshed.received_at + 5)) == digest


def test_a_value_without_an_attestation_is_not_attested() -> None:
    plant = m.tube_mill()
    claimed = replace(plant, precursors=tuple(replace(one, basis="attested") for one in plant.precursors))
    with pytest.raises(Malformed, match="graph-attestation"):
        calculate(claimed)
    graph = m.mill().figures.goods[0].open.canonical()
    assert isinstance(graph, dict)
    for digests in ([], ["00" * 31], ["ab" * 32, "ab" * 32], ["cd" * 32, "ab" * 32], ["AB" * 32]):
        nodes = [
            {**node, "attestations": digests} if node["kind"] == "attested" else node
            for node in graph["nodes"]
        ]
        changed = {**graph, "nodes": nodes}
        with pytest.raises(Malformed, match="graph-attestation"):
            read_signed_graph(changed, [tuple_hash(GRAPH_DOMAIN, canonical_bytes(changed)).hex()])


def with_coil(change: Callable[[Precursor], Precursor], ledger: Ledger | None = None) -> Ledger:
    ledger = m.mill().ledger if ledger is None else ledger
    return replace(ledger, precursors=tuple(map(change, ledger.precursors)))


def with_value(ledger: Ledger, field: str, value: str) -> Ledger:
    path = ledger.precursors[0].records[field]
    record = replace(ledger.records[path], value=Decimal(value), source_value=Decimal(value))
    return replace(ledger, records={**ledger.records, path: record})


def examined(ledger: Ledger, *bundles: bytes) -> Examination:
    """What the bench finds in a mill whose ledger was changed before it committed to it."""
    return m.Mill.of(ledger).examined(*bundles)


def neighbour(step: str) -> Ledger:
    value = Decimal(w.calculation().goods[0].attested("see_direct")) + Decimal(step)
    return with_value(m.mill().ledger, "precursor_see_direct", str(value))


LIES: dict[str, tuple[Callable[[], Ledger], str]] = {
    "a value one unit higher": (lambda: neighbour("0.00001"), "another value"),
    "a value one unit lower": (lambda: neighbour("-0.00001"), "another value"),
    "a value within the rounding": (lambda: neighbour("0.000001"), "another value"),
    "another CN code": (lambda: with_coil(lambda one: replace(one, cn="72081000")), "CN 72083900"),
    "another country": (lambda: with_coil(lambda one: replace(one, country="IN")), "the country CN"),
    "a period next door": (
        lambda: with_coil(
            lambda one: replace(one, period=replace(m.tube_mill().period, start=m.tube_mill().period.end))
        ),
        "another period",
    ),
    "more than was sold": (
        lambda: with_value(m.mill().ledger, "precursor_amount", "1200.001"),
        "consignments that do not cover the amount consumed",
    ),
    "another attestation's digest": (
        lambda: with_coil(lambda one: replace(one, attestations=("ab" * 32,))),
        "digests of other attestations",
    ),
    "one digest more": (
        lambda: with_coil(lambda one: replace(one, attestations=(*one.attestations, "ff" * 32))),
        "digests of other attestations",
    ),
    "a stated value with a digest": (
        lambda: with_coil(lambda one: replace(one, basis="verified")),
        "attestations beside the basis verified",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_the_bench_refuses_a_ledger_that_says_something_else_than_the_bundle(lie: str) -> None:
    make, problem = LIES[lie]
    examination = examined(make(), m.supplier_bundle())
    assert problem in {item.found for item in examination.deviations}
    with pytest.raises(Refused, match="bench-deviations"):
        w.signed_examination(examination)


def test_the_bench_reads_the_bundles_itself() -> None:
    broken = m.supplier_bundle().replace(b'"receivedAt":', b'"receivedAt": ')
    foreign = w.build_world(claims={**w.gate_claims(), "recipient": w.OTHER_IMPORTER}).data
    for bundles, problem in (
        ((), "0 bundles"),
        ((broken,), "bundle-form"),
        ((foreign,), "the first exporter-receipt"),
        ((another_supplier_bundle(),), "digests of other attestations"),
        ((m.supplier_bundle(), m.supplier_bundle()), "an attestation given twice"),
    ):
        examination = m.mill().examined(*bundles)
        assert any(problem in item.found for item in examination.deviations), (
            problem,
            examination.deviations,
        )


def test_the_verifier_finds_the_bundles_with_the_ledger_until_they_are_erased(tmp_path: Path) -> None:
    mill = m.mill()
    files = m.on_site(m.supplier_bundle(), another_supplier_bundle()).bundles["coil"]
    with closing(Store.open(tmp_path / "store.sqlite", clock=lambda: w.NOW)) as store:
        with store.writing() as connection:
            for ledger_id in ("one", "two"):
                add_ledger(connection, mill.ledger, mill.calculation.scope, ledger_id=ledger_id, now=w.NOW)
            keep_bundles(connection, "one", "coil", files)
        with store.reading() as connection:
            assert bundles_of(connection, "one") == {"coil": files}
            assert bundles_of(connection, "two") == {}
        with store.writing() as connection:
            erase_bundles(connection, "2026-01-01", "2026-12-30")
            assert bundles_of(connection, "one")
            erase_bundles(connection, "2026-01-01", "2026-12-31")
            assert not bundles_of(connection, "one")


def test_what_was_taken_from_a_bundle_is_not_added_to() -> None:
    ledger = m.mill().ledger
    coil = ledger.precursors[0]
    extra = replace(
        ledger.records[coil.records["precursor_amount"]],
        path="precursor/coil/precursor_sefa",
        field="precursor_sefa",
    )
    more = replace(
        ledger,
        records={**ledger.records, extra.path: extra},
        precursors=(replace(coil, records={**coil.records, "precursor_sefa": extra.path}),),
    )
    assert "in the ledger only" in {item.found for item in examined(more, m.supplier_bundle()).deviations}


def test_the_importer_sees_the_digests_and_holds_bundles_against_them() -> None:
    opened, closed = sound()
    digest = digest_of(m.supplier_bundle())
    assert found(opened) == ("", f"1 checked by the verifier: {digest}")
    assert "its value is the opened one" in found(opened, m.supplier_bundle())[1]
    assert "its value stays closed" in found(closed, m.supplier_bundle())[1]
    assert m.checked(m.supplier_bundle()).check("precursor-attestations").found.startswith("none")


def test_a_bundle_of_another_attestation_is_refused() -> None:
    opened, _ = sound()
    assert found(opened, another_supplier_bundle())[0] == "precursor-not-named"
    assert found(opened, m.supplier_bundle(), another_supplier_bundle())[0] == "precursor-not-named"
    assert found(opened, m.supplier_bundle()[:-9])[0] == "bundle-not-valid"
    assert found(opened, opened)[0] == "bundle-not-valid", "the customer's own, not addressed to the mill"


def test_a_list_of_precursors_must_hold_what_the_supplier_attests() -> None:
    mill, value = m.mill(), w.calculation().goods[0].attested("see_direct")
    statement = mill.signed(m.supplier_bundle())
    coil = {"basis": "attested", "cn": "72083900", "country": "CN", "see_direct": value}

    def shown(**changes: str) -> bytes:
        claims = mill.claims(precursors=[{**coil, **changes}])
        return mill.bundle(statement, mill.evidence(statement), claims)

    assert found(shown(), m.supplier_bundle())[0] == ""
    for changes in ({"cn": "72081000"}, {"country": "IN"}, {"basis": "verified"}):
        assert found(shown(**changes), m.supplier_bundle())[0] == "precursor-differs"


def test_another_graph_is_not_the_signed_one() -> None:
    """An exporter that shows a graph with another digest in it shows a graph that nobody signed."""
    mill = m.mill()
    statement = mill.signed(m.supplier_bundle())
    evidence = mill.evidence(statement)
    assert isinstance(evidence, ProofEvidence)
    text = canonical_bytes(evidence.graph).replace(digest_of(m.supplier_bundle()).encode(), b"ab" * 32)
    forged = replace(evidence, graph=parse_canonical(text, max_bytes=1 << 20))
    report = m.checked(mill.bundle(statement, forged))
    assert report.check("result-proof").error == "proof-graph"
    assert not report.check("precursor-attestations").ok
