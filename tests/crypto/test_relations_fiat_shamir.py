"""The drafts' vectors of sponge, session ids, codecs, and their example protocol (sumcheck over Mersenne31)."""

import json
from pathlib import Path
from typing import Any

import pytest

from carbonport.crypto.proofs.duplex_sponge import DuplexSponge, derive_session_id
from carbonport.crypto.proofs.field_codec import (
    decode_residue,
    deserialize_field,
    deserialize_string,
    field_bytes,
    serialize_count,
    serialize_field,
    serialize_string,
)
from carbonport.errors import Malformed, Misuse

MERSENNE31 = 2**31 - 1


def integer(text: str | int) -> int:
    return text if isinstance(text, int) else int(text, 16)


def replay(record: dict[str, Any]) -> bytes:
    sponge = DuplexSponge(bytes.fromhex(record["SessionId"]))
    output = b""
    for step in record["Operations"]:
        if step["type"] == "absorb":
            sponge.absorb(bytes.fromhex(step["data"]))
        else:
            output += sponge.squeeze(step["length"])
    return output


def sumcheck(record: dict[str, Any]) -> int:
    """The example's verifier; the final claim, or `Malformed` / `ValueError` for a proof it rejects."""
    proof, claim = bytes.fromhex(record["Narg"]), integer(record["ClaimedSum"])
    sponge = DuplexSponge(bytes.fromhex(record["SessionId"]))
    sponge.absorb(serialize_count(record["NumVariables"]) + serialize_field([claim], MERSENNE31))
    for i in range(record["NumVariables"]):
        message = proof[8 * i : 8 * i + 8]
        a0, a1 = deserialize_field(message, MERSENNE31, 2)
        if (2 * a0 + a1) % MERSENNE31 != claim:
            raise ValueError("round identity")
        sponge.absorb(message)
        claim = (a0 + a1 * decode_residue(sponge.squeeze(4), MERSENNE31)) % MERSENNE31
    if len(proof) != 8 * record["NumVariables"]:
        raise ValueError("trailing bytes")
    return claim


def compute(record: dict[str, Any]) -> object:
    """What the record's function gives for its inputs, in the form of the record's expectation."""
    given = bytes.fromhex(record.get("Input", ""))
    modulus = integer(record.get("Modulus", 0))
    match record["Function"]:
        case "DuplexSponge":
            return replay(record).hex()
        case "DeriveSessionID":
            return derive_session_id(bytes.fromhex(record["Tag"])).hex()
        case "DecodeUint":
            if "Operations" in record:
                given = replay(record)
                assert given.hex() == record["Output"]
            return decode_residue(given, modulus)
        case "SerializeVarLenString":
            assert deserialize_string(serialize_string(given)) == given
            return serialize_string(given).hex()
        case "DeserializeVarLenString":
            return deserialize_string(given).hex()
        case "SerializeUint":
            encoded = serialize_field([integer(record["Value"])], modulus)
            assert deserialize_field(encoded, modulus) == (integer(record["Value"]),)
            return encoded.hex()
        case "SerializeField":
            # Big-endian fields are the groups' own matter, `Group.encode_scalar`; the width is the codec's.
            return integer(record["Value"]).to_bytes(field_bytes(modulus), "big").hex()
        case "DeserializeUint":
            return deserialize_field(given, modulus)
        case "DeserializeField":
            return deserialize_field(given, modulus, record["ExtensionDegree"])
        case "Sumcheck":
            return sumcheck(record)
    raise AssertionError(record["Function"])


@pytest.mark.parametrize("name", ["fiatShamirCodecVectors", "fiatShamirShake128Vectors"])
def test_every_record_of_the_draft_matches(shared: Path, name: str) -> None:
    records = json.loads((shared / f"vectors/sigma/{name}.json").read_text())
    assert len(records) == 13
    for record in records:
        if record.get("Expected") == "reject":
            with pytest.raises((Malformed, ValueError)):
                compute(record)
            continue
        result = compute(record)
        if "Challenge" in record:
            assert result == integer(record["Challenge"]), record["Id"]
        elif "Coordinates" in record:
            assert result == tuple(integer(value) for value in record["Coordinates"]), record["Id"]
        elif "FinalEvaluation" in record:
            assert result == integer(record["FinalEvaluation"]), record["Id"]
        else:
            assert result == record["Output"], record["Id"]


def test_the_stream_restarts_only_when_something_is_absorbed() -> None:
    one, other = DuplexSponge(bytes(32)), DuplexSponge(bytes(32))
    one.absorb(b"ab")
    one.absorb(b"c")
    other.absorb(b"abc")
    head = one.squeeze(16)
    one.absorb(b"")
    assert head + one.squeeze(16) == other.squeeze(32)
    one.absorb(b"d")
    assert one.squeeze(16) != other.squeeze(16)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(Misuse, match="sponge-session-id"):
        DuplexSponge(bytes(31))
    with pytest.raises(Misuse, match="codec-range"):
        serialize_field([7], 7)
    with pytest.raises(Malformed, match="codec-encoding"):
        deserialize_string(b"\x01")
