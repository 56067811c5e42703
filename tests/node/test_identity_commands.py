"""Four home folders that share no file, made and joined with the commands alone."""

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from carbonport.crypto.ambient import system_clock
from carbonport.errors import CarbonportError, FailedVerification, Misuse
from carbonport.node.config import load_config
from carbonport.node.home import NodeHome, open_home
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import complete_lei
from carbonport.node.transport.echo import EchoServicer
from carbonport.wire.v1 import echo_pb2, echo_pb2_grpc
from whole_program import whole_program

SECRET = "four words make one"
MEMBERS = {
    "exporter": ("CN", "exporter"),
    "cn": ("CN", "regulator"),
    "importer": ("EU", "importer"),
    "eu": ("EU", "regulator"),
    "verifier": ("CN", "verifier"),
}
LEIS = {name: complete_lei(f"5299{name.upper():0<14}"[:18]) for name in MEMBERS}


def carbonport(*arguments: object, environ: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """Run a command with --json in this process; its errors are raised as they are."""
    texts = [str(argument) for argument in arguments] + ["--json"]
    result = CliRunner().invoke(whole_program(), texts, env=environ, catch_exceptions=True, **options)
    if isinstance(result.exception, CarbonportError):
        raise result.exception
    assert result.exit_code == 0, f"{result.output} {result.exception!r}"
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return answer


def init(folder: Path, name: str, *more: object, **options: Any) -> dict[str, Any]:
    jurisdiction, role = MEMBERS[name]
    return carbonport(
        "init", "--home", folder / name / "home", "--role", role, "--jurisdiction", jurisdiction,
        "--lei", LEIS[name], "--name", f"The [red]{name}", "--country", jurisdiction.replace("EU", "DE"),
        "--endpoint", "127.0.0.1:7443", *more, **options,
    )  # fmt: skip


def send(source: Path, target: Path) -> Path:
    """A file goes from one machine to another."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    return target


def join(folder: Path) -> None:
    """Cards to the regulators, anchors and lists to everybody, as files."""
    for name in MEMBERS:
        init(folder, name)
    fingerprints = {}
    for regulator in ("cn", "eu"):
        out = folder / regulator / "anchor.jwk.json"
        shown = carbonport("trust", "anchor", "--home", folder / regulator / "home", "--export", out)
        fingerprints[regulator] = shown["kid"]
    for name in MEMBERS:
        for regulator in ("cn", "eu"):
            anchor = send(
                folder / regulator / "anchor.jwk.json", folder / name / f"anchor-{regulator}.jwk.json"
            )
            carbonport(
                "trust", "anchor", "--jurisdiction", regulator.upper(),
                "--key", anchor, "--kid", fingerprints[regulator],
                "--home", folder / name / "home",
            )  # fmt: skip
    for name, regulator in (("exporter", "cn"), ("verifier", "cn"), ("importer", "eu")):
        carbonport("card", "--home", folder / name / "home", "--out", folder / name / "card.json")
        send(folder / name / "card.json", folder / regulator / f"{name}.json")
    accreditation = {
        f"CN/{LEIS['verifier']}": {
            "body": "An accreditation body", "certificate": "C-1", "scheme": "ISO 14065",
            "activityGroups": ["Crude steel"], "validFrom": 1, "validUntil": 4_000_000_000, "suspensions": [],
        }
    }  # fmt: skip
    (folder / "cn/accreditation.json").write_text(json.dumps(accreditation))
    carbonport(
        "trust", "issue", "--home", folder / "cn/home", "--out", folder / "cn/list.jws",
        "--participant", folder / "cn/exporter.json", "--participant", folder / "cn/verifier.json",
        "--accreditation", folder / "cn/accreditation.json",
        "--witness", f"CN/{LEIS['cn']}", "--quorum", 1,
    )  # fmt: skip
    carbonport(
        "trust", "issue", "--home", folder / "eu/home", "--out", folder / "eu/list.jws",
        "--participant", folder / "eu/importer.json", "--recognise", f"CN={folder}/eu/anchor-cn.jwk.json",
    )  # fmt: skip
    publish(folder)


def publish(folder: Path) -> None:
    for name in MEMBERS:
        files = [send(folder / who / "list.jws", folder / name / f"{who}.jws") for who in ("cn", "eu")]
        carbonport("trust", "add", *files, "--home", folder / name / "home")


async def echo(server: NodeHome, client: NodeHome) -> bytes:
    """One call over real TLS between two opened homes."""
    listening = server.server()
    service = echo_pb2.DESCRIPTOR.services_by_name["EchoService"]
    listening.add(echo_pb2_grpc.add_EchoServiceServicer_to_server, EchoServicer(), service)
    port = await listening.start("127.0.0.1:0")
    peers = client.peers()
    peers._endpoints[str(server.name)] = f"127.0.0.1:{port}"
    try:
        request = echo_pb2.EchoRequest(payload=b"across")
        method = "/carbonport.wire.v1.EchoService/Echo"
        answer = await peers.ask(str(server.name), method, request, echo_pb2.EchoResponse)
        return answer.payload
    finally:
        await peers.close()
        await listening.stop(0)


def test_four_folders_join_by_files_alone(tmp_path: Path) -> None:
    join(tmp_path)
    exporter = open_home(tmp_path / "exporter/home", environ={})
    importer = open_home(tmp_path / "importer/home", environ={})
    assert asyncio.run(echo(exporter, importer)) == b"across"
    shown = carbonport("trust", "list", "--home", tmp_path / "importer/home")
    states = {entry["jurisdiction"]: (entry["seq"], entry["state"]) for entry in shown["lists"]}
    assert states == {"CN": (1, "current"), "EU": (1, "current")}
    listed = [item["id"] for entry in shown["lists"] for item in entry["participants"]]
    assert sorted(listed) == sorted(f"{MEMBERS[name][0]}/{LEIS[name]}" for name in MEMBERS)
    words = (
        CliRunner()
        .invoke(whole_program(), ["trust", "list", "--home", str(tmp_path / "importer/home")])
        .stdout
    )
    assert "[red]" in words, "what others wrote is not markup"
    verifier = importer.trust.store().participant(f"CN/{LEIS['verifier']}", now=importer.identity.clock())
    assert verifier.accreditation is not None
    assert verifier.keys_at("verifier-seal", importer.identity.clock())


def test_rotation_reaches_the_others_with_the_next_list(tmp_path: Path) -> None:
    join(tmp_path)
    home = tmp_path / "exporter/home"
    ahead = [2]
    running = open_home(home, environ={}, clock=lambda: system_clock() + ahead[0])
    before = running.identity.record(KeyUse.SEAL).kid
    shown = carbonport("key", "rotate", "--use", "seal", "--use", "tls-issuer", "--home", home)
    assert {row["use"] for row in shown["rotated"]} == {"seal", "tls-issuer"}
    ahead[0] += 2
    after = running.identity.record(KeyUse.SEAL).kid
    assert after != before, "a running node follows: it looks at the list of keys once a second"
    importer = open_home(tmp_path / "importer/home", environ={})
    with pytest.raises(CarbonportError):
        asyncio.run(echo(running, importer))
    carbonport("card", "--home", home, "--out", tmp_path / "exporter/card.json")
    card = send(tmp_path / "exporter/card.json", tmp_path / "cn/exporter-2.json")
    carbonport(
        "trust", "issue", "--home", tmp_path / "cn/home", "--participant", card,
        "--out", tmp_path / "cn/list.jws",
    )  # fmt: skip
    publish(tmp_path)
    importer = open_home(tmp_path / "importer/home", environ={}, clock=lambda: system_clock() + 2)
    assert asyncio.run(echo(running, importer)) == b"across"
    now = importer.identity.clock()
    entry = importer.trust.store().participant(f"CN/{LEIS['exporter']}", now=now)
    valid = {key.kid: key.valid_at(now) for key in entry.keys if key.usage == "seal"}
    assert valid == {before: False, after: True}
    old = entry.key(before, "seal")
    assert old is not None
    assert old.valid_at(old.valid_from), "what the old key signed in its time still counts"
    rows = carbonport("key", "list", "--home", home)["keys"]
    assert [row["kid"] for row in rows if row["use"] == "seal"] == [before, after]


def test_a_card_cannot_rewrite_the_past(tmp_path: Path) -> None:
    """A participant that leaves a key out of its card, or that a regulator revoked, does not change what
    was listed.
    """
    join(tmp_path)
    cn = tmp_path / "cn/home"
    exporter = open_home(tmp_path / "exporter/home", environ={})
    seal = exporter.identity.record(KeyUse.SEAL).kid
    carbonport("trust", "issue", "--home", cn, "--revoke-key", seal, "--out", tmp_path / "cn/list.jws")
    carbonport(
        "trust", "issue", "--home", cn, "--participant", tmp_path / "cn/exporter.json",
        "--out", tmp_path / "cn/list.jws",
    )  # fmt: skip
    store = open_home(cn, environ={}).trust.store()
    entry = store.participant(f"CN/{LEIS['exporter']}", now=exporter.identity.clock())
    key = entry.key(seal, "seal")
    assert key is not None
    assert key.status == "revoked"
    shown = carbonport("trust", "list", "--home", cn)["lists"]
    assert [entry["seq"] for entry in shown] == [3, 1]


def test_the_regulator_says_who_belongs_together(tmp_path: Path) -> None:
    """The head of a group of undertakings stays in the list when a new card comes, until changed."""
    join(tmp_path)
    cn, exporter = tmp_path / "cn/home", f"CN/{LEIS['exporter']}"
    out, card = tmp_path / "cn/list.jws", tmp_path / "cn/exporter.json"

    def undertaking(*options: object) -> str:
        carbonport("trust", "issue", "--home", cn, "--out", out, *options)
        rows = carbonport("trust", "list", "--home", cn)["lists"][0]["participants"]
        return next(str(row["undertaking"]) for row in rows if row["id"] == exporter)

    assert undertaking() == LEIS["exporter"], "its own group"
    assert undertaking("--ultimate-parent", f"{exporter}={LEIS['cn']}") == LEIS["cn"]
    assert undertaking("--participant", card) == LEIS["cn"]
    assert undertaking("--ultimate-parent", f"{exporter}=") == LEIS["exporter"]


def test_an_older_list_never_comes_back(tmp_path: Path) -> None:
    join(tmp_path)
    first = (tmp_path / "cn/list.jws").read_bytes()
    carbonport("trust", "issue", "--home", tmp_path / "cn/home", "--out", tmp_path / "cn/list.jws")
    publish(tmp_path)
    (tmp_path / "cn/list.jws").write_bytes(first)
    with pytest.raises(FailedVerification) as caught:
        publish(tmp_path)
    assert caught.value.id == "trust-list-rollback"


def test_an_anchor_is_pinned_by_its_fingerprint_only(tmp_path: Path) -> None:
    for name in ("cn", "eu"):
        init(tmp_path, name)
    out = tmp_path / "anchor.jwk.json"
    shown = carbonport("trust", "anchor", "--home", tmp_path / "cn/home", "--export", out)
    pin = ("trust", "anchor", "--jurisdiction", "CN", "--home", tmp_path / "eu/home")
    for wrong in ((), ("--kid", "x"), ("--kid", shown["kid"][:-1] + "_")):
        with pytest.raises(FailedVerification) as caught:
            carbonport(*pin, "--key", out, *wrong)
        assert caught.value.id == "trust-anchor-fingerprint"
    carbonport(*pin, "--key", out, "--kid", shown["kid"])
    carbonport(*pin, "--remove", "--kid", shown["kid"])
    assert set(carbonport("trust", "list", "--home", tmp_path / "eu/home")["anchors"]) == {"EU"}
    with pytest.raises(Misuse):
        carbonport("trust", "anchor", "--home", tmp_path / "eu/home")


def test_a_list_of_an_unpinned_regulator_is_refused(tmp_path: Path) -> None:
    for name in ("cn", "importer"):
        init(tmp_path, name)
    carbonport("trust", "issue", "--home", tmp_path / "cn/home", "--out", tmp_path / "list.jws")
    with pytest.raises(FailedVerification) as caught:
        carbonport("trust", "add", tmp_path / "list.jws", "--home", tmp_path / "importer/home")
    assert caught.value.id == "trust-list-signer"


def test_only_a_regulator_issues(tmp_path: Path) -> None:
    init(tmp_path, "exporter")
    with pytest.raises(Misuse) as caught:
        carbonport("trust", "issue", "--home", tmp_path / "exporter/home", "--out", tmp_path / "list.jws")
    assert caught.value.id == "identity-key-absent"


def test_a_changed_card_is_refused(tmp_path: Path) -> None:
    for name in ("exporter", "cn"):
        init(tmp_path, name)
    card = tmp_path / "card.json"
    carbonport("card", "--home", tmp_path / "exporter/home", "--out", card)
    assert "PRIVATE" not in card.read_text()
    for old, new in [("127.0.0.1:7443", "127.0.0.2:7443"), ('"exporter"', '"regulator"')]:
        forged = tmp_path / "forged.json"
        forged.write_text(card.read_text().replace(old, new))
        with pytest.raises(FailedVerification) as caught:
            carbonport(
                "trust", "issue", "--home", tmp_path / "cn/home", "--participant", forged,
                "--out", tmp_path / "list.jws",
            )  # fmt: skip
        assert caught.value.id == "identity-card-changed"


def test_init_with_a_passphrase(tmp_path: Path) -> None:
    environ = {"CARBONPORT_PASSPHRASE": SECRET}
    assert init(tmp_path, "exporter", environ=environ)["encrypted"]
    home = tmp_path / "exporter/home"
    assert carbonport("key", "list", "--home", home, environ=environ)["keys"]
    with pytest.raises(Misuse) as caught:
        carbonport("key", "list", "--home", home, environ={"CARBONPORT_PASSPHRASE": ""})
    assert caught.value.id == "identity-passphrase-missing"
    asked = init(tmp_path, "importer", "--passphrase", input=f"{SECRET}\n{SECRET}\n")
    assert asked["encrypted"]
    for path in tmp_path.rglob("*.pem"):
        assert path.name == "certificate.pem" or b"ENCRYPTED" in path.read_bytes()


def test_init_refuses_what_cannot_be_meant(tmp_path: Path) -> None:
    init(tmp_path, "exporter")
    with pytest.raises(Misuse) as caught:
        init(tmp_path, "exporter")
    assert caught.value.id == "identity-exists"
    for more in (("--role", "verifier"), ("--approval", "never"), ("--identifier", "eori"), ("--store", "x")):
        with pytest.raises(CarbonportError):
            init(tmp_path, "importer", *more)
        assert not (tmp_path / "importer/home/keys").exists(), "nothing is left behind"
    assert stat.S_IMODE((tmp_path / "exporter/home").stat().st_mode) == 0o700
    assert load_config(tmp_path / "exporter/home").node.roles == ("exporter",)
