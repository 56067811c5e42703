"""Checkpoints, cosignatures and proof bundles in C2SP's forms."""

import pytest

from carbonport.crypto import merkle
from carbonport.crypto.canonical import b64_encode
from carbonport.crypto.checkpoint import (
    Checkpoint,
    TlogProof,
    WitnessPolicy,
    cosign,
    cosignature_times,
    encode_tlog_proof,
    open_checkpoint,
    parse_tlog_proof,
    sign_checkpoint,
)
from carbonport.crypto.notes import TYPE_COSIGNATURE, NoteSignature, NoteSigner, SignedNote
from carbonport.errors import FailedVerification, Malformed, Misuse

ORIGIN = "log.example/exchange"
ENTRIES = [b"entry %d" % number for number in range(7)]
ROOT = merkle.tree_root(map(merkle.leaf_hash, ENTRIES))
CHECKPOINT = Checkpoint(ORIGIN, 7, ROOT)

# The cosigned example of C2SP tlog-cosignature (its text; the keys are not published with it).
C2SP_NOTE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 \
jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""


def _log(seed: int = 1, name: str = ORIGIN) -> NoteSigner:
    return NoteSigner.generate(name, random_bytes=lambda count: bytes([seed]) * count)


def _witness(name: str, seed: int) -> NoteSigner:
    return NoteSigner.generate(name, TYPE_COSIGNATURE, random_bytes=lambda count: bytes([seed]) * count)


LOG = _log()
FIRST, SECOND = _witness("w1.example", 2), _witness("w2.example", 3)


def test_the_published_example_is_read_and_written_back() -> None:
    note = SignedNote.parse(C2SP_NOTE.encode())
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == note.text
    assert note.encode().decode() == C2SP_NOTE
    assert int.from_bytes(note.signatures[1].signature[:8], "big") == 1679315147


def test_a_log_signs_and_a_reader_opens() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    assert open_checkpoint(SignedNote.parse(note.encode()), LOG.verifier) == CHECKPOINT
    with pytest.raises(FailedVerification, match="note-unsigned"):
        open_checkpoint(note, _log(9).verifier)
    with pytest.raises(FailedVerification, match="note-signature"):
        open_checkpoint(SignedNote(note.text.replace("\n7\n", "\n8\n"), note.signatures), LOG.verifier)
    with pytest.raises(FailedVerification, match="checkpoint-origin"):
        sign_checkpoint(CHECKPOINT, _log(name="other.example"))
    foreign = _log(4, "other.example")
    with pytest.raises(FailedVerification, match="checkpoint-origin"):
        open_checkpoint(SignedNote(note.text, (foreign.sign(note.text),)), foreign.verifier)
    with pytest.raises(Misuse, match="note-key-kind"):
        sign_checkpoint(CHECKPOINT, _witness(ORIGIN, 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        f"\n1\n{b64_encode(ROOT)}\n",
        f"o\n01\n{b64_encode(ROOT)}\n",
        f"o\n+1\n{b64_encode(ROOT)}\n",
        f"o\n-1\n{b64_encode(ROOT)}\n",
        f"o\n1_0\n{b64_encode(ROOT)}\n",
        f"o\n٣\n{b64_encode(ROOT)}\n",
        f"o\n{2**53}\n{b64_encode(ROOT)}\n",
        f"o\n1\n{b64_encode(ROOT)[:-1]}\n",
        f"o\n1\n{b64_encode(ROOT[:-1])}\n",
        f"o\n1\n{b64_encode(ROOT)}\nextension\n",
        f"o\n1\n{b64_encode(ROOT)}\n\n",
        f"o\n0\n{b64_encode(ROOT)}\n",
        f"o\n1\n{b64_encode(merkle.EMPTY_ROOT)}\n",
        f"o\n1\n{b64_encode(ROOT)}",
    ],
)
def test_texts_that_are_no_checkpoint(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


def test_cosignatures_are_collected_replaced_and_checked() -> None:
    note = sign_checkpoint(CHECKPOINT, LOG)
    keys = [FIRST.verifier, SECOND.verifier]
    assert cosignature_times(note, keys) == {}
    both = cosign(cosign(note, FIRST, 100), SECOND, 200)
    assert cosignature_times(both, keys) == {"w1.example": 100, "w2.example": 200}
    again = cosign(both, FIRST, 300)
    assert cosignature_times(again, keys) == {"w1.example": 300, "w2.example": 200}
    assert len(again.signatures) == 3
    assert open_checkpoint(again, LOG.verifier) == CHECKPOINT
    forged = both.with_signature(NoteSignature(FIRST.name, FIRST.verifier.key_id, bytes(72)))
    with pytest.raises((FailedVerification, Malformed)):
        cosignature_times(forged, keys)
    with pytest.raises(Malformed, match="checkpoint-format"):
        cosign(SignedNote("no checkpoint\n", (LOG.sign("no checkpoint\n"),)), FIRST, 100)
    with pytest.raises(Misuse, match="note-key-kind"):
        cosign(note, LOG, 100)


def _proof(index: int, extra: bytes | None = None) -> TlogProof:
    nodes = {
        (level, at): digest for level, at, digest in merkle.Frontier().extend(map(merkle.leaf_hash, ENTRIES))
    }
    hashes = merkle.inclusion_proof(index, 7, lambda level, at: nodes[level, at])
    note = cosign(sign_checkpoint(CHECKPOINT, LOG), FIRST, 100)
    return TlogProof(index, tuple(hashes), note, extra)


@pytest.mark.parametrize("extra", [None, b"", b"opaque"])
def test_proof_bundles_verify_offline(extra: bytes | None) -> None:
    policy = WitnessPolicy.of(1, [FIRST.verifier])
    for index, entry in enumerate(ENTRIES):
        data = encode_tlog_proof(_proof(index, extra))
        proof = parse_tlog_proof(data)
        assert proof == _proof(index, extra)
        assert encode_tlog_proof(proof) == data
        assert proof.verify(merkle.leaf_hash(entry), LOG.verifier, policy) == 100
        with pytest.raises(FailedVerification, match="tree-inclusion"):
            proof.verify(merkle.leaf_hash(b"other"), LOG.verifier, policy)
    with pytest.raises(FailedVerification, match="witness-quorum"):
        _proof(0).verify(merkle.leaf_hash(ENTRIES[0]), LOG.verifier, WitnessPolicy.of(1, [SECOND.verifier]))


def test_a_proof_of_a_tree_of_one_has_no_hashes() -> None:
    leaf = merkle.leaf_hash(b"only")
    proof = TlogProof(0, (), sign_checkpoint(Checkpoint(ORIGIN, 1, leaf), LOG))
    assert encode_tlog_proof(proof).startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\n")
    parse_tlog_proof(encode_tlog_proof(proof)).verify(leaf, LOG.verifier, WitnessPolicy.of(0, []))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 3", b"index 03"),
        (b"index 3", b"index"),
        (b"index 3", b"index 3 "),
        (b"index 3\n", b""),
        (b"extra ", b"more "),
        (b"extra b3BhcXVl", b"extra b3BhcXVm="),
        (b"=\n", b"\n"),
        (b"\n\n", b"\n"),
        (b"index", b"\xc3\xa9index"),
        (b"\nindex", b"\nextra AA==\nindex"),
    ],
)
def test_what_is_not_exactly_a_bundle_is_malformed(old: bytes, new: bytes) -> None:
    data = encode_tlog_proof(_proof(3, b"opaque"))
    with pytest.raises(Malformed):
        parse_tlog_proof(data.replace(old, new, 1))


def test_bundles_are_bounded() -> None:
    data = encode_tlog_proof(_proof(3))
    with pytest.raises(Malformed, match="tlog-proof-format"):
        parse_tlog_proof(data + b"x" * 200_000)
    many = b"index 3\n" + (b64_encode(ROOT).encode() + b"\n") * 65
    with pytest.raises(Malformed, match="tlog-proof-format"):
        parse_tlog_proof(data.replace(b"index 3\n", many))
