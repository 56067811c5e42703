"""What the exporter's process lets out, during the whole demo: no protected value, in no form.

Recorded are every message in plaintext (by Carbonport's own hook at the serialiser, and once more where gRPC's Python
layer is handed it) and every file written outside the exporter's private folder. The recorders and the search are
proved by planting.
"""

import asyncio
import base64
import functools
import json
from decimal import Decimal
from pathlib import Path

import pytest
from played_demo import EXPORTER, IMPORTER, REGULATOR, do, played_demo, question, steelworks
from protected_forms import Search, protected_values, unfolded
from warm_programs import programs

from carbonport.crypto.canonical import canonical_bytes
from carbonport.footprint.calculation import calculate
from carbonport.wire.v1 import log_pb2

PLANTED = "2186473.915"
"""Coke consumption of the steelworks: `stream/coke/activity_data`."""

PLANTED_PATH = "stream/coke/activity_data"


@functools.cache
def search() -> Search:
    return Search(protected_values(steelworks()))


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def written_outside(record: Path) -> list[Path]:
    return [Path(line) for line in dict.fromkeys((record / "files").read_text().splitlines())]


def everything_that_left(record: Path) -> list[bytes]:
    files = [path.read_bytes() for path in written_outside(record) if path.is_file()]
    return [*contents(record / "serialiser"), *contents(record / "grpc"), *contents(record / "moved"), *files]


def test_the_demo_holds_and_the_recorders_were_there() -> None:
    demo = played_demo()
    assert demo.outcome.ok, demo.outcome.checks
    kinds = {path.name.split("-", 2)[2] for path in (demo.record / "serialiser").iterdir()}
    assert {
        "RequestAttestation",
        "FetchAttestation",
        "GetStatusList",
        "AddCheckpoint",
        "ListEntries",
    } <= kinds
    names = {path.name for path in written_outside(demo.record)}
    assert {"openings.sealed", "bodies.jsonl", "checkpoint"} <= names


def test_both_recorders_saw_the_same_messages() -> None:
    demo = played_demo()
    ours, grpcs = contents(demo.record / "serialiser"), contents(demo.record / "grpc")
    assert len(ours) > 5
    assert set(ours) <= set(grpcs), "the hook tells what gRPC was not handed"
    # gRPC also carries the answers at the operator's socket, messages once more as objects, and words of refusals.
    beyond = {path for path in (demo.record / "grpc").iterdir() if path.read_bytes() not in set(ours)}
    assert {path.name.split("-", 2)[2] for path in beyond} <= {"RunOperationResponse", "status-details"}


def test_no_file_outside_the_private_folder_escaped_reading() -> None:
    demo = played_demo()
    moved = {path.name.split("-", 2)[2] for path in (demo.record / "moved").iterdir()}
    lost = [
        path
        for path in written_outside(demo.record)
        if not path.is_file() and path.name not in moved and not path.name.endswith(".partial")
    ]
    assert lost == [Path("/dev/null")], "where the proving process's standard error goes"
    children = (demo.record / "children").read_text().splitlines()
    assert len(children) == 1, "nothing else was started that could write"
    assert "carbonport.node.proving.worker_process" in children[0], "which can write no file"


def test_no_protected_value_left_the_exporter() -> None:
    left = everything_that_left(played_demo().record)
    assert sum(map(len, left)) > 50_000
    assert search().find(left) == []


def stream_names() -> dict[str, set[Decimal] | str]:
    """Which fuels and materials there are is part of the recipe: ids, paths and labels of the source streams."""
    found: dict[str, set[Decimal] | str] = {}
    public = {process.category.casefold() for process in steelworks().processes}
    for stream in steelworks().streams:
        found |= {f"{stream.id} path": f"stream/{stream.id}/", f"{stream.id} id": stream.id}
        # "Steel products" stands, but for a bit that base64 may lose, in the category "Iron or steel products".
        if not any(stream.label.casefold() in text for text in public):
            found[f"{stream.id} label"] = stream.label
    return found


def test_no_name_of_a_fuel_or_material_left_the_exporter() -> None:
    """Not in the graph that travels with the proof, nor in the labels of its leaves, nor anywhere else."""
    left = everything_that_left(played_demo().record)
    assert Search(stream_names()).find(left) == []
    whole = [canonical_bytes(good.graph.canonical()) for good in calculate(steelworks()).goods]
    assert {path for path, _form in Search(stream_names()).find(whole)} >= {
        f"{stream.id} {kind}" for stream in steelworks().streams for kind in ("path",)
    }


def test_what_was_disclosed_is_found_in_the_same_bytes() -> None:
    """The search reads the layers in which the attestation travels: it finds what did cross."""
    demo = played_demo()
    crossed = {
        name: str(demo.outcome.attestation[name]) for name in ("see_direct", "consignment", "operator")
    }
    found = Search(dict(crossed)).find(everything_that_left(demo.record))
    assert {path for path, _form in found} == set(crossed)


@pytest.mark.parametrize("path", sorted(protected_values(steelworks())))
def test_every_form_of_every_protected_value_would_be_found(path: str) -> None:
    value = protected_values(steelworks())[path]
    only = Search({path: value})
    assert len(only) > 0
    for form in [form for known in only._heads.values() for form, _path in known]:
        assert only.find([b"\x0a\x10" + form + b"\x12\x04"]), form


@pytest.mark.parametrize(
    "hidden",
    [
        b'{"a":2186473.915}',
        b'{"scaled": 2186473915}',
        b"2,186,473.915 t",
        b"2186473915000",
        b"0.002186473915",
        b"5193746812",
        base64.b64encode(b"x" * 5 + base64.urlsafe_b64encode(b'{"activity_data": "2186473.915"}')),
        base64.b64encode(bytes(24) + (2186473915).to_bytes(8, "big")),
        (2186473915).to_bytes(32, "little"),
        log_pb2.ListEntriesRequest(start=2186473915, limit=7).SerializeToString(),
        json.dumps({"inner": json.dumps({"amount": "2186473.915"})}).encode(),
        "2186473.915".encode("utf-16-le"),
    ],
)
def test_hidden_forms_are_found(hidden: bytes) -> None:
    assert [path for path, _form in Search({PLANTED_PATH: {Decimal(PLANTED)}}).find([hidden])], unfolded(
        hidden
    )


def test_a_planted_value_is_found_in_message_and_file(tmp_path: Path) -> None:
    """The recorders are not blind: the same exporter, with a value hidden in an answer and in a deleted file."""
    homes = played_demo().copy_homes(tmp_path)
    record, planted_file = tmp_path / "record", tmp_path / "out.json"
    recording = [str(record), str(homes[EXPORTER.key]), PLANTED, str(planted_file)]

    with (
        programs().serve(homes[EXPORTER.key], recording=recording),
        programs().serve(homes[REGULATOR.key]),
        programs().serve(homes[IMPORTER.key]),
    ):
        asyncio.run(do(homes[IMPORTER.key], "query", **question()))
    assert not planted_file.exists()
    for folder in ("serialiser", "grpc", "moved"):
        found = search().find(contents(record / folder))
        assert {path for path, _form in found} == {PLANTED_PATH}, folder
