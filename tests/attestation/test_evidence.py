"""Evidence for attested values: every leaf of any tree can be opened, and opens to nothing else."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest
import world as w
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.attestation.commitments import LeafLabel, LeafOpening, leaves_root, output_path
from carbonport.attestation.evidence import (
    OpeningEvidence,
    StatementTree,
    check_evidence,
    open_results,
    read_evidence,
)
from carbonport.attestation.statement import Statement
from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError, Malformed, Misuse


def opening(name: str, value: int, decimals: int = 5) -> LeafOpening:
    label = LeafLabel("output", output_path("p", "72083900", name), "tCO2e/t", decimals, 48)
    salt = hashlib.sha256(name.encode()).digest()
    return LeafOpening(label, value, int.from_bytes(salt[:30], "big"), salt)


def statement_of(openings: list[LeafOpening]) -> Statement:
    root = leaves_root(item.leaf() for item in openings)
    return replace(w.world().statement.statement, root=root, leaf_count=len(openings))


def check(evidence: OpeningEvidence, statement: Statement, results: Mapping[str, str]) -> None:
    check_evidence(evidence, statement, process="p", cn="72083900", results=results)


@settings(max_examples=25)
@given(values=st.lists(st.integers(0, 2**48 - 1), min_size=1, max_size=9), data=st.data())
def test_every_leaf_of_any_tree_opens_to_its_value_and_to_no_other(
    values: list[int], data: st.DataObject
) -> None:
    openings = [opening(f"r{index}", value) for index, value in enumerate(values)]
    statement, tree = statement_of(openings), StatementTree(openings)
    index = data.draw(st.integers(0, len(values) - 1))
    name = f"r{index}"
    evidence = open_results(
        openings, process="p", cn="72083900", results=[name], reason="proof-node-kind", tree=tree
    )
    assert evidence == open_results(
        openings, process="p", cn="72083900", results=[name], reason="proof-node-kind"
    )
    assert read_evidence(evidence.to_json()) == evidence
    digits = str(values[index]).rjust(6, "0")
    check(evidence, statement, {name: f"{digits[:-5]}.{digits[-5:]}"})
    other = data.draw(st.integers(0, 2**48 - 1).filter(lambda value: value != values[index]))
    digits = str(other).rjust(6, "0")
    with pytest.raises(CarbonportError) as caught:
        check(evidence, statement, {name: f"{digits[:-5]}.{digits[-5:]}"})
    assert caught.value.id == "evidence-value"


def test_no_part_of_an_opening_can_be_changed() -> None:
    openings = [opening("a", 123456), opening("b", 7)]
    evidence = open_results(openings, process="p", cn="72083900", results=["a"], reason="proof-node-kind")
    item = evidence.opened[0]
    for change in [
        {"blinding": item.blinding + 1},
        {"salt": bytes(32)},
        {"index": 1},
        {"path": (bytes(32),)},
        {"path": ()},
        {"label": replace(item.label, unit="t")},
        {"label": replace(item.label, bits=64)},
    ]:
        changed = replace(item, **change)  # type: ignore[arg-type]
        with pytest.raises(CarbonportError):
            check(OpeningEvidence((changed,), "proof-node-kind"), statement_of(openings), {"a": "1.23456"})
    check(evidence, statement_of(openings), {"a": "1.23456"})


def test_a_value_beyond_its_width_is_refused_before_any_arithmetic() -> None:
    openings = [opening("a", 1)]
    evidence = open_results(openings, process="p", cn="72083900", results=["a"], reason="proof-node-kind")
    with pytest.raises(CarbonportError) as caught:
        check(evidence, statement_of(openings), {"a": f"{2**48}.00000"})
    assert caught.value.id == "evidence-width"


def test_an_input_leaf_stands_for_no_result() -> None:
    """Role and path are part of the leaf: a ledger figure cannot be shown as a result."""
    plain = opening("a", 5)
    as_input = replace(plain, label=replace(plain.label, role="input"))
    evidence = open_results([as_input], process="p", cn="72083900", results=["a"], reason="proof-node-kind")
    with pytest.raises(CarbonportError) as caught:
        check(evidence, statement_of([as_input]), {"a": "0.00005"})
    assert caught.value.id == "evidence-missing"


def test_what_is_not_committed_cannot_be_opened_and_other_kinds_are_not_skipped() -> None:
    with pytest.raises(Misuse) as caught:
        open_results([opening("a", 1)], process="p", cn="72083900", results=["b"], reason="proof-node-kind")
    assert caught.value.id == "evidence-result"
    hostile: list[Json] = [
        {"kind": "zero-knowledge", "opened": []},
        {"kind": "openings"},
        {"opened": []},
        [],
        None,
    ]
    for value in hostile:
        with pytest.raises(Malformed):
            read_evidence(value)


def test_the_text_form_of_an_opening_shows_no_secret() -> None:
    item = opening("a", 987654321)
    evidence = open_results([item], process="p", cn="72083900", results=["a"], reason="proof-node-kind")
    told = repr(item) + str(item) + repr(evidence.opened[0])
    for secret in (str(item.value), str(item.blinding), item.salt.hex(), repr(item.salt)):
        assert secret not in told
