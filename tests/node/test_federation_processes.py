"""The processes of a federation, all of them real: what they carry, what they refuse, and what they survive."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest
from federation_stage import FederationStage

from carbonport.errors import CarbonportError, Malformed, Refused, Unavailable
from carbonport.federated import relay
from carbonport.federated.carried_sum import SHARES
from carbonport.federated.flower.adapter import TaskType, acquired_tasks
from carbonport.federated.flower.apps import Exchange, carry
from carbonport.federated.flower.bell import ring
from carbonport.federated.flower.bundle import app_bundle
from carbonport.federated.flower.members import MemberKeys
from carbonport.federated.flower.processes import flower_environment
from carbonport.federated.flower.superlink import Link
from carbonport.federated.flower.tls import member_key, trusting
from carbonport.federated.letter_sockets import RelaySocket
from carbonport.federated.relay import Reply
from carbonport.federated.training import train
from carbonport.node.bench.carried_ridge import PLACES, carried_ridge
from carbonport.node.federation.joining_trainings import enrol_with, require_desk

SECRET_WORDS = "row 17: 4.2"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FederationStage]:
    with FederationStage(tmp_path_factory.mktemp("federation")) as started:
        yield started


def question(stage: FederationStage, text: bytes) -> dict[str, Reply]:
    return stage.call(stage.exchange(dict.fromkeys(stage.members, text)))


def answered(text: bytes) -> dict[str, Reply]:
    return dict.fromkeys(("cn", "eu", "holder"), Reply(letter=b"question " + text))


def test_letters_go_to_those_named_and_come_back(stage: FederationStage) -> None:
    letters = {"cn": b"x" * 2_500_000, "holder": b""}
    replies = stage.call(stage.exchange(letters))
    assert replies == {name: Reply(letter=b"question " + letter) for name, letter in letters.items()}
    assert stage.desks["eu"].asked == [], "nobody is sampled"


def test_of_a_failure_the_id_travels_and_no_word(stage: FederationStage) -> None:
    async def refuses(kind: str, letter: bytes) -> bytes:
        raise Refused("training-cohort", found=SECRET_WORDS, expected="x", remedy="x")

    async def fails(kind: str, letter: bytes) -> bytes:
        raise ZeroDivisionError(SECRET_WORDS)

    stage.desks["cn"].instead, stage.desks["eu"].instead = refuses, fails
    replies = question(stage, b"one")
    stage.desks["cn"].instead = stage.desks["eu"].instead = None
    assert replies == {
        "cn": Reply(error="training-cohort"), "eu": Reply(error=relay.DEFECT), "holder": Reply(letter=b"question one"),
    }  # fmt: skip
    held = b"".join(path.read_bytes() for path in stage.link.folder.rglob("*") if path.is_file())
    assert SECRET_WORDS.encode() not in held


def test_an_app_that_is_not_listed_is_refused_by_everyone_and_the_next_training_goes_on(
    stage: FederationStage,
) -> None:
    files, members = stage.link, MemberKeys(stage.link.members)
    address = link_address(stage)
    link = Link(address, files.certificate.read_bytes(), files.secret.read_bytes())
    other = app_bundle().replace(b"holds none", b"holds nine")
    handed: dict[str, Reply] = {}
    by_key = link.keep_members(members.listed().values())
    numbers = {name: by_key[key] for name, key in members.listed().items()}
    link.start_run(other, "0" * 64)
    tokens = acquired_tasks(link.address, TaskType.SERVER_APP, link.secret, link.root_certificates)
    token = next(token for token in tokens if token is not None)
    with link.server_task(token, max_objects=9, sent=lambda: ring(files.bell)) as task:
        handed |= carry(
            task.grid, Exchange("question", dict.fromkeys(numbers, b"x"), 30, handed.update), numbers.get
        )
    assert handed == dict.fromkeys(numbers, Reply(error=relay.UNLISTED_APP))
    assert [desk.asked[-1] for desk in stage.desks.values()] == [(relay.TOLD_OF_APP, 64)] * len(numbers)
    assert question(stage, b"two") == answered(b"two")


def link_address(stage: FederationStage) -> str:
    (pid,) = stage.pids("carrier", stage.coordinator)
    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return command[command.index("--link") + 1]


def test_only_fleet_routes_are_reached_from_outside_and_the_superlink_is_not(stage: FederationStage) -> None:
    host, _, port = stage.front.partition(":")
    context = trusting(stage.link.front_certificate.read_bytes())

    async def status(path: str, key: str = "") -> int:
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/protobuf\r\n{key}"
            "Content-Length: 0\r\n\r\n".encode()
        )
        line = await reader.readline()
        writer.close()
        return int(line.split(b" ")[1])

    for path in (
        "/v1/control/start-run",
        "/v1/runtime/acquire-task",
        "/v1/fleet/../control/list-runs",
        "/health",
    ):
        assert asyncio.run(status(path)) == 404
    assert asyncio.run(status("/v1/fleet/pull-messages")) == 401
    # All of Flower's own listen on loopback alone: 0100007F in the kernel's table, state 0A.
    ports = {int(link_address(stage).rpartition(":")[2])}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {line[1] for line in lines if line[3] == "0A" and int(line[1].partition(":")[2], 16) in ports}
    assert {address.partition(":")[0] for address in listening} == {"0100007F"}
    # Without TLS of the pinned certificate there is nothing to talk to.
    with pytest.raises(ssl.SSLError):
        asyncio.run(asyncio.open_connection(host, int(port), ssl=ssl.create_default_context()))


def test_who_enrols_is_who_the_trust_list_says(stage: FederationStage) -> None:
    async def enrolled(node: str, key: bytes) -> None:
        peers = (stage.outsider if node == "outsider" else stage.members[node]).peers
        await enrol_with(peers, stage.coordinator.id, key)

    def refused(node: str, key: bytes) -> str:
        with pytest.raises(CarbonportError) as caught:
            stage.call(enrolled(node, key))
        return caught.value.id

    keys = MemberKeys(stage.link.members)
    before = keys.listed()
    assert refused("outsider", member_key()[1]) == "transport-role"
    assert refused("cn", b"no key") == "federation-key"
    assert keys.listed() == before
    # A key that two claim is nobody's: neither speaks for the other.
    stolen = before[stage.members["eu"].id]
    stage.call(enrolled("holder", stolen))
    assert stage.members["eu"].id not in keys.listed()
    stage.call(enrolled("holder", before[stage.members["holder"].id]))
    assert keys.listed() == before


def sockets(pid: int) -> list[tuple[str, str, str]]:
    """Protocol, remote address and state of every internet socket of a process, as the kernel tells."""
    own = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}
    found = []
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in own:
                found.append((protocol, fields[2].partition(":")[0], fields[3]))
    return found


def test_a_training_connects_to_nothing_but_this_machine_and_flower_calls_nobody(
    stage: FederationStage,
) -> None:
    """In the middle of an exchange, of all processes of Flower and of those that start them (this one)."""
    homes = (stage.coordinator, *stage.members.values())
    words = ("superlink", "carrier", "supernode", "participant")
    pids = {word: [pid for home in homes for pid in stage.pids(word, home)] for word in words}
    assert {word: len(found) for word, found in pids.items()} == {
        "superlink": 1, "carrier": 1, "supernode": 3, "participant": 3,
    }  # fmt: skip
    seen: list[tuple[str, str, str]] = []

    async def look(kind: str, letter: bytes) -> bytes:
        for pid in (os.getpid(), *(pid for found in pids.values() for pid in found)):
            seen.extend(sockets(pid))
        return b"looked"

    stage.desks["cn"].instead = look
    assert question(stage, b"four")["cn"] == Reply(letter=b"looked")
    stage.desks["cn"].instead = None
    listening, established = "0A", "01"
    loopback = {"0100007F", "0" * 16 + "FFFF00000100007F", "0" * 24 + "01000000"}  # 127.0.0.1, so mapped, ::1
    connected = [address for _, address, state in seen if state != listening]
    assert set(connected) <= loopback
    assert sum(state == established for _, _, state in seen) >= 3, "each SuperNode's to the front"
    assert not [protocol for protocol, _, _ in seen if protocol.startswith("udp")], "no name is looked up"
    for pid in (pid for found in pids.values() for pid in found):
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert {b"FLWR_TELEMETRY_ENABLED=0", b"FLWR_DISABLE_UPDATE_CHECK=1"} <= set(environment)


def test_a_training_over_a_superlink_that_is_killed_is_the_pooled_one_to_the_last_integer(
    stage: FederationStage,
) -> None:
    """The ridge by the secure sum, each of the three a contributor and a holder. The SuperLink is killed while holders
    add; the carrier begins another run at the next one, and is handed the open exchange."""
    short = dict(zip(PLACES, stage.members, strict=True))
    opened: list[RelaySocket] = []
    killed: list[int] = []
    members = MemberKeys(stage.link.members).listed()

    def deadly(desk: relay.Desk) -> Callable[[str, bytes], Awaitable[bytes]]:
        async def answer(kind: str, letter: bytes) -> bytes:
            if kind == SHARES and not killed:
                killed.extend(stage.pids("superlink", stage.coordinator))
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
            return await desk.answer(kind, letter)

        return answer

    class OverFlower:
        async def exchange(
            self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
        ) -> Mapping[str, Reply]:
            ids = {place: stage.members[short[place]].id for place in letters}
            asked = {ids[place]: letter for place, letter in letters.items()}
            # A SuperLink takes half a minute to come back on a busy machine.
            replies = await opened[0].exchange(kind, asked, timeout_seconds=2 * timeout_seconds)
            return {place: replies[ids[place]] for place in letters}

    def relay_of(desks: Mapping[str, relay.Desk]) -> relay.Relay:
        for place, desk in desks.items():
            stage.desks[short[place]].instead = deadly(desk)
        return OverFlower()

    ridge = carried_ridge(relay_of)

    async def trained() -> tuple[int, ...]:
        async with RelaySocket(stage.link.relay) as one_run:
            opened.append(one_run)
            return (await ridge.trained("secure")).integers()

    federated = stage.call(trained())
    for desk in stage.desks.values():
        desk.instead = None
    assert federated == train(ridge.task.training(), ridge.cohort.sum_of).integers()
    assert killed
    assert MemberKeys(stage.link.members).listed() == members, "nobody has to enrol again"


def test_a_supernode_that_is_killed_comes_back_and_is_asked_again(stage: FederationStage) -> None:
    async def killed(kind: str, letter: bytes) -> bytes:
        stage.desks["eu"].instead = None
        for pid in stage.pids("supernode", stage.members["eu"]):
            os.kill(pid, signal.SIGKILL)
        return b"lost on the way"

    before = MemberKeys(stage.link.members).listed()
    stage.desks["eu"].instead = killed
    assert question(stage, b"three") == answered(b"three")
    assert stage.desks["eu"].asked[-2:] == [("question", 5)] * 2, "the same letter came twice"
    after = MemberKeys(stage.link.members).listed()
    assert [name for name in after if after[name] != before[name]] == [stage.members["eu"].id]


def test_a_member_that_left_is_missed_and_the_others_are_not_held_up(stage: FederationStage) -> None:
    async def leave() -> None:
        stage.joined["eu"].cancel()
        await asyncio.gather(stage.joined["eu"], return_exceptions=True)

    stage.call(leave())
    assert (
        stage.pids("supernode", stage.members["eu"]) == stage.pids("participant", stage.members["eu"]) == []
    )
    replies = stage.call(stage.exchange(dict.fromkeys(stage.members, b"six"), timeout_seconds=6))
    assert replies == {**answered(b"six"), "eu": Reply(error=relay.NO_REPLY)}


def test_nothing_reached_out_and_nobody_sees_what_is_the_owners(stage: FederationStage) -> None:
    assert "refused: socket" not in stage.logs()
    for home in (stage.coordinator, *stage.members.values()):
        folder = home.home / "federation"
        assert folder.stat().st_mode & 0o077 == 0
        for secret in folder.glob("*.secret"):
            assert secret.stat().st_mode & 0o077 == 0


def test_a_process_reaches_nothing_but_this_machine_and_starts_no_program(tmp_path: Path) -> None:
    program = (
        "import socket, subprocess\n"
        "from carbonport.federated.flower.confinement import ReachedOutError, confine\n"
        "confine()\n"
        "def refused(act):\n"
        "    try: act()\n"
        "    except ReachedOutError: return True\n"
        "    except OSError: return False\n"
        "tries = (lambda: socket.create_connection(('192.0.2.1', 443), 1),\n"
        "    lambda: socket.getaddrinfo('api.flower.ai', 443),\n"
        "    lambda: socket.socket().connect(('127.0.0.1', 1)), lambda: subprocess.run(['true']))\n"
        "print([refused(act) for act in tries])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=flower_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[True, True, False, True]"
    assert set(flower_environment(tmp_path)) <= {
        "FLWR_TELEMETRY_ENABLED", "FLWR_DISABLE_UPDATE_CHECK", "FLWR_HOME", "FLWR_LOG_LEVEL", "HOME", "PATH",
        "PYTHONUNBUFFERED", "LANG", "LC_ALL", "TZ", "TMPDIR",
    }  # fmt: skip


def test_without_a_serving_node_nobody_joins(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="federation-node-not-serving"):
        require_desk(tmp_path / "desk.sock")


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"key":"x","participant":"y"}'])
def test_a_damaged_member_file_counts_for_nobody(tmp_path: Path, damage: bytes) -> None:
    members = MemberKeys(tmp_path)
    key = member_key()[1]
    members.path_of("CN/A").write_bytes(members.content_of("CN/A", key))
    members.path_of("CN/B").write_bytes(damage)
    (tmp_path / "copied.json").write_bytes(members.content_of("CN/C", member_key()[1]))
    assert members.listed() == {"CN/A": key}
    with pytest.raises(Malformed, match="federation-key"):
        members.content_of("CN/A", b"-----BEGIN")
