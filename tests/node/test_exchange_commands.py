"""Four participants on four machines that share no file, from `init` to revocation, by command alone.

Approval is a person here, as it is unless someone decides otherwise. Exit codes are the contract's: 0 ok, 1 a check
failed, 2 usage, 3 refused, 4 unreachable.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from command_nodes import SECONDS_PER_DAY, Country, Person, make_country
from played_demo import STEELWORKS
from warm_programs import programs

from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.presentation import Presentation
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import b64url_decode
from carbonport.errors import Refused
from carbonport.node.exporter.approvals import StoredApproval, add_approval
from carbonport.node.exporter.inbox import RequestState, entry_of
from carbonport.node.exporter.person_decides import approve
from carbonport.node.home import open_home
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant

CN = "72083900"
PERIOD = "2026-01-01/2026-12-31"

MAX_TRIES = 20
"""Each lasts as long as gRPC's own retries."""


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    """Everybody serves, and the exporter's statement is signed."""
    # Short, for the control sockets stand in the homes.
    made = make_country(tmp_path_factory.mktemp("c"))
    try:
        for person in made.serving():
            person.serve()
        _verified_data(made, STEELWORKS)
        yield made
    finally:
        for person in made.serving():
            if person.node is not None:
                person.node.stop()


def _verified_data(country: Country, ledger: Path) -> None:
    taken = country.exporter.do("intake", ledger)
    assert taken["records"] > 0
    _signed(country, taken["ledger"])


def _signed(country: Country, ledger: str) -> None:
    exporter, verifier = country.exporter, country.verifier
    out = ("--out", exporter.file("openings"))
    exporter.do("commit", "--verifier", verifier.id, "--ledger", ledger, *out)
    exporter.hand("openings", verifier)
    # On site: the one place where the verifier reads the exporter's store, and it only reads.
    store = exporter.home / "data"
    examined = verifier.do("verify-data", "--store", store, "--openings", verifier.file("openings"))
    assert examined["deviations"] == []
    openings = ("--openings", verifier.file("openings"))
    report = verifier.file("report.csv")
    good = ",".join((examined["goods"][0]["process"], examined["goods"][0]["cn"]))
    report.write_text(f"process,cn,result,value\n{good},see_total,99\n,,direct_emissions,1\n")
    compared = ("--report", report, "--profile", "cn-beijing")
    misstated = verifier.do("verify-data", "--store", store, *openings, *compared, code=1)
    assert misstated["materiality"]["outcome"] == "sent-back"
    assert [item["beyond"] for item in misstated["differences"]] == [True, True]
    assert misstated["differences"][0]["place"] == "report.csv line 2"
    refused = verifier.do(
        "sign", "--store", store, *openings, *compared, "--out", verifier.file("no.json"), code=3
    )
    assert refused["error"]["id"] == "bench-material-misstatement"
    own = {item["result"]: item["recomputed"] for item in misstated["differences"]}
    report.write_text(
        f"process,cn,result,value\n{good},see_total,{own['see_total']}\n"
        f",,direct_emissions,{own['direct_emissions']}\n"
    )
    signed = verifier.do(
        "sign", "--store", store, *openings, *compared, "--out", verifier.file("statement.json")
    )
    assert signed["materiality"]["outcome"] == "none"
    assert signed["materiality"]["basis"] == "operator-report"
    verifier.hand("statement.json", exporter)
    added = exporter.do("statement", "add", exporter.file("statement.json"))
    assert added["opinion"] == "satisfactory"
    assert exporter.do("statement", "list")["statements"][0]["state"] == "current"


def asking(country: Country, consignment: str, *options: str) -> tuple[str, ...]:
    return (
        *("query", country.exporter.id, "--cn", CN, "--period", PERIOD),
        *("--consignment", consignment, "--net-mass-t", "18.25", *options),
    )


def asked(country: Country, consignment: str) -> str:
    """A pending request's id. Just after the exporter came back, the importer's channel may still wait to connect."""
    for _ in range(MAX_TRIES):
        answered = country.importer.run(*asking(country, consignment))
        if answered.code != 4:
            break
    answer = answered.expect(0)
    assert answer["state"] == "pending"
    return str(answer["request"])


def approved(country: Country, consignment: str, *options: str) -> tuple[str, str]:
    """Request and attestation of a request that a person approved."""
    request = asked(country, consignment)
    issued = country.exporter.do("approve", request, "--by", "Lin", *options)
    assert issued["state"] == "issued", issued
    return request, str(issued["attestation"])


def fetched(importer: Person, request: str, *options: str, code: int = 0) -> dict[str, Any]:
    return importer.do("fetch", request, "--out", importer.file(f"{request}.json"), *options, code=code)


def failed(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in report["checks"] if not item["ok"]}


def header(bundle: Path) -> dict[str, Any]:
    """What stands open in the attestation of a bundle."""
    credential = Presentation.decode(read_bundle(bundle.read_bytes()).presentation).credential
    content: dict[str, Any] = json.loads(b64url_decode(credential.partition("~")[0].split(".")[1]))
    return content


def test_homes_share_no_file(country: Country) -> None:
    inodes = [
        path.stat().st_ino for person in country.all() for path in person.machine.rglob("*") if path.is_file()
    ]
    assert len(inodes) == len(set(inodes))
    assert not any(path.is_symlink() for person in country.all() for path in person.machine.rglob("*"))


def test_a_person_approves_and_the_bundle_verifies(country: Country) -> None:
    importer, exporter = country.importer, country.exporter
    request = asked(country, "COMMAND-1")
    pending = exporter.do("requests")["requests"]
    assert request in {item["request"] for item in pending}
    early = fetched(importer, request, code=2)
    assert early["error"]["id"] == "query-not-issued"

    approval = exporter.do("approve", request, "--by", "Lin", "--days", "2", "--uses", "5")
    assert (approval["state"], approval["uses"]) == ("issued", 5)
    again = importer.do(*asking(country, "COMMAND-1", "--request-id", request))
    assert (again["state"], again["attestation"]) == ("issued", approval["attestation"])
    received = fetched(importer, request)
    assert received["state"] == "complete"

    bundle = importer.file(f"{request}.json")
    assert importer.do("verify", bundle)["ok"]
    assert "consignment-binding" in failed(importer.do("verify", bundle, "--consignment", "OTHER-1", code=1))
    # An exporter may check what it issued; a bundle must be the reader's own only when the reader is an importer.
    assert programs().run("verify", bundle, "--home", exporter.home, "--json").expect()["ok"]
    assert exporter.do("requests")["requests"] == [
        item for item in exporter.do("requests")["requests"] if item["request"] != request
    ]
    decided_twice = exporter.do("approve", request, "--by", "Lin", code=2)
    assert decided_twice["error"]["id"] == "request-not-pending"


def test_a_person_refuses(country: Country) -> None:
    request = asked(country, "COMMAND-2")
    refused = country.exporter.do("refuse", request, "--by", "Lin", "--reason", "price talks with Duisburg")
    assert refused["state"] == "refused"
    told = country.importer.run(*asking(country, "COMMAND-2", "--request-id", request))
    assert told.expect(3)["state"] == "refused"
    assert "Duisburg" not in told.output, "the reason stays with the exporter"
    assert fetched(country.importer, request, code=2)["error"]["id"] == "query-not-issued"


def test_an_approval_is_counted(country: Country) -> None:
    request, attestation = approved(country, "COMMAND-3", "--uses", "1")
    fetch = secrets.token_hex(16)
    fetched(country.importer, request, "--fetch-id", fetch)
    repeated = fetched(country.importer, request, "--fetch-id", fetch)
    assert repeated["state"] == "complete", "the same fetch counts once"
    spent = fetched(country.importer, request, "--fetch-id", secrets.token_hex(16), code=3)
    assert spent["error"]["id"] == "approval-spent"

    # Approved again, it is the same attestation, fetched as often as the new word allows.
    renewed = country.exporter.do("approve", request, "--by", "Lin", "--uses", "1")
    assert (renewed["state"], renewed["attestation"], renewed["uses"]) == ("issued", attestation, 1)
    fetched(country.importer, request, "--fetch-id", secrets.token_hex(16))
    spent = fetched(country.importer, request, "--fetch-id", secrets.token_hex(16), code=3)
    assert spent["error"]["id"] == "approval-spent"
    listed = {item["request"]: item for item in country.exporter.do("requests", "--all")["requests"]}
    assert (listed[request]["approval"]["uses"], listed[request]["approval"]["holds"]) == (1, False)


@pytest.mark.parametrize(
    "item",
    [
        "activity_level",
        "latitude",
        "longitude",
        "attributed_direct",
        "installation_direct_emissions",
        "electricity",
    ],
)
def test_protected_items_are_refused_at_once(country: Country, item: str) -> None:
    """No person can approve what the policy never gives."""
    told = country.importer.do(*asking(country, "COMMAND-4", "--item", item), code=3)
    assert (told["state"], told["attestation"]) == ("refused", "")
    assert told["reason"]


def test_revoked_and_superseded(country: Country) -> None:
    exporter, importer = country.exporter, country.importer
    request, attestation = approved(country, "COMMAND-5")
    fetched(importer, request)
    exporter.do("revoke", attestation, "--reason", "scale calibrated anew")
    twice = exporter.do("revoke", attestation, "--reason", "again", code=2)
    assert twice["error"]["id"] == "attestation-not-revocable"

    # What was received stays as it was until fresh status tokens are taken: offline is offline.
    bundle, refreshed = importer.file(f"{request}.json"), importer.file("refreshed.json")
    assert importer.do("verify", bundle)["ok"]
    assert importer.do("refresh", request, "--out", refreshed, code=1)["state"] == "revoked"
    report = failed(importer.do("verify", refreshed, code=1))
    assert {name: check["error"] for name, check in report.items()} == {
        "attestation-status": "status-revoked"
    }
    gone = fetched(importer, request, "--fetch-id", secrets.token_hex(16), code=3)
    assert gone["error"]["id"] == "attestation-revoked"

    second, successor = approved(country, "COMMAND-5")
    assert successor != attestation
    fetched(importer, second)
    named = header(importer.file(f"{second}.json"))
    assert (named["id"], named["supersedes"]) == (successor, attestation)
    assert importer.do("verify", importer.file(f"{second}.json"))["ok"]


def test_the_regulator_audits_over_the_wire_and_from_a_folder(country: Country) -> None:
    regulator, exporter = country.regulator, country.exporter
    request, _attestation = approved(country, "COMMAND-6")
    fetched(country.importer, request)
    audit = regulator.do("audit", exporter.id)
    assert audit["ok"]
    crossing = [entry for entry in audit["entries"] if entry["type"] == "crossing"][-1]
    assert crossing["recipient"] == country.importer.id
    assert "see_direct" in {item["field"] for item in crossing["items"]}
    exporter.do("log", "export", "--out", exporter.file("log"))
    copied = regulator.file("log")
    copied.mkdir(exist_ok=True)
    for path in exporter.file("log").rglob("*"):
        if path.is_file():
            to = copied / path.relative_to(exporter.file("log"))
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    assert regulator.do("audit", copied)["size"] >= audit["size"]
    entries = next(
        path for path in copied.rglob("*") if path.parent.name == "000.p" and "entries" in str(path)
    )
    data = bytearray(entries.read_bytes())
    data[len(data) // 2] ^= 1
    entries.write_bytes(data)
    assert regulator.run("audit", copied / "no-such-folder").expect(2)["error"]["id"] == "audit-target"
    tampered = regulator.run("audit", copied)
    assert tampered.code == 1, tampered
    assert tampered.json()["ok"] is False


def test_exit_codes_of_misuse(country: Country, tmp_path: Path) -> None:
    importer, exporter = country.importer, country.exporter
    assert programs().run("verify").code == 2
    assert programs().run("no-such-command").code == 2
    assert importer.run("query", country.exporter.id, "--cn", CN).code == 2
    assert importer.run("intake", STEELWORKS).expect(2)["error"]["id"] == "participant-role"
    assert exporter.run("approve", "00" * 16, "--by", "Lin").expect(2)["error"]["id"] == "request-not-pending"
    unknown = importer.run("fetch", "00" * 16, "--out", tmp_path / "b.json")
    assert unknown.expect(2)["error"]["id"] == "query-unknown"
    (tmp_path / "noise.xlsx").write_bytes(b"noise")
    assert exporter.run("intake", tmp_path / "noise.xlsx").expect(1)["error"]["family"] == "malformed"
    no_such_good = importer.run(*asking(country, "COMMAND-7"), "--cn", "99999999")
    assert no_such_good.expect(3)["state"] == "refused"


def test_two_installations_in_one_period(country: Country, tmp_path: Path) -> None:
    """Each has a statement of its own; what an importer asks for is found in whichever makes the good."""
    exporter, importer = country.exporter, country.importer
    text = STEELWORKS.read_text(encoding="utf-8").replace("Yanhai Integrated Steelworks", "Second Works")
    second = tmp_path / "second.yaml"
    second.write_text(text.replace('"72083900"', '"72091500"'), "utf-8")
    taken = exporter.do("intake", second)
    # The other site's data come in before the verifier arrives: what is verified is what was committed to.
    exporter.do("intake", STEELWORKS)
    _signed(country, taken["ledger"])
    states = [item["state"] for item in exporter.do("statement", "list")["statements"]]
    assert states.count("current") == 2
    for number, cn in enumerate((CN, "72091500")):
        options = (*asking(country, f"SITES-{number}"), "--cn", cn)
        request = importer.do(*options)["request"]
        assert exporter.do("approve", request, "--by", "Lin")["state"] == "issued"
        fetched(importer, request)
        assert importer.do("verify", importer.file(f"{request}.json"))["ok"]

    # Of what both make the importer says whose it is, by a name that one alone has.
    both = ("--cn", "72142000")
    for options, reason in (
        ((), "request-installation-open"),
        (("--installation", "CN-91130200EXAMPLE01X"), "request-installation"),
        (("--installation", "Third Works"), "request-installation"),
    ):
        assert importer.do(*asking(country, "SITES-3", *both, *options), code=3)["reason"] == reason
    for name in ("Second Works", "Yanhai Integrated Steelworks"):
        options = asking(country, "SITES-3", *both, "--installation", name)
        request = importer.do(*options)["request"]
        assert {item["installation"] for item in exporter.do("requests")["requests"]} >= {name}
        assert exporter.do("approve", request, "--by", "Lin")["state"] == "issued"
        # Each from a lot of its own, under a key of its own: the second is no fork of the first.
        fetched(importer, request)
        assert importer.do("verify", importer.file(f"{request}.json"))["ok"]


def test_an_approval_expires(country: Country) -> None:
    """The exporter's node two days later: its clock is a parameter, its process stands still meanwhile."""
    exporter, importer = country.exporter, country.importer
    request, attestation = approved(country, "COMMAND-8", "--days", "1", "--uses", "9")
    left = asked(country, "COMMAND-12")
    assert exporter.node is not None
    assert exporter.node.stop() == 0

    @asynccontextmanager
    async def in_days(days: int) -> AsyncIterator[OpenNode]:
        def clock() -> int:
            return system_clock() + days * SECONDS_PER_DAY

        # The transport keeps the true time: TLS itself does.
        opened = open_home(exporter.home, environ={})
        node = await OpenNode.open(Participant.open(opened, clock=clock))
        try:
            yield node
        finally:
            await node.close()

    async def release(node: OpenNode) -> bytes:
        fetch = secrets.token_hex(16)
        return (await node.releases.release(attestation, importer=importer.id, request_id=fetch)).payload

    async def two_days() -> None:
        async with in_days(0) as node:
            first = await release(node)
            # A yes whose answer broke off, and then its day passed.
            lapsed = StoredApproval(
                "lapsed", importer.id, left, "cbam-declaration", "Lin", system_clock(), 1, 0
            )
            with node.participant.store.writing() as connection:
                add_approval(connection, lapsed, now=system_clock() - SECONDS_PER_DAY)
                waiting = entry_of(connection, importer.id, left)
            assert waiting is not None
            assert (await node.answers.answer(waiting.request)).state is RequestState.PENDING
            answer = await approve(node, {"request": left, "by": "Lin"})
            assert isinstance(answer, dict)
            assert answer["state"] == "issued"
            assert (await node.answers.answer(waiting.request)).attestation == answer["attestation"]
        async with in_days(2) as node:
            logged = node.log.size
            for _ in range(3):
                with pytest.raises(Refused, match="approval-spent"):
                    await release(node)
            assert node.log.size == logged + 1, "the same refusal, once a day"
            given = await asyncio.gather(
                *(approve(node, {"request": request, "by": "Lin"}) for _ in range(2))
            )
            assert given[0] == given[1], "two who say it at once say it once"
            assert await release(node) == first

    try:
        asyncio.run(two_days())
    finally:
        exporter.serve()


def test_unreachable_and_offline(country: Country) -> None:
    """Last: the exporter goes. Asking it is 4; what was received verifies without anybody; its own desk still works."""
    exporter, importer = country.exporter, country.importer
    request, _attestation = approved(country, "COMMAND-9")
    fetched(importer, request)
    assert exporter.node is not None
    exporter.node.stop()
    away = importer.run(*asking(country, "COMMAND-10"))
    assert away.expect(4)["error"]["family"] == "unavailable"
    assert fetched(importer, request, "--fetch-id", secrets.token_hex(16), code=4)["error"]["remedy"]
    assert country.regulator.run("audit", exporter.id).expect(4)["error"]["id"]
    assert exporter.do("requests", "--all")["requests"], "a command opens the node itself when none serves"
    assert importer.do("verify", importer.file(f"{request}.json"))["ok"]


def test_a_withdrawn_statement(country: Country) -> None:
    """The verifier's word is the verifier's to take back; then a fresh bundle says so."""
    country.exporter.serve()
    importer, verifier = country.importer, country.verifier
    request, _attestation = approved(country, "COMMAND-11")
    fetched(importer, request)
    digest = header(importer.file(f"{request}.json"))["statement"]["digest"]
    verifier.do("withdraw", digest, "--reason", "a meter was wrong")
    again = verifier.do("withdraw", digest, "--reason", "again", code=2)
    assert again["error"]["id"] == "statement-not-withdrawable"
    refreshed = importer.file("withdrawn.json")
    assert importer.do("refresh", request, "--out", refreshed, code=1)["state"] == "revoked"
    report = failed(importer.do("verify", refreshed, code=1))
    assert {name: check["error"] for name, check in report.items()} == {"statement-status": "status-revoked"}
