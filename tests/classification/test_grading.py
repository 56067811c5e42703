"""The grading table, the graded ledger and the grades of graphs."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from classified_plant import CN, Plant, fact, figure, graded_with_results, policy
from hypothesis import given
from hypothesis import strategies as st

from carbonport.classification.field_classes import Action, FieldClass, GradingTable
from carbonport.classification.forms import Form, Role
from carbonport.classification.graded_ledger import GradedLedger, graded_ledger
from carbonport.classification.grades import Grade, highest
from carbonport.classification.graph_grades import graph_grades, output_grades
from carbonport.errors import Malformed, Misuse
from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.graph import Constant, Graph, Input, Node, Product, Quotient, Round, Sum
from carbonport.footprint.ledger import DataQuality

TABLE = GradingTable.load()
COLUMNS = "class,field,quality,grade,declarant,verifier,regulator,registry,coordinator,reason"
HEADER = f"# title: t\n# version: v\n# source: s\n{COLUMNS}\n"


def test_grades_stand_in_order() -> None:
    assert [grade.rank for grade in Grade] == [0, 1, 2, 3, 4, 5]
    assert highest([]) is Grade.G1
    assert highest([Grade.G4, Grade.CORE, Grade.IMPORTANT]) is Grade.CORE


def test_every_field_of_the_catalogue_has_a_grade() -> None:
    for name, entry in Catalogue.load().fields.items():
        for quality in (None, *DataQuality):
            assert TABLE.rule(entry.field_class, name, quality).field_class == entry.field_class, name


@pytest.mark.parametrize(
    ("field_class", "field", "grade"),
    [
        ("identity", "operator", Grade.G1),
        ("result", "see_direct", Grade.G2),
        ("result-total", "direct_emissions", Grade.G3),
        ("location", "latitude", Grade.G3),
        ("production", "activity_level", Grade.G4),
        ("energy", "activity_data", Grade.G4),
        ("load", "load_profile", Grade.IMPORTANT),
        ("core", "defence_order", Grade.CORE),
    ],
)
def test_the_default_grades(field_class: str, field: str, grade: Grade) -> None:
    rule = TABLE.rule(field_class, field)
    assert rule.grade is grade
    assert rule.reason


def test_a_published_factor_is_open_and_the_plants_own_is_not() -> None:
    assert TABLE.rule("factor", "emission_factor", DataQuality.STANDARD).grade is Grade.G1
    assert TABLE.rule("factor", "emission_factor", DataQuality.MEASURED).grade is Grade.G3
    assert TABLE.rule("factor", "emission_factor").grade is Grade.G3


@given(st.text(max_size=30), st.sampled_from([*FieldClass, "", "Production", "identity "]))
def test_an_unknown_field_is_sensitive_and_closed(field: str, field_class: str) -> None:
    if (field_class, field, False) in TABLE.rules:
        return
    rule = TABLE.rule(field_class, field)
    assert rule.field_class is FieldClass.UNKNOWN
    assert rule.grade is Grade.IMPORTANT
    assert not any(rule.permits(role, form, approved=True) for role in Role for form in Form)


def test_a_known_field_under_another_class_is_unknown() -> None:
    assert TABLE.rule("identity", "activity_level").field_class is FieldClass.UNKNOWN


def test_no_role_but_the_registry_ever_gets_coordinates() -> None:
    rule = TABLE.rule("location", "latitude")
    assert [role for role in Role if rule.actions[role] is not Action.NEVER] == [Role.REGISTRY]


@pytest.mark.parametrize(
    "rows",
    [
        "product,cn,,g5,free,free,free,free,never,why",
        "produkt,cn,,g1,free,free,free,free,never,why",
        "product,cn,,g1,gratis,free,free,free,never,why",
        "product,cn,,g1,free,free,free,free,never,",
        "product,,,g1,free,free,free,free,never,why",
        "product,cn,secret,g1,free,free,free,free,never,why",
        "unknown,cn,,g1,free,free,free,free,never,why",
        "product,cn,,g1,free,free,free,free,never,why\nproduct,cn,,g2,free,free,free,free,never,why",
        "product,cn,,g1,free",
    ],
)
def test_one_bad_row_spoils_the_table(rows: str) -> None:
    with pytest.raises(Malformed):
        GradingTable.from_bytes((HEADER + rows + "\n").encode(), "mine.csv")


def test_a_users_table_replaces_the_packaged_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + "product,cn,,g1,free,free,free,free,never,why\n")
    table = GradingTable.load(path)
    assert table.rule("product", "cn").grade is Grade.G1
    assert table.rule("identity", "operator").field_class is FieldClass.UNKNOWN
    with pytest.raises(Misuse):
        GradingTable.load(tmp_path / "absent.csv")


def test_every_entry_of_a_ledger_is_graded_with_a_reason() -> None:
    ledger = Plant().ledger()
    graded = graded_ledger(ledger, TABLE)
    assert set(graded.entries) == set(ledger.records) | set(ledger.facts)
    assert all(entry.reason for entry in graded.entries.values())
    assert sum(graded.counts().values()) == len(graded.entries)
    assert graded.entries["process/steel/activity_level"].grade is Grade.G4
    assert len(list(graded.records())) == len(ledger.records)


def test_a_relabelled_entry_is_closed() -> None:
    relabelled = figure("extra/activity_level", Decimal("4836291.472"), field_class="identity")
    entry = graded_ledger(Plant().ledger(relabelled), TABLE).entries["extra/activity_level"]
    assert (entry.field_class, entry.grade) == (FieldClass.UNKNOWN, Grade.IMPORTANT)


def test_a_single_path_may_be_raised_and_never_lowered() -> None:
    ledger = Plant().ledger()
    raised = graded_ledger(ledger, TABLE, raised={"installation/latitude": Grade.IMPORTANT})
    assert raised.entries["installation/latitude"].grade is Grade.IMPORTANT
    for path, grade in (("installation/latitude", Grade.G1), ("no/such/path", Grade.CORE)):
        with pytest.raises(Misuse):
            graded_ledger(ledger, TABLE, raised={path: grade})


def test_an_exchange_adds_its_own_facts_only() -> None:
    graded = graded_ledger(Plant().ledger(), TABLE)
    more = graded.with_consignment("C-1", Decimal("25.5"), "request").with_certificate(
        "statement", "ab12", "s"
    )
    assert more.entries["consignment/C-1/net_mass"].grade is Grade.G2
    assert more.entries["certificate/statement"].field_class is FieldClass.CERTIFICATE
    assert "consignment/C-1/net_mass" not in graded.entries
    additions = [
        fact("x", "operator", "identity", "somebody"),
        fact("x", "activity_level", "customs", "4836291.472"),
        fact("installation/operator", "statement", "certificate", "taken path"),
    ]
    for addition in additions:
        with pytest.raises(Misuse):
            graded.with_exchange_entries(addition)
    with pytest.raises(Misuse):
        more.with_consignment("C-1", Decimal(1), "twice")


@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", "ä", "a" * 65, "2712043,5"])
def test_a_consignment_has_a_plain_name(name: str) -> None:
    with pytest.raises(Misuse):
        graded_ledger(Plant().ledger(), TABLE).with_consignment(name, Decimal(1), "request")


@pytest.mark.parametrize("mass", ["0", "-1", "NaN", "Infinity", "1e999"])
def test_a_consignment_has_a_positive_mass(mass: str) -> None:
    with pytest.raises(Misuse):
        graded_ledger(Plant().ledger(), TABLE).with_consignment("C-1", Decimal(mass), "request")


def test_totals_stay_as_sensitive_as_their_inputs_and_the_specific_results_are_shown_otherwise() -> None:
    _, results = graded_with_results(Plant().ledger())
    outputs = results.goods["steel", CN].outputs
    for name in ("see_direct_rounded", "see_indirect_rounded", "see_total_rounded"):
        grade = outputs[name].grade
        assert (grade.field_class, grade.grade, grade.shown_otherwise) == (FieldClass.RESULT, Grade.G2, True)
        assert "Shown otherwise" in grade.reason
    for name in ("see_direct", "see_indirect", "see_total", "attributed_direct", "attributed_indirect"):
        assert outputs[name].grade.grade is Grade.G4
    for result in results.installation.values():
        assert result.grade.field_class is FieldClass.RESULT_TOTAL
        assert not result.grade.shown_otherwise
        assert result.grade.grade.rank >= Grade.G3.rank
    assert results.installation["direct_emissions"].grade.grade is Grade.G4


def plant_graph() -> tuple[Graph, GradedLedger]:
    graded = graded_ledger(Plant().ledger(), TABLE)
    graph = calculate(graded.ledger).good("steel", CN).graph
    return graph, graded


LEVEL, POWER, COKE = "process/steel/activity_level", "process/steel/electricity", "stream/coke/activity_data"


def tampered(*nodes: Node, output: str = "see_direct_rounded") -> Graph:
    inputs = [Input(path, "t", path, "", path, 3, 48) for path in (LEVEL, POWER, COKE)]
    one = Constant("one", "1", "one", "", Decimal(1), "arithmetic")
    return Graph((*inputs, one, *nodes), {output: nodes[-1].id})


def quotient(over: str, *, unit: str = "tCO2e/t", top: str = COKE) -> Quotient:
    return Quotient("q", unit, "", "", top, over)


def rounded(of: str = "q", decimals: int = 5, unit: str = "tCO2e/t") -> Round:
    return Round("r", unit, "", "", of, decimals)


@pytest.mark.parametrize(
    "graph",
    [
        tampered(rounded(COKE)),
        tampered(quotient("one"), rounded()),
        tampered(quotient(POWER), rounded()),
        tampered(quotient(LEVEL), rounded(decimals=9)),
        tampered(quotient(LEVEL)),
        tampered(quotient(LEVEL), Sum("s", "t", "", "", ((1, "q"), (1, COKE))), rounded("s")),
        tampered(quotient(LEVEL), Product("p", "t", "", "", ("q", LEVEL)), rounded("p")),
        tampered(quotient(LEVEL), rounded(), output="activity_level_rounded"),
        tampered(quotient(LEVEL), rounded(), output="attributed_direct_rounded"),
        tampered(quotient("one", unit="1"), rounded(unit="1"), output="default_share_rounded"),
        tampered(quotient(LEVEL, unit="tCO2e/t"), rounded(), output="default_share_rounded"),
        tampered(rounded(COKE, unit="1"), output="default_share_rounded"),
    ],
)
def test_a_name_alone_opens_no_output(graph: Graph) -> None:
    """Only a quotient by the activity level, rounded to five decimals, is shown otherwise."""
    (output,) = output_grades(graph, graded_ledger(Plant().ledger(), TABLE)).values()
    assert not output.shown_otherwise
    assert output.grade.rank >= Grade.G4.rank


def test_the_structure_opens_it() -> None:
    graph = tampered(quotient(LEVEL), rounded())
    graded = graded_ledger(Plant().ledger(), TABLE)
    assert output_grades(graph, graded)["see_direct_rounded"].shown_otherwise
    raised = graded_ledger(graded.ledger, TABLE, raised={COKE: Grade.IMPORTANT})
    assert not output_grades(graph, raised)["see_direct_rounded"].shown_otherwise


def test_no_node_is_graded_below_its_operands_and_a_missing_input_is_unknown() -> None:
    graph, graded = plant_graph()
    grades = graph_grades(graph, graded)
    for node in graph:
        assert grades[node.id].grade.rank >= max((grades[o].grade.rank for o in node.operands()), default=0)
    fewer = replace(graded, entries={path: e for path, e in graded.entries.items() if path != LEVEL})
    assert graph_grades(graph, fewer)[LEVEL].grade is Grade.IMPORTANT
    assert output_grades(graph, fewer)["see_direct_rounded"].grade is Grade.IMPORTANT


def test_results_are_computed_from_declared_values() -> None:
    plant = Plant()
    plant.amounts[COKE] = Decimal("2186473.91549")
    graded, results = graded_with_results(plant.ledger())
    expected = calculate(graded.ledger).good("steel", CN).declared
    assert {name: result.value for name, result in results.goods["steel", CN].outputs.items()} == dict(
        expected
    )
    assert policy().table is graded.table
