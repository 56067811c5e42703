"""Witness policies: the published example, the quorum's time, and what a policy may not say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from carbonport.crypto.merkle import leaf_hash
from carbonport.crypto.notes import TYPE_COSIGNATURE, TYPE_ED25519, NoteSigner, SignedNote
from carbonport.crypto.witness_policy import MAX_POLICY_BYTES, WitnessPolicy
from carbonport.errors import FailedVerification, Malformed

ORIGIN = "log.example"


def _signer(name: str, seed: int, kind: int = TYPE_COSIGNATURE) -> NoteSigner:
    return NoteSigner.generate(name, kind, random_bytes=lambda count: bytes([seed]) * count)


LOG = _signer(ORIGIN, 1, TYPE_ED25519)
WITNESSES = {
    name: _signer(f"{name.lower()}.example", seed)
    for seed, name in enumerate(("X1", "X2", "X3", "Y1", "Y2", "Y3"), 2)
}


def _key(name: str) -> str:
    return str(WITNESSES[name].verifier)


# The example of C2SP tlog-policy, with keys.
EXAMPLE = f"""\
# two operators
log {LOG.verifier}

witness X1 {_key("X1")}
witness X2\t{_key("X2")} https://x2.example/
  witness X3 {_key("X3")}
group X-witnesses 2 X1 X2 X3

witness Y1 {_key("Y1")}
witness Y2 {_key("Y2")}
witness Y3 {_key("Y3")}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def _cosigned(**times: int) -> SignedNote:
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_hash(b"entry")), LOG)
    for name, time in times.items():
        note = cosign(note, WITNESSES[name], time)
    return note


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"X1": 10, "X2": 20, "Y1": 5}, 20),
        ({"X1": 10, "X2": 20, "Y1": 30}, 30),
        ({"X1": 10, "X2": 20, "X3": 15, "Y1": 1}, 15),
        ({"X1": 10, "X2": 20, "Y1": 900, "Y2": 25}, 25),
        ({"X1": 10, "Y1": 5, "Y2": 5, "Y3": 5}, None),
        ({"X1": 10, "X2": 5, "X3": 5}, None),
        ({}, None),
    ],
)
def test_the_published_example_counts_and_dates(times: dict[str, int], expected: int | None) -> None:
    policy = WitnessPolicy.parse(EXAMPLE.encode())
    if expected is None:
        with pytest.raises(FailedVerification, match="witness-quorum"):
            policy.check(_cosigned(**times))
    else:
        assert policy.check(_cosigned(**times)) == expected


def test_a_policy_is_written_and_read_back() -> None:
    policy = WitnessPolicy.parse(EXAMPLE.encode())
    assert WitnessPolicy.parse(policy.encode()) == policy
    assert policy.witnesses[1].url == "https://x2.example/"
    for threshold in (0, 1, 2):
        plain = WitnessPolicy.of(threshold, [WITNESSES["X1"].verifier, WITNESSES["X2"].verifier])
        assert WitnessPolicy.parse(plain.encode()) == plain


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(WITNESSES)), st.integers(1, 50)), st.integers(1, 6))
def test_any_k_of_n_takes_the_kth_earliest_time(times: dict[str, int], threshold: int) -> None:
    policy = WitnessPolicy.of(threshold, [each.verifier for each in WITNESSES.values()])
    note = _cosigned(**times)
    if len(times) < threshold:
        with pytest.raises(FailedVerification, match="witness-quorum"):
            policy.check(note)
    else:
        assert policy.check(note) == sorted(times.values())[threshold - 1]


def test_no_quorum_vouches_for_no_time() -> None:
    policy = WitnessPolicy.parse(b"quorum none\n")
    assert policy.asks_for_none
    assert policy.check(_cosigned(X1=5)) is None


def test_a_failing_cosignature_of_a_known_witness_rejects_the_note_even_beside_a_quorum() -> None:
    policy = WitnessPolicy.of(1, [WITNESSES["X1"].verifier, WITNESSES["X2"].verifier])
    note = _cosigned(X1=5, X2=6)
    elsewhere = cosign(sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_hash(b"other")), LOG), WITNESSES["X2"], 6)
    with pytest.raises(FailedVerification, match="note-signature"):
        policy.check(note.with_signature(elsewhere.signatures[1]))


def test_a_listed_log_must_have_signed() -> None:
    policy = WitnessPolicy.parse(EXAMPLE.encode())
    other = _signer("other.example", 30, TYPE_ED25519)
    note = sign_checkpoint(Checkpoint("other.example", 1, leaf_hash(b"entry")), other)
    for name in ("X1", "X2", "Y1"):
        note = cosign(note, WITNESSES[name], 5)
    with pytest.raises(FailedVerification, match="note-unsigned"):
        policy.check(note)


def test_an_operator_is_no_witness_of_its_own_log() -> None:
    own = _signer(ORIGIN, 20)
    note = cosign(_cosigned(), own, 5)
    with pytest.raises(FailedVerification, match="witness-quorum"):
        WitnessPolicy.of(1, [own.verifier]).check(note)
    same_key = _signer("innocent.example", 1)
    with pytest.raises(Malformed, match="witness-policy-format"):
        WitnessPolicy.parse(f"log {LOG.verifier}\nwitness w {same_key.verifier}\nquorum w\n".encode())


X1, X2 = f"witness X1 {_key('X1')}\n", f"witness X2 {_key('X2')}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum none",
        "quorum none\r\n",
        "quorum none\nquorum none\n",
        "quorum X1\n" + X1,
        X1 + X1 + "quorum X1\n",
        X1 + X1.replace("X1", "X2", 1) + "quorum X1\n",
        X1.replace("X1", "none", 1) + "quorum none\n",
        X1 + "group g 2 X1\nquorum g\n",
        X1 + "group g 0 X1\nquorum g\n",
        X1 + "group g 01 X1\nquorum g\n",
        X1 + "group g most X1\nquorum g\n",
        X1 + "group g any\nquorum g\n",
        X1 + "group g any X1 X1\nquorum g\n",
        X1 + "group g any X1 none\nquorum g\n",
        X1 + "group g any g\nquorum g\n",
        X1 + "group X1 any X1\nquorum X1\n",
        X1 + "group g any X1 X2\n" + X2 + "quorum g\n",
        X1 + X2 + "group a any X1\ngroup b any X1 X2\nquorum b\n",
        f"log {_key('X1')}\nquorum none\n",
        f"witness w {LOG.verifier}\nquorum w\n",
        "witness w\nquorum none\n",
        "what is this\nquorum none\n",
        "quorum none\x00\n",
        "#" * MAX_POLICY_BYTES + "\nquorum none\n",
        X1.rstrip() + " https://a.example https://b.example\nquorum X1\n",
    ],
)
def test_policies_that_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        WitnessPolicy.parse(text.encode())
