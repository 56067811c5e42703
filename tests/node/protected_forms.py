"""Every form in which a protected value could hide in bytes, and the search for them through layers of encoding.

Numbers with at least seven significant digits are searched in every form; shorter ones only in forms that are long
enough not to turn up by chance (declared text, 64-bit integers and doubles). Texts below six characters are searched
in quotation marks.
"""

import base64
import binascii
import contextlib
import json
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from decimal import Decimal

from carbonport.classification.forms import Form, Role
from carbonport.classification.graded_ledger import graded_ledger
from carbonport.classification.policy import Policy
from carbonport.footprint.calculation import calculate
from carbonport.footprint.exact_decimal import round_half_up
from carbonport.footprint.ledger import Fact, Ledger

MIN_BYTES = 5
"""Shorter forms turn up by chance: of five bytes, once in 10^12 places."""

MIN_CHARACTERS = 6
"""The same for texts, which look like other texts more often."""

DISTINCT_DIGITS = 7
"""Significant digits from which on the digits alone tell a value."""

SEARCHED_DIGITS = 9
"""Leading digits that are searched of longer numbers, so that a shortened value is found too."""

LAYERS = 6
"""Encodings within encodings that are taken off."""

RESULTS_KEPT_BACK = ("attributed_direct", "attributed_indirect")
TOTALS_KEPT_BACK = ("direct_emissions", "indirect_emissions", "biomass_emissions")


def protected_values(ledger: Ledger) -> dict[str, set[Decimal] | str]:
    """What an importer may not get as it is, by path: figures (source, in the catalogue's unit, declared) and texts."""
    found: dict[str, set[Decimal] | str] = {}
    for path, graded in graded_ledger(ledger, Policy.load().table).entries.items():
        if graded.rule.permits(Role.DECLARANT, Form.RAW, approved=False):
            continue
        entry = graded.entry
        found[path] = (
            entry.text if isinstance(entry, Fact) else {entry.source_value, entry.value, entry.declared}
        )
        if isinstance(entry, Fact) and re.fullmatch(r"-?\d+\.\d+", entry.text):
            found[f"{path} as a number"] = {Decimal(entry.text)}
    calculation = calculate(ledger)
    for good in calculation.goods:
        for name in RESULTS_KEPT_BACK:
            results = (good.source[name], good.declared[name])
            found[f"{good.cn} {name}"] = {round_half_up(each, 9) for each in results}
    for name in TOTALS_KEPT_BACK:
        totals = (calculation.installation.source[name], calculation.installation.declared[name])
        found[f"installation {name}"] = {round_half_up(each, 9) for each in totals}
    return found


def forms_of(value: set[Decimal] | str) -> set[bytes]:
    """The byte strings to search for."""
    plain = {value} if isinstance(value, str) else {text for each in value for text in _decimal_texts(each)}
    found = set().union(*(_text_forms(text) for text in plain))
    if not isinstance(value, str):
        for each in value:
            found |= set(_digit_forms(each)) | set(_binary_forms(each))
    found |= {form for each in list(found) for form in _base64_forms(each)}
    return {form for form in found if len(form) >= MIN_BYTES}


def _text_forms(text: str) -> Iterator[bytes]:
    quoted = json.dumps(text, ensure_ascii=False)
    for each in (text if len(text) >= MIN_CHARACTERS else quoted, json.dumps(text)[1:-1]):
        data = each.encode()
        if len(data) >= MIN_CHARACTERS:
            # Not in small letters: the stream "Steel products" would be found in "Iron or steel products".
            yield from (data, data[::-1], data.upper(), each.encode("utf-16-le"))
            yield from (binascii.hexlify(data), binascii.hexlify(data).upper(), binascii.hexlify(data[::-1]))


def _decimal_texts(value: Decimal) -> Iterator[str]:
    plain = format(value, "f")
    if len(_digits(value)) < DISTINCT_DIGITS and len(plain) < SEARCHED_DIGITS:
        return
    yield plain
    yield f"{value:,f}"
    if len(_digits(value)) >= DISTINCT_DIGITS:
        yield f"{value.normalize():e}"
        yield repr(float(value))


def _digits(value: Decimal) -> str:
    """The significant digits, whatever the power of ten."""
    return "".join(map(str, value.as_tuple().digits)).strip("0")


def _digit_forms(value: Decimal) -> Iterator[bytes]:
    digits = _digits(value)
    if len(digits) < DISTINCT_DIGITS:
        return
    head = digits[:SEARCHED_DIGITS]
    yield head.encode()
    yield digits[::-1].encode()
    for point in range(1, len(head)):
        yield f"{head[:point]}.{head[point:]}".encode()
        yield f"{head[:point]},{head[point:]}".encode()


def _binary_forms(value: Decimal) -> Iterator[bytes]:
    for power in range(-3, 13):
        scaled = value.scaleb(power)
        for order in "<>":
            double = struct.pack(f"{order}d", float(scaled))
            if double.count(0) < 5:
                yield from (double, binascii.hexlify(double))
        if scaled != scaled.to_integral_value() or not 2**24 <= scaled < 2**63:
            continue
        integer = int(scaled)
        for data in (integer.to_bytes(8, "big"), integer.to_bytes(8, "little")):
            yield from (data, binascii.hexlify(data), binascii.hexlify(data).upper())
        yield f'"{integer:x}"'.encode()
        yield _varint(integer)


def _varint(integer: int) -> bytes:
    """As protocol buffers write it."""
    data = bytearray()
    while integer > 127:
        data.append(integer & 127 | 128)
        integer >>= 7
    return bytes([*data, integer])


def _base64_forms(data: bytes) -> Iterator[bytes]:
    """What of `data` stands in base64 whatever stands before and after it, for the three alignments."""
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * shift + data).rstrip(b"=")
            whole = (shift + len(data)) * 8 // 6
            yield encoded[-(-shift * 8 // 6) : whole]


_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX_RUN = re.compile(rb"(?:[0-9a-fA-F]{2}){6,}")


def unfolded(data: bytes) -> list[bytes]:
    """`data` and what is encoded in it, in layers: base64 of both alphabets, hexadecimal, zlib, JSON's escapes."""
    found, layer = [data], [data]
    for _ in range(LAYERS):
        layer = [inner for each in layer for inner in _inside(each)]
        found += layer
    return found


def _inside(data: bytes) -> Iterator[bytes]:
    for match in _BASE64_RUN.finditer(data):
        text = match.group().translate(bytes.maketrans(b"-_", b"+/"))
        text = text[: len(text) - (len(text) % 4 == 1)]
        decoded = base64.b64decode(text + b"=" * (-len(text) % 4))
        if _tells(decoded):
            yield decoded
        if decoded.startswith(b"x"):
            with contextlib.suppress(zlib.error):
                yield zlib.decompress(decoded)
    if b"\\" in data:
        yield data.replace(b'\\"', b'"').replace(b"\\\\", b"\\")


def _tells(decoded: bytes) -> bool:
    """Whether what came out is text, or short enough to be a value: random bytes are not taken apart further."""
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in decoded)
    return len(decoded) >= MIN_BYTES and (printable > 0.9 * len(decoded) or len(decoded) <= 256)


class Search:
    """Finds the forms of protected values in data."""

    def __init__(self, values: dict[str, set[Decimal] | str]) -> None:
        self._heads: dict[bytes, list[tuple[bytes, str]]] = {}
        for path, value in values.items():
            for form in forms_of(value):
                self._heads.setdefault(form[:MIN_BYTES], []).append((form, path))

    def __len__(self) -> int:
        return sum(map(len, self._heads.values()))

    def find(self, pieces: Iterable[bytes]) -> list[tuple[str, bytes]]:
        """(path, form) of every protected value in the pieces or in what is encoded in them."""
        found: list[tuple[str, bytes]] = []
        layers = dict.fromkeys(inner for piece in pieces for inner in unfolded(piece))
        heads = self._heads
        for data in layers:
            for start in range(len(data) - MIN_BYTES + 1):
                known = heads.get(data[start : start + MIN_BYTES])
                if known is not None:
                    found += [(path, form) for form, path in known if data.startswith(form, start)]
        return found
