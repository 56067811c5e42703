"""Signed notes: the published example, and each way in which a note must not be accepted."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.notes import (
    MAX_NOTE_BYTES,
    TYPE_COSIGNATURE,
    TYPE_ED25519,
    NoteSignature,
    NoteSigner,
    SignedNote,
    VerifierKey,
    verify,
)
from carbonport.errors import FailedVerification, Malformed, Misuse

# The note of Go's golang.org/x/mod/sumdb/note documentation, the origin of the format.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZ"
    "InNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)

TEXT = "a text\nof two lines\n"


def _random(seed: int) -> bytes:
    return bytes([seed]) * 32


def _signer(name: str = "log.example", kind: int = TYPE_ED25519, seed: int = 1) -> NoteSigner:
    return NoteSigner.generate(name, kind, random_bytes=lambda count: bytes([seed]) * count)


def _note(*signers: NoteSigner, text: str = TEXT) -> SignedNote:
    return SignedNote(text, tuple(signer.sign(text) for signer in signers))


def test_the_published_note_verifies() -> None:
    key = VerifierKey.parse(GO_KEY)
    assert str(key) == GO_KEY
    data = f"{GO_TEXT}\n{GO_LINE}\n".encode()
    note = SignedNote.parse(data)
    assert note.encode() == data
    assert [each.key for each in verify(note, [key])] == [key]
    changed = SignedNote.parse(data.replace(b"problem is", b"problem am"))
    with pytest.raises(FailedVerification, match="note-signature"):
        verify(changed, [key])


def test_lines_of_unknown_keys_are_ignored_and_known_ones_must_hold() -> None:
    known, stranger = _signer(), _signer("other.example", seed=2)
    same_name = _signer(seed=3)
    note = _note(stranger, known, same_name)
    assert [each.key.name for each in verify(note, [known.verifier])] == ["log.example"]
    forged = note.with_signature(NoteSignature(known.name, known.verifier.key_id, bytes(64)))
    with pytest.raises(FailedVerification, match="note-signature"):
        verify(forged, [known.verifier, stranger.verifier])
    with pytest.raises(FailedVerification, match="note-unsigned"):
        verify(note, [_signer("third.example").verifier])
    with pytest.raises(FailedVerification, match="note-unsigned"):
        verify(note, [])
    assert note.only([known.verifier]).signatures == (note.signatures[1],)


def test_one_key_signs_once() -> None:
    signer = _signer()
    twice = SignedNote(TEXT, (signer.sign(TEXT), signer.sign(TEXT)))
    with pytest.raises(FailedVerification, match="note-signed-twice"):
        verify(twice, [signer.verifier])
    assert len(_note(signer).with_signature(signer.sign(TEXT)).signatures) == 1


def test_a_cosignature_carries_its_time_and_covers_it() -> None:
    witness = _signer("witness.example", TYPE_COSIGNATURE)
    note = SignedNote(TEXT, (witness.cosign(TEXT, 1_700_000_000),))
    assert verify(note, [witness.verifier])[0].timestamp == 1_700_000_000
    line = note.signatures[0]
    moved = NoteSignature(line.name, line.key_id, (1_600_000_000).to_bytes(8, "big") + line.signature[8:])
    with pytest.raises(FailedVerification, match="note-signature"):
        verify(SignedNote(TEXT, (moved,)), [witness.verifier])
    timeless = NoteSignature(line.name, line.key_id, bytes(8) + line.signature[8:])
    with pytest.raises(Malformed, match="note-timestamp"):
        verify(SignedNote(TEXT, (timeless,)), [witness.verifier])
    short = NoteSignature(line.name, line.key_id, line.signature[8:])
    with pytest.raises(FailedVerification, match="note-signature"):
        verify(SignedNote(TEXT, (short,)), [witness.verifier])


def test_a_plain_signature_does_not_pass_as_a_cosignature() -> None:
    private = Ed25519PrivateKey.from_private_bytes(_random(7))
    plain = NoteSigner("one.example", TYPE_ED25519, private)
    witness = NoteSigner("one.example", TYPE_COSIGNATURE, private)
    assert plain.verifier.key_id != witness.verifier.key_id
    with pytest.raises(FailedVerification, match="note-unsigned"):
        verify(_note(plain), [witness.verifier])
    with pytest.raises(Misuse, match="note-key-kind"):
        witness.sign(TEXT)
    with pytest.raises(Misuse, match="note-key-kind"):
        plain.cosign(TEXT, 1)
    for time in (0, 2**63):
        with pytest.raises(Misuse, match="note-cosign-time"):
            witness.cosign(TEXT, time)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],  # no newline at the end
        lambda data: data.replace(b"\n\n", b"\n"),  # no blank line
        lambda data: data + b"\n",  # a blank line after the signatures
        lambda data: data.replace("—".encode(), b"-"),
        lambda data: data.replace(b"log.example", b"log+example"),
        lambda data: data.replace(b"log.example ", b" "),
        lambda data: data.replace(b"log.example", "log\u2003example".encode()),
        lambda data: data.replace(b"a text", b"a\ttext"),
        lambda data: data.replace(b"a text", b"a\rtext"),
        lambda data: data.replace(b"a text", b"\xff text"),
        lambda data: data[:-2] + b"\n",  # base64 cut
        lambda data: data[:-1] + b" \n",
        lambda data: data + data[data.index(b"\n\n") + 2 :] * 64,  # too many lines
        lambda data: b"x" * MAX_NOTE_BYTES + data,
        lambda data: data[:0],
    ],
)
def test_what_is_not_exactly_a_note_is_malformed(change: object) -> None:
    assert callable(change)
    with pytest.raises(Malformed):
        SignedNote.parse(change(_note(_signer()).encode()))


def test_spare_bits_in_a_signature_line_are_refused() -> None:
    data = _note(_signer()).encode().decode()
    assert data.endswith("=\n")  # 68 bytes leave one padding sign and two spare bits
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet.index(data[-3])
    with pytest.raises(Malformed):
        SignedNote.parse((data[:-3] + alphabet[last | 1] + "=\n").encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+",
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("c74f20a3", "C74F20A3"),
        GO_KEY.replace("Peter", "Pe er"),
        GO_KEY[:-4],
        GO_KEY + " ",
        "x" * 1000,
    ],
)
def test_verifier_keys_that_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey.parse(text)


def test_a_signer_survives_its_file_and_never_shows_its_key() -> None:
    signer = _signer()
    for passphrase in (None, b"correct horse"):
        pem = signer.to_pem(passphrase)
        again = NoteSigner.from_pem(signer.name, signer.kind, pem, passphrase)
        assert again.verifier == signer.verifier
    with pytest.raises(Misuse, match="note-key-unreadable"):
        NoteSigner.from_pem(signer.name, signer.kind, signer.to_pem(b"one"), b"another")
    with pytest.raises(Misuse, match="note-key-unreadable"):
        NoteSigner.from_pem(signer.name, signer.kind, b"no key")
    assert "rivate" not in repr(signer)
    with pytest.raises(Malformed, match="note-key-name"):
        NoteSigner.generate("two words")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["C"]), max_size=20), min_size=1, max_size=5), st.data()
)
def test_every_text_comes_back_and_any_changed_byte_fails(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(lines) + "\n"
    signer = _signer()
    encoded = _note(signer, text=text).encode()
    note = SignedNote.parse(encoded)
    assert note.text == text
    assert note.encode() == encoded
    verify(note, [signer.verifier])
    at = data.draw(st.integers(0, len(encoded) - 1))
    changed = encoded[:at] + bytes([encoded[at] ^ data.draw(st.integers(1, 255))]) + encoded[at + 1 :]
    with pytest.raises((Malformed, FailedVerification)):
        verify(SignedNote.parse(changed), [signer.verifier])
