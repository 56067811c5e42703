"""The witness: every outcome of C2SP tlog-witness, compared and recorded in one step; and a log that asks it."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_world import ORIGIN, FickleWitness, LogWorld, Ticking, crossing

from carbonport.crypto.checkpoint import Checkpoint, cosignature_times, sign_checkpoint
from carbonport.crypto.merkle import Frontier, consistency_proof, leaf_hash
from carbonport.crypto.notes import TYPE_COSIGNATURE, NoteSignature, NoteSigner, SignedNote
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import FailedVerification, Malformed, Misuse, Unavailable
from carbonport.node.log.add_checkpoint import AddCheckpoint, Outcome, Status, encode_request
from carbonport.node.log.cosigners import can_make_quorum
from carbonport.node.log.settings import LogSettings
from carbonport.node.log.witness import LocalWitness, LogWitness
from carbonport.node.store import Store

LOG = NoteSigner.generate(ORIGIN)
COSIGNER = NoteSigner.generate("witness.example", TYPE_COSIGNATURE)


class Tree:
    """A log's tree with every node kept."""

    def __init__(self, flavour: str = "") -> None:
        self.flavour = flavour
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.frontier = Frontier()
        self.roots = [self.frontier.root()]

    def grow(self, size: int) -> "Tree":
        while self.frontier.size < size:
            leaf = leaf_hash(f"{self.flavour}{self.frontier.size}".encode())
            self.nodes.update({(level, at): digest for level, at, digest in self.frontier.append(leaf)})
            self.roots.append(self.frontier.root())
        return self

    def note(self, size: int, signer: NoteSigner = LOG, origin: str = ORIGIN) -> SignedNote:
        return sign_checkpoint(Checkpoint(origin, size, self.roots[size]), signer)

    def proof(self, old: int, new: int) -> list[bytes]:
        return consistency_proof(old, new, lambda level, at: self.nodes[level, at]) if old else []

    def request(self, old: int, new: int) -> bytes:
        return encode_request(old, self.proof(old, new), self.note(new))


@pytest.fixture
def store(store_location: str) -> Iterator[Store]:
    opened = Store.open(store_location)
    yield opened
    opened.close()


@pytest.fixture
def witness(store: Store) -> LogWitness:
    return LogWitness(
        store, COSIGNER, lambda origin: [LOG.verifier] if origin == ORIGIN else [], clock=Ticking(1000)
    )


def test_a_log_that_grows_is_cosigned(witness: LogWitness) -> None:
    tree = Tree().grow(20)
    assert witness.witnessed_size(ORIGIN) == 0
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 20)):
        outcome = witness.add_checkpoint(tree.request(old, new))
        assert outcome.status is Status.OK
        note = tree.note(new)
        signed = note.with_signature(NoteSignature.parse(outcome.require_ok().decode().removesuffix("\n")))
        assert cosignature_times(signed, [COSIGNER.verifier]) == {"witness.example": 1000}
        assert witness.witnessed_size(ORIGIN) == new


def test_a_conflict_says_the_recorded_size(witness: LogWitness) -> None:
    tree = Tree().grow(20)
    witness.add_checkpoint(tree.request(0, 8))
    for old in (0, 3, 9):
        assert witness.add_checkpoint(tree.request(old, 20)) == Outcome(Status.CONFLICT, size=8)
    assert witness.add_checkpoint(tree.request(0, 8)) == Outcome(Status.CONFLICT, size=8)


def test_another_history_is_refused(witness: LogWitness) -> None:
    tree, fork = Tree().grow(20), Tree("fork").grow(20)
    witness.add_checkpoint(tree.request(0, 8))
    bad = [
        fork.request(8, 20),
        fork.request(8, 8),
        encode_request(8, [], tree.note(20)),
        encode_request(8, tree.proof(7, 20), tree.note(20)),
        encode_request(8, [bytes(32)], tree.note(8)),
        encode_request(8, tree.proof(8, 20), fork.note(20)),
    ]
    for request in bad:
        assert witness.add_checkpoint(request).status is Status.BAD_PROOF
    assert witness.witnessed_size(ORIGIN) == 8
    assert witness.add_checkpoint(tree.request(8, 20)).status is Status.OK


def test_a_first_checkpoint_comes_without_proof(witness: LogWitness) -> None:
    tree = Tree().grow(4)
    request = encode_request(0, [bytes(32)], tree.note(4))
    assert witness.add_checkpoint(request).status is Status.BAD_PROOF
    assert witness.witnessed_size(ORIGIN) == 0


def test_strangers_are_refused(witness: LogWitness) -> None:
    tree = Tree().grow(4)
    other = NoteSigner.generate("other.example/log")
    unknown = encode_request(0, [], tree.note(4, other, "other.example/log"))
    assert witness.add_checkpoint(unknown).status is Status.UNKNOWN_ORIGIN
    impostor = encode_request(0, [], tree.note(4, NoteSigner.generate(ORIGIN)))
    assert witness.add_checkpoint(impostor).status is Status.UNTRUSTED
    note = tree.note(4)
    signature = note.signatures[0]
    forged = SignedNote(note.text, (NoteSignature(signature.name, signature.key_id, bytes(64)),))
    assert witness.add_checkpoint(encode_request(0, [], forged)).status is Status.UNTRUSTED


def test_malformed_requests_are_refused(witness: LogWitness) -> None:
    tree = Tree().grow(8)
    good = tree.request(0, 4)
    too_long = encode_request(0, [bytes(32)] * 64, tree.note(4))
    for request in (
        b"",
        good.replace(b"old 0", b"old 00"),
        good.replace(b"old 0", b"old -1"),
        good.replace(b"old 0\n", b"old 0\n!\n"),
        good.replace(b"old 0\n", b"old 0\nAAAA\n"),
        good.replace(b"\n\n", b"\n", 1),
        good[:-1],
        too_long,
        good + bytes(200_000),
        tree.request(8, 8).replace(b"old 8", b"old 9"),
    ):
        assert witness.add_checkpoint(request).status is Status.MALFORMED
    assert AddCheckpoint.parse(good).encode() == good


def test_outcomes_that_refuse_are_errors_at_a_door() -> None:
    for outcome, family, error_id in (
        (Outcome(Status.MALFORMED), Malformed, "witness-request-format"),
        (Outcome(Status.UNTRUSTED), FailedVerification, "witness-unknown-log"),
        (Outcome(Status.UNKNOWN_ORIGIN), FailedVerification, "witness-unknown-log"),
        (Outcome(Status.CONFLICT, size=7), FailedVerification, "witness-conflict"),
        (Outcome(Status.BAD_PROOF), FailedVerification, "witness-bad-proof"),
    ):
        with pytest.raises(family, match=error_id):
            outcome.require_ok()


def test_of_two_histories_at_once_one_is_cosigned(witness: LogWitness) -> None:
    trees = [Tree(flavour).grow(9) for flavour in "abcdefgh"]
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda tree=tree: outcomes.append(witness.add_checkpoint(tree.request(0, 9))))
        for tree in trees
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.status for each in outcomes) == [Status.OK] + [Status.CONFLICT] * 7


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LogWorld]:
    made = LogWorld(tmp_path)
    yield made
    made.close()


async def test_without_the_witness_nothing_is_signed_at_first(world: LogWorld, store: Store) -> None:
    world.witness.cut = True
    log = await world.open(store)
    with pytest.raises(Unavailable, match="log-witness-unreachable"):
        await log.append(crossing(1))
    assert log.size == 0
    world.witness.cut = False
    assert not (await log.append(crossing(1))).provisional
    await log.close()


async def test_a_receipt_without_quorum_is_provisional_and_can_be_upgraded(
    world: LogWorld, store: Store
) -> None:
    log = await world.open(store)
    await log.append(crossing(0))
    world.witness.cut = True
    answer = await log.append(crossing(1))
    assert answer.provisional
    with pytest.raises(FailedVerification, match="receipt-provisional"):
        world.verify(answer.receipt, b"1")
    assert (await log.receipt(1, crossing(1).opened)).provisional
    world.witness.cut = False
    upgraded = await log.receipt(1, crossing(1).opened)
    assert world.verify(upgraded.receipt, b"1") == world.clock.now
    await log.close()


async def test_no_quorum_for_long_stops_appending(world: LogWorld, store: Store) -> None:
    log = await world.open(store, settings=LogSettings(quorum_patience_s=100))
    await log.append(crossing(0))
    world.witness.cut = True
    assert (await log.append(crossing(1))).provisional
    world.clock.now += 101
    with pytest.raises(Unavailable, match="log-without-quorum"):
        await log.append(crossing(2))
    assert log.size == 2
    world.witness.cut = False
    assert not (await log.append(crossing(2))).provisional
    await log.close()


async def test_a_hanging_witness_costs_its_timeout_only(world: LogWorld, store: Store) -> None:
    class Hanging(FickleWitness):
        async def add_checkpoint(self, request: bytes) -> Outcome:
            await asyncio.Event().wait()
            raise AssertionError

    hanging = Hanging(world.witness, claim=0)
    log = await world.open(store, cosigners=[hanging], settings=LogSettings(witness_timeout_s=0))
    assert (await log.append(crossing(0))).provisional
    await log.close()


async def test_the_quorum_is_enough(world: LogWorld, store: Store, tmp_path: Path) -> None:
    second = NoteSigner.generate("second.example", TYPE_COSIGNATURE)
    other_store = Store.open(tmp_path / "second")
    other = FickleWitness(
        LocalWitness(LogWitness(other_store, second, lambda _: [world.signer.verifier], clock=world.clock))
    )
    one_of_two = WitnessPolicy.of(1, [world.witness_signer.verifier, second.verifier])
    log = await world.open(store, cosigners=[world.witness, other], policy=one_of_two)
    await log.append(crossing(0))
    other.cut = True
    assert not (await log.append(crossing(1))).provisional
    other.cut = False
    answers = await asyncio.gather(*(log.append(crossing(n)) for n in range(2, 30)))
    assert not any(each.provisional for each in answers)
    await log.close()
    other_store.close()


async def test_a_false_cosignature_is_no_cosignature(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    await log.append(crossing(0))
    stranger = NoteSigner.generate("regulator.example", TYPE_COSIGNATURE)
    forged = {
        "a stranger's": lambda request: Outcome(
            Status.OK, f"{stranger.cosign(AddCheckpoint.parse(request).note.text, 5)}\n".encode()
        ),
        "of another text": lambda _: Outcome(
            Status.OK, f"{world.witness_signer.cosign(Tree().grow(1).note(1).text, 5)}\n".encode()
        ),
        "garbage": lambda _: Outcome(Status.OK, b"\xff\x00 no line"),
        "refusal": lambda _: Outcome(Status.UNKNOWN_ORIGIN),
        "endless conflict": lambda _: Outcome(Status.CONFLICT, size=0),
    }
    for number, lie in enumerate(forged.values(), 1):
        world.witness.lie = lie
        assert (await log.append(crossing(number))).provisional
    world.witness.lie = None
    assert not (await log.append(crossing(99))).provisional
    await log.close()


async def test_a_witness_of_another_history_halts_the_log(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    await log.append(crossing(0))
    world.log_witness.add_checkpoint(world_fork(world, 1))
    world.witness.lie = lambda _: Outcome(Status.BAD_PROOF)
    with pytest.raises(FailedVerification, match="log-witness-disagrees"):
        await log.append(crossing(1))
    world.witness.lie = None
    with pytest.raises(FailedVerification, match="log-witness-disagrees"):
        await log.append(crossing(2))
    with pytest.raises(FailedVerification, match="log-witness-disagrees"):
        await log.checkpoint()
    assert log.halted is not None
    await log.close()


def world_fork(world: LogWorld, old: int) -> bytes:
    fork = Tree("fork").grow(5)
    return encode_request(old, fork.proof(old, 5), fork.note(5, world.signer))


async def test_a_log_behind_its_witness_signs_nothing(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    await log.append(crossing(0))
    await log.close()
    world.witness.claim = 2
    log = await world.open(store)
    for _ in range(2):
        with pytest.raises(FailedVerification, match="log-behind-witness"):
            await log.append(crossing(1))
    with pytest.raises(FailedVerification, match="log-behind-witness"):
        await log.checkpoint()
    assert log.size == 1
    await log.close()


async def test_a_log_is_never_its_own_witness(world: LogWorld, store: Store) -> None:
    own = NoteSigner.generate(ORIGIN, TYPE_COSIGNATURE)
    with pytest.raises(Misuse, match="log-own-witness"):
        await world.open(store, policy=WitnessPolicy.of(1, [own.verifier]))


def test_who_can_make_a_quorum() -> None:
    keys = [NoteSigner.generate(f"w{n}.example", TYPE_COSIGNATURE).verifier for n in range(3)]
    two_of_three = WitnessPolicy.of(2, keys)
    assert can_make_quorum(two_of_three, {"w0.example", "w2.example"})
    assert not can_make_quorum(two_of_three, {"w0.example"})
    assert not can_make_quorum(WitnessPolicy.of(0, keys), {"w0.example", "w1.example", "w2.example"})
    nested = WitnessPolicy.parse(
        "".join(f"witness {name} {key}\n" for name, key in zip("abc", keys, strict=True)).encode()
        + b"group east all a b\ngroup both all east c\nquorum both\n"
    )
    assert can_make_quorum(nested, {key.name for key in keys})
    assert not can_make_quorum(nested, {keys[0].name, keys[2].name})
