"""`carbonport verify` on the bundle that a real exchange left: whatever is changed about it, it is rejected."""

import functools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from played_demo import EXPORTER, IMPORTER, REGULATOR, played_demo
from warm_programs import programs

from carbonport.attestation.bundle import read_bundle, write_bundle
from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import CHECK_IDS, verify_bundle
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import b64url_decode, canonical_bytes
from carbonport.crypto.jws import SigningKey, thumbprint
from carbonport.node.config import NodeConfig, NodeSettings
from carbonport.node.home import make_home, open_home
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import complete_lei

POSITIONS = 200
"""Places at which a byte is changed."""

SECONDS_PER_DAY = 86_400


@functools.cache
def anchors() -> Any:
    return open_home(played_demo().folder / IMPORTER.key, environ={}).trust.anchors()


def check(data: bytes, **options: Any) -> Report:
    given = {"now": system_clock(), "anchors": anchors(), "importer": IMPORTER.id, **options}
    return verify_bundle(data, **given)


def failed(report: Report) -> set[str]:
    assert [item.id for item in report.checks] == list(CHECK_IDS), "a check is never left out"
    return {item.id for item in report.checks if not item.ok}


def test_the_bundle_as_received_holds() -> None:
    demo = played_demo()
    assert check(demo.bundle, consignment=demo.consignment).ok
    command = programs().run("verify", demo.outcome.bundle, "--home", demo.folder / IMPORTER.key, "--json")
    assert command.expect(0)["ok"] is True


@pytest.mark.parametrize("part", range(4))
def test_any_changed_byte_is_rejected(part: int) -> None:
    data, random_ = played_demo().bundle, random.Random(part)
    for place in random_.sample(range(len(data)), POSITIONS // 4):
        changed = bytearray(data)
        changed[place] = (changed[place] + random_.randrange(1, 256)) % 256
        assert not check(bytes(changed)).ok, place
        flipped = bytearray(data)
        flipped[place] ^= 1
        assert not check(bytes(flipped)).ok, place


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every leaf of a JSON value."""
    if isinstance(value, dict):
        return [each for name, inner in value.items() for each in places(inner, (*path, name))]
    if isinstance(value, list):
        return [each for index, inner in enumerate(value) for each in places(inner, (*path, index))]
    return [path]


def with_leaf(value: Any, path: tuple[str | int, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    inner = with_leaf(value[path[0]], path[1:], change)
    if isinstance(value, dict):
        return {**value, path[0]: inner}
    return [inner if index == path[0] else each for index, each in enumerate(value)]


def other(leaf: Any) -> Any:
    """The same kind of leaf, changed in its middle."""
    if isinstance(leaf, int):
        return leaf + 1
    middle = len(leaf) // 2
    return leaf[:middle] + ("A" if leaf[middle : middle + 1] != "A" else "B") + leaf[middle + 1 :]


def test_every_section_is_covered() -> None:
    """Each leaf of the file changed and written canonically again: form alone does not catch it."""
    content = json.loads(played_demo().bundle)
    leaves = places(content)
    assert {path[0] for path in leaves} == set(content)
    for path in leaves:
        assert not check(canonical_bytes(with_leaf(content, path, other))).ok, path
    for name in content:
        assert not check(canonical_bytes({key: item for key, item in content.items() if key != name})).ok, (
            name
        )
    assert not check(canonical_bytes({**content, "extra": ""})).ok


def test_every_part_of_what_crossed_is_covered() -> None:
    """The same inside the presentation and the receipt, sealed anew by the importer itself: its seal proves nothing."""
    content = json.loads(played_demo().bundle)
    home = open_home(played_demo().folder / IMPORTER.key, environ={})
    key = SigningKey.from_pem(home.identity.signing_pem(KeyUse.SEAL))
    for name in ("presentation", "receipt"):
        inner = json.loads(content[name])
        for path in places(inner):
            changed = canonical_bytes(with_leaf(inner, path, other)).decode()
            resealed = sealed_anew({**content, name: changed}, key)
            assert not check(resealed).ok, (name, path)


def sealed_anew(content: dict[str, Any], key: SigningKey) -> bytes:
    bundle = read_bundle(played_demo().bundle)
    return write_bundle(
        replace(bundle, presentation=content["presentation"].encode(), receipt=content["receipt"].encode()),
        key,
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda _data: b"",
        lambda data: data + b"\n",
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b'{"', b'{ "', 1),
        lambda _data: b"[" * 100_000,
        lambda _data: bytes(range(256)) * 64,
    ],
    ids=["last byte", "half", "empty", "newline", "mark", "blank", "deep", "noise"],
)
def test_a_damaged_file_is_rejected_by_the_command(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_bytes(damage(played_demo().bundle))
    report = programs().run("verify", path, "--json").expect(1)
    assert report["ok"] is False
    words = programs().run("verify", path)
    assert words.code == 1
    assert "Traceback" not in words.output + words.errors
    assert "not valid" in words.output


def test_another_importer_cannot_use_it(tmp_path: Path) -> None:
    home = tmp_path / "other"
    who = f"EU/{complete_lei('894500OTHERIMPOREU')}"
    settings = NodeSettings(who, "Another importer", "NL", ("importer",), "127.0.0.1:1")
    make_home(home, NodeConfig(node=settings), passphrase=None)
    opened = open_home(home, environ={})
    for name, keys in anchors().items():
        for jwk in keys:
            opened.trust.pin(name, jwk, fingerprint=thumbprint(jwk))
    found = programs().run("verify", played_demo().outcome.bundle, "--home", home, "--json").expect(1)
    bad = {item["id"] for item in found["checks"] if not item["ok"]}
    assert {"bundle-seal", "importer-binding"} <= bad


def test_another_importer_or_consignment_by_option() -> None:
    demo = played_demo()
    for option, value, named in (
        ("--importer", EXPORTER.id, "importer-binding"),
        ("--consignment", "ANOTHER-1", "consignment-binding"),
    ):
        found = programs().run("verify", demo.outcome.bundle, option, value, "--json").expect(1)
        assert named in {item["id"] for item in found["checks"] if not item["ok"]}


def test_an_expired_list_or_stale_status_is_rejected() -> None:
    data, now = played_demo().bundle, system_clock()
    due = min(_due(token) for token in read_bundle(data).trust_lists)
    assert failed(check(data, now=due + 1)) & {"trust-lists", "trust-anchor"}
    stale = failed(check(data, now=now + 8 * SECONDS_PER_DAY))
    assert {"attestation-status", "statement-status"} <= stale
    assert check(data, now=now + 8 * SECONDS_PER_DAY, allowed_staleness=9 * SECONDS_PER_DAY).ok


def _due(token: str) -> int:
    return int(json.loads(b64url_decode(token.split(".")[1]))["nextUpdate"])


def test_other_anchors_are_rejected(tmp_path: Path) -> None:
    """Keys that the reader pinned count, not those in the bundle."""
    foreign = open_home(played_demo().folder / REGULATOR.key, environ={}).identity.record(KeyUse.SEAL).jwk
    key = tmp_path / "other.jwk.json"
    key.write_text(json.dumps(foreign))
    command = ("verify", played_demo().outcome.bundle, "--json")
    found = programs().run(*command, "--anchor", f"EU={key}", "--anchor", f"CN={key}").expect(1)
    assert "trust-anchor" in {item["id"] for item in found["checks"] if not item["ok"]}


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    found = programs().run("verify", tmp_path / "nothing.json", "--json")
    assert found.code in (1, 2)
    assert "Traceback" not in found.errors
    assert found.json()["error"]["remedy"]
