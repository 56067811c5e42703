"""The worker process: which contexts and ciphertexts it takes, its limits, and that it ends with its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sum_parties import Parties, running_parties

from carbonport.crypto.sums import bfv_constants as constants
from carbonport.crypto.sums.bfv_child import MEMORY_BYTES, OPEN_FILES
from carbonport.crypto.sums.bfv_constants import COEFFICIENT_MODULUS_BITS, DEGREE, LIMB_BITS, PLAIN_MODULUS
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.errors import CarbonportError, Malformed, Misuse, Unavailable

tenseal = pytest.importorskip("tenseal")

SLOTS = 24
LIMB = 2**LIMB_BITS - 1


@pytest.fixture(scope="module")
def parties() -> Iterator[Parties]:
    with running_parties() as started:
        yield started


def context_with(
    moduli: tuple[int, ...] = COEFFICIENT_MODULUS_BITS, t: int = PLAIN_MODULUS, degree: int = DEGREE
) -> Any:
    return tenseal.context(tenseal.SCHEME_TYPE.BFV, degree, t, list(moduli), n_threads=1)


def public_part(context: Any) -> bytes:
    return bytes(context.serialize(save_secret_key=False, save_galois_keys=False, save_relin_keys=False))


def is_prime(n: int) -> bool:
    """Miller and Rabin with the first twelve primes as bases: exact below 3.3 * 10^24."""
    odd = n - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        power = pow(base, odd, n)
        if power in (1, n - 1):
            continue
        if not any((power := power * power % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True


def test_the_constants_are_what_they_say() -> None:
    t = 2**60 - (2**60 - 1) % (2 * DEGREE)
    while not is_prime(t):
        t -= 2 * DEGREE
    assert t == PLAIN_MODULUS
    seal = context_with().seal_context().data
    assert tuple(seal.key_parms_id()) == constants.KEY_PARAMETERS_ID
    assert tuple(seal.first_parms_id()) == constants.DATA_PARAMETERS_ID
    assert constants.MAX_ROSTER << LIMB_BITS < t <= (constants.MAX_ROSTER + 1) << LIMB_BITS
    assert constants.LIMBS_PER_SCALAR * LIMB_BITS >= 255
    assert constants.MAX_ROSTER.bit_length() < constants.MIN_FRESH_NOISE_BUDGET_BITS


def test_the_largest_limbs_add_up_exactly_a_thousand_times(parties: Parties) -> None:
    worker = parties.worker
    worker.unlock(parties.keys[1].secret)
    ciphertext = worker.encrypt(1, [LIMB] * SLOTS)
    fresh = worker.decrypt(ciphertext, slots=SLOTS)
    assert fresh.slots == (LIMB,) * SLOTS
    assert fresh.noise_budget_bits >= constants.MIN_FRESH_NOISE_BUDGET_BITS
    for _ in range(1000):
        worker.add(1, ciphertext, slots=SLOTS)
    decrypted = worker.decrypt(worker.total(1), slots=SLOTS)
    assert decrypted.slots == (1000 * LIMB,) * SLOTS
    assert decrypted.noise_budget_bits >= fresh.noise_budget_bits - 11
    assert str(LIMB) not in repr(fresh)
    # A ciphertext added is a ciphertext forgotten: a thousand of them are 247 MB.
    assert worker.usage().peak_memory_bytes < 150_000_000


def test_sums_of_more_than_half_of_t_do_not_come_out_negative(parties: Parties) -> None:
    parties.worker.unlock(parties.keys[1].secret)
    slots = [PLAIN_MODULUS - 1, PLAIN_MODULUS // 2, PLAIN_MODULUS // 2 + 1, 0]
    ciphertext = parties.worker.encrypt(1, slots)
    assert list(parties.worker.decrypt(ciphertext, slots=4).slots) == slots


@pytest.mark.parametrize(
    "slots", [[PLAIN_MODULUS], [PLAIN_MODULUS + 5], [2**62], [-1], [], [0] * (DEGREE + 1)]
)
def test_plaintexts_that_would_be_corrupted_are_refused(parties: Parties, slots: list[int]) -> None:
    with pytest.raises(Misuse) as caught:
        parties.worker.encrypt(1, slots)
    assert caught.value.id == "sum-plaintext"


def other_contexts(parties: Parties) -> dict[str, bytes]:
    ours = parties.keys[1]
    with_galois = context_with()
    with_galois.generate_galois_keys()
    ckks = tenseal.context(tenseal.SCHEME_TYPE.CKKS, DEGREE, coeff_mod_bit_sizes=[60, 40, 60], n_threads=1)
    no_public_key = context_with().serialize(
        save_public_key=False, save_secret_key=False, save_galois_keys=False, save_relin_keys=False
    )
    return {
        "a secret key": ours.secret,
        "relinearisation keys": context_with().serialize(save_secret_key=False, save_galois_keys=False),
        "galois keys": with_galois.serialize(save_secret_key=False, save_relin_keys=False),
        "no public key": no_public_key,
        "other moduli": public_part(context_with((50, 50, 50))),
        "the library's own moduli": public_part(context_with(())),
        "another t": public_part(context_with(t=1032193)),
        "another degree": public_part(context_with((27, 27, 27, 27), 1032193, 4096)),
        "another scheme": public_part(ckks),
        "nothing": b"",
        "garbage": bytes(range(256)) * 100,
        "cut": ours.public[:-5],
        "cut in half": ours.public[: len(ours.public) // 2],
        "too long": bytes(500_000),
    }


def test_contexts_with_other_parameters_or_keys_are_refused(parties: Parties) -> None:
    for what, data in other_contexts(parties).items():
        with pytest.raises(Malformed) as caught:
            parties.worker.open_context(9, data)
        assert caught.value.id == "sum-context", what
    with pytest.raises(Misuse):  # and none of them is open now
        parties.worker.encrypt(9, [1])
    with pytest.raises(Malformed):
        parties.worker.unlock(parties.keys[1].public)


def test_ciphertexts_of_another_form_are_refused_and_the_sum_stays(parties: Parties) -> None:
    worker, public = parties.worker, parties.keys[1].public
    context = tenseal.context_from(public, n_threads=1)
    one = tenseal.bfv_vector(context, [3] * SLOTS)
    other = context_with((50, 50, 50))
    bad = {
        "another number of slots": tenseal.bfv_vector(context, [3]).serialize(),
        "other moduli": tenseal.bfv_vector(other, [3] * SLOTS).serialize(),
        "garbage": os.urandom(246_700),
        "zeros": bytes(246_700),
        "cut": one.serialize()[:-1000],
        "a context": public[:260_000],
    }
    worker.add(1, one.serialize(), slots=SLOTS)
    for what, data in bad.items():
        for refusing in (worker.add, worker.check):
            with pytest.raises(Malformed) as caught:
                refusing(1, data, slots=SLOTS)
            assert caught.value.id in {"sum-ciphertext", "sum-ciphertext-size"}, what
    worker.unlock(parties.keys[1].secret)
    assert worker.decrypt(worker.total(1), slots=SLOTS).slots == (3,) * SLOTS


def test_flipped_bits_are_refused_or_change_the_sum_but_never_crash(parties: Parties) -> None:
    """As if a contributor had signed them: hashes would catch any other change before parsing."""
    worker = parties.worker
    worker.unlock(parties.keys[1].secret)
    ciphertext = worker.encrypt(1, [5] * SLOTS)
    outcomes = set()
    positions = [*range(40), *range(100, len(ciphertext), len(ciphertext) // 40), len(ciphertext) - 1]
    for position in positions:
        changed = bytearray(ciphertext)
        changed[position] ^= 1 << position % 8
        try:
            decrypted = worker.decrypt(bytes(changed), slots=SLOTS)
        except Malformed as error:
            outcomes.add(error.id)
            continue
        wrong = decrypted.slots != (5,) * SLOTS
        outcomes.add("wrong" if wrong else "unchanged")
    assert "sum-ciphertext" in outcomes
    assert "wrong" in outcomes
    assert outcomes <= {"sum-ciphertext", "wrong", "unchanged"}


def test_another_key_decrypts_to_garbage_without_an_error(parties: Parties) -> None:
    parties.worker.unlock(parties.keys[2].secret)
    ciphertext = parties.worker.encrypt(1, [5] * SLOTS)
    decrypted = parties.worker.decrypt(ciphertext, slots=SLOTS)
    assert decrypted.slots != (5,) * SLOTS
    assert decrypted.noise_budget_bits == 0


def test_steps_out_of_order_are_refused(parties: Parties) -> None:
    ciphertext = parties.worker.encrypt(3, [1])
    parties.worker.add(3, ciphertext, slots=1)
    parties.worker.total(3)
    with BfvWorker() as locked:
        for step in (
            lambda: parties.worker.total(3),
            lambda: locked.encrypt(3, [1]),
            lambda: locked.decrypt(ciphertext, slots=1),
        ):
            with pytest.raises(Misuse) as caught:
                step()
            assert caught.value.id == "sum-worker-request"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_worker_has_its_limits_and_little_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBONPORT_PASSPHRASE", "not for the worker")
    with BfvWorker() as worker:
        process = Path(f"/proc/{worker.process_id}")
        limits = (process / "limits").read_text()
        environment = (process / "environ").read_bytes()
        threads = len(list((process / "task").iterdir()))
    found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
    assert found["Max address space"] == [str(MEMORY_BYTES)] * 2
    assert found["Max open files"] == [str(OPEN_FILES)] * 2
    assert found["Max file size"] == ["0", "0"]
    assert found["Max core file size"] == ["0", "0"]
    assert b"not for the worker" not in environment
    assert threads < 8


def test_a_worker_that_is_killed_says_so_and_nothing_hangs() -> None:
    with BfvWorker() as worker:
        os.kill(worker.process_id, signal.SIGKILL)
        with pytest.raises(CarbonportError) as caught:
            worker.generate()
        assert caught.value.id in {"sum-worker", "sum-worker-limit"}
        with pytest.raises(Unavailable):
            worker.generate()
        worker.close()


def test_a_request_that_takes_too_long_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    with BfvWorker() as worker:
        monkeypatch.setattr("carbonport.crypto.sums.bfv_worker.ANSWER_SECONDS", 0.5)
        os.kill(worker.process_id, signal.SIGSTOP)  # as a parser that never returns
        with pytest.raises(Malformed) as caught:
            worker.generate()
        assert caught.value.id == "sum-worker-limit"


PARENT = """
import sys, time
from carbonport.crypto.sums.bfv_worker import BfvWorker
worker = BfvWorker()
print(worker.process_id, flush=True)
time.sleep(60)
"""


def test_the_worker_ends_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 20
    while _lives(worker):
        assert time.monotonic() < deadline, "the worker outlives its parent"
        time.sleep(0.05)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:  # an orphan whose new parent has not yet taken notice
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True
