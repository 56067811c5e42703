"""`carbonport aggregate run --local`: the provincial table, exactly; its result file, checked and tampered with."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from carbonport.crypto.ambient import system_clock
from carbonport.crypto.jws import SigningKey
from carbonport.errors import Malformed
from carbonport.node.aggregation.local.row_table import RowTable, read_table
from carbonport.node.aggregation.result_check import RESULT_CHECK_IDS, check_result_file
from carbonport.node.cli.demo_of_a_sum import print_sum
from carbonport.node.demo.aggregate_play import SumOutcome
from whole_program import whole_program

PROVINCES = Path(__file__).resolve().parents[2] / "src/carbonport/examples/provinces.csv"
COLUMNS = ("--sum", "allocation_1e8_t", "--sum", "emissions_1e8_t")
EXACT = {
    "II": ("20.235", "26.035"),
    "IV": ("8.598", "27.291"),
    "V": ("45.445", "18.703"),
    "VI": ("20.763", "23.322"),
    "total": ("134.901", "134.900"),
}


def carbonport(*arguments: object, exit_code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(whole_program(), [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.output + repr(result.exception)
    return dict(json.loads(result.stdout)) if "--json" in arguments and result.stdout else {}


@pytest.fixture(scope="module")
def consented(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], bytes]:
    out = tmp_path_factory.mktemp("aggregate") / "result.json"
    found = carbonport(
        "aggregate", "run", "--local", PROVINCES, "--by", "group", *COLUMNS, "--total",
        "--consent", "III,V", "--shares", "--ratio", "emissions_1e8_t/allocation_1e8_t",
        "--out", out, "--json",
    )  # fmt: skip
    return found, out.read_bytes()


def test_with_consent_group_i_and_the_smallest_that_hides_it_are_missing(
    consented: tuple[dict[str, Any], bytes],
) -> None:
    found, _ = consented
    assert found["verified"] is True
    assert {
        name: (one["allocation_1e8_t"], one["emissions_1e8_t"]) for name, one in found["released"].items()
    } == EXACT
    assert list(found["refused"]) == ["I", "III"]
    assert "would follow from total" in found["refused"]["III"]
    assert found["balance"]["by_group"]["V"] == "26.742"
    assert found["balance"]["by_group"]["IV"] == "-18.693"
    assert found["members"] == {"II": 5, "IV": 9, "V": 4, "VI": 6, "total": 30}
    assert found["shares"]["allocation_1e8_t"]["VI"].startswith("0.15391")
    assert found["ratios"]["emissions_1e8_t/allocation_1e8_t"]["II"].startswith("1.28663")
    assert "a local verifier signed the rows" in found["local"]


def test_no_provinces_figure_is_in_the_result(consented: tuple[dict[str, Any], bytes]) -> None:
    found, data = consented
    shown = json.dumps(found)
    for line in PROVINCES.read_text().splitlines():
        if line.startswith(("#", "province,")):
            continue
        for figure in line.split(",")[-2:]:
            assert figure not in shown, line
            assert figure.encode() not in data, line


def test_without_consent_the_small_groups_and_nothing_else_are_missing() -> None:
    found = carbonport(
        "aggregate", "run", "--local", PROVINCES, "--by", "group", *COLUMNS, "--total", "--json",
    )  # fmt: skip
    assert found["verified"] is True
    assert sorted(found["refused"]) == ["I", "III", "V"]
    assert found["released"] == {
        name: {"allocation_1e8_t": a, "emissions_1e8_t": e} for name, (a, e) in EXACT.items() if name != "V"
    }
    assert found["holders"] == {"n": 3, "k": 2, "votes_needed": 3, "absent_tolerated": 0}


def test_the_demo_of_a_sum_shows_what_it_came_to(
    consented: tuple[dict[str, Any], bytes], tmp_path: Path
) -> None:
    _, data = consented
    checked = check_result_file(data, now=system_clock())
    good = SumOutcome(
        2.5, tmp_path / "r", checked, exact=True, again="aggregation-contributed-before", folder=tmp_path
    )
    console = Console(record=True, width=200, quiet=False, file=io.StringIO())
    print_sum(good, console)
    text = console.export_text()
    assert all(figure in text for figures in EXACT.values() for figure in figures)
    assert "exactly the sums" in text
    assert f"carbonport verify {tmp_path / 'r'}" in text
    assert good.as_json()["ok"] is True
    assert good.as_json()["released"] == {
        name: {"allocation_1e8_t": a, "emissions_1e8_t": e} for name, (a, e) in EXACT.items()
    }
    for bad, word in ((replace(good, exact=False), "WRONG"), (replace(good, again=""), "refused: NO")):
        print_sum(bad, console)
        assert word in console.export_text()
        assert bad.as_json()["ok"] is False


def test_verify_checks_the_file_and_finds_every_change(
    consented: tuple[dict[str, Any], bytes], tmp_path: Path
) -> None:
    _, data = consented
    path = tmp_path / "result.json"
    path.write_bytes(data)
    shown = carbonport("verify", path, "--json")
    assert shown["ok"] is True
    assert [check["id"] for check in shown["checks"]] == list(RESULT_CHECK_IDS)
    assert shown["released"]["II"]["allocation_1e8_t"] == "20.235"
    # One byte in each of many places, spread over every part of the file.
    now = system_clock()
    for place in range(40, len(data), len(data) // 23):
        changed = data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]
        report = check_result_file(changed, now=now).report
        assert not report.ok, f"a changed byte at {place}"
    path.write_bytes(data[:-2] + b" }")
    carbonport("verify", path, "--json", exit_code=1)
    assert check_result_file(data, now=now - 3600).report.failed(), "a result from the future"


def test_a_result_under_other_anchors_is_not_believed(consented: tuple[dict[str, Any], bytes]) -> None:
    _, data = consented
    stranger = SigningKey.generate().public_jwk
    report = check_result_file(data, now=system_clock(), anchors={"ZZ": (stranger,)}).report
    assert report.check("trust-lists").error == "trust-list-signer"
    assert not report.check("sums").ok


SMALL = "plant,group,t\n" + "".join(f"p{i},a,{i}.5\n" for i in range(4))


@pytest.mark.parametrize(
    ("text", "options", "error", "exit_code"),
    [
        (SMALL, ("--by", "group", "--sum", "t"), "aggregation-nothing-released", 3),
        (SMALL, ("--by", "group", "--sum", "x"), "aggregate-columns", 2),
        (SMALL, ("--by", "group", "--sum", "t", "--consent", "b"), "aggregate-groups", 2),
        (SMALL, ("--by", "group", "--sum", "t", "--ratio", "t/u"), "aggregate-pair", 2),
        (SMALL, ("--sum", "t", "--period", "2026"), "aggregation-period", 1),
        (SMALL.replace("1.5", "-1.5"), ("--sum", "t"), "aggregate-negative", 1),
        (SMALL.replace("1.5", "NaN"), ("--sum", "t"), "number-unreadable", 1),
        (SMALL.replace("1.5", "1e-30"), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("1.5", "9" * 22), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("a,1.5", "a"), ("--sum", "t"), "aggregate-table", 1),
        ("plant,group,t\n", ("--sum", "t"), "aggregate-table", 1),
        ("\ud800", ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", '"p1'), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", '"p1"x'), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", "p" * 200_000), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", "p" * 600), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", '"p1\n#x"'), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", "p\x1b[31m"), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", "p\0"), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", ""), ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("p1", "p2"), ("--sum", "t"), "aggregate-table", 1),
        (SMALL + ",,\n", ("--sum", "t"), "aggregate-table", 1),
        (SMALL.replace("1.5", ""), ("--sum", "t"), "number-unreadable", 1),
        (SMALL.replace("1.5", '"1,5"'), ("--sum", "t"), "number-unreadable", 1),
        (SMALL.replace("1.5", "1e400"), ("--sum", "t"), "number-out-of-bounds", 1),
        (SMALL, ("--sum", "t", "--sum", "t"), "aggregate-columns", 2),
        (SMALL, ("--by", "t", "--sum", "t"), "aggregate-columns", 2),
        (SMALL.replace("group", "t"), ("--sum", "t"), "aggregate-columns", 2),
        (SMALL.replace(",a,", ",total,"), ("--by", "group", "--sum", "t"), "aggregate-groups", 2),
        (SMALL, ("--by", "group", "--sum", "t", "--consent", "total"), "aggregate-groups", 2),
        (SMALL.replace(",a,", ",,"), ("--by", "group", "--sum", "t"), "aggregate-table", 1),
        (SMALL, ("--sum", "t", "--out", "/nowhere/result.json"), "file-problem", 2),
    ],
)  # fmt: skip
def test_bad_input_is_named(
    tmp_path: Path, text: str, options: tuple[str, ...], error: str, exit_code: int
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    result = CliRunner().invoke(
        whole_program(), ["aggregate", "run", "--local", str(path), *options, "--json"]
    )
    problem = result.exception
    assert getattr(problem, "id", "") == error, f"{problem!r}"
    assert getattr(problem, "exit_code", 0) == exit_code


def rows(path: Path, text: bytes, *, sums: tuple[str, ...] = ("t",), by: str = "group") -> RowTable:
    path.write_bytes(text)
    return read_table(path, by=by, sums=sums)


def test_one_table_however_it_is_written(tmp_path: Path) -> None:
    path, plain = tmp_path / "table.csv", SMALL.encode()
    expected = rows(path, plain)
    quoted = SMALL.replace("p1,a,1.5", '"p1","a"," 1.5 "').replace("p2", '# "p0,\n\np2')
    for text in (
        b"\xef\xbb\xbf" + plain,
        SMALL.replace("\n", "\r\n").encode(),
        SMALL.replace("\n", "\r").encode(),
        quoted.encode(),
        ("# a remark\n\n  \n" + SMALL).encode(),
        SMALL.replace("1.5", "1.5e0").encode(),
    ):
        assert rows(path, text) == expected
    odd = rows(path, SMALL.replace("p1", '"p\u00e9, ""the"" north"').encode())
    assert odd.rows[1].name == 'p\u00e9, "the" north'


def test_figures_of_a_column_that_is_not_summed_do_not_become_names(tmp_path: Path) -> None:
    """Names stand in the result file."""
    for odd in ("{i}.5", '"{i},5"', "{i}.5 t", "{i}e400", "-{i}"):
        text = "group,u,t\n" + "".join(f"a,{odd.format(i=i)},1\n" for i in range(5))
        table = rows(tmp_path / "table.csv", text.encode())
        assert [row.name for row in table.rows] == [f"row {i}" for i in range(1, 6)]
    text = "group,u,name,t\n" + "".join(f"a,{i}.5,p{i},1\n" for i in range(5))
    assert [row.name for row in rows(tmp_path / "table.csv", text.encode()).rows] == [
        f"p{i}" for i in range(5)
    ]


def test_ten_thousand_rows_are_read(tmp_path: Path) -> None:
    text = "plant,t\n" + "".join(f"p{i},{i}.001\n" for i in range(10_000))
    assert (
        sum(row.values[0] for row in rows(tmp_path / "table.csv", text.encode(), by="").rows)
        == 49_995_010_000
    )
    with pytest.raises(Malformed, match="10001 rows"):
        rows(tmp_path / "table.csv", (text + "q,1\n").encode(), by="")


def test_three_may_be_summed_when_all_of_them_consent(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("t,plant\n" + "".join(f"0.{i}25,p{i}\n" for i in range(1, 4)))
    found = carbonport("aggregate", "run", "--local", path, "--sum", "t", "--consent", "total", "--json")
    assert (found["verified"], found["released"]) == (True, {"total": {"t": "0.675"}})
