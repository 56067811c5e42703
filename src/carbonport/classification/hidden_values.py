"""Recognising a protected number inside something that is about to leave.

The gate's real defence is that it pulls values itself; this is the belt for the two places where text of
other people enters a message: names typed into a ledger, and what a signer hands back. A number counts as
recognised when its leading significant digits stand there: decimal, with separators, scaled by any power of
ten, full-width, with letters for digits (O, l), reversed, spelled out in English or Chinese, in base64 or
hexadecimal text. A whole number packed into bytes (either byte order) is recognised when all its digits
agree.

Not recognised: numbers with fewer digits than the bounds below, digits spread over several exchanges, other
languages, any arithmetic disguise. Packed data (gzip, zlib) are recognised as such.
"""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Collection, Iterable
from contextlib import suppress
from decimal import Decimal

TEXT_DIGITS = 6
"""A protected number in a name is recognised by at least so many leading significant digits."""

PAYLOAD_DIGITS = 7
"""The same for a finished message, which holds digits of its own (masses, times, signatures)."""

CHANCE_DIGITS = 4
"""Digits beyond those that count the protected numbers: a chance hit of one window stays below 1 in 10^4."""

MIN_TOKEN = 8
"""Shortest run of letters and digits that is tried as base64 or hexadecimal: 6 bytes or 4 bytes."""

MAX_NESTING = 4
"""Layers of a message that are searched: a signed credential whose payload holds a signed statement has three."""

MAX_INTEGER_BYTES = 16
"""Longest run of decoded bytes that is read as one integer."""

_NUMBER_WORDS = {
    word: str(digit)
    for words in (
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        tuple("〇一二三四五六七八九"),
        tuple("零壹贰叁肆伍陆柒捌玖"),
    )
    for digit, word in enumerate(words)
}
_WORD = re.compile("|".join(_NUMBER_WORDS))
_LOOKALIKES = str.maketrans(
    {
        "o": "0",
        "O": "0",
        "l": "1",
        "I": "1",
        "i": "1",
        "|": "1",
        "S": "5",
        "s": "5",
        "B": "8",
        "Z": "2",
        "z": "2",
    }
)
_NUMBER_OF_LOOKALIKES = re.compile(r"[0-9oOlIi|SsBZz.,]{6,}")
_TOKEN = re.compile(rf"[A-Za-z0-9+/_-]{{{MIN_TOKEN},}}")
_OPAQUE = re.compile(r"[A-Za-z0-9+/_-]{20,}")
"""Hashes, salts, signatures and ids: by chance they hold any seven digits sooner or later. They are decoded, and
what they decode to is searched."""
_HEX = re.compile(r"(?:0[xX])?((?:[0-9A-Fa-f]{2})+)")
_PACKED = (
    b"\x1f\x8b",
    b"\x78\x01",
    b"\x78\x9c",
    b"\x78\xda",
    b"PK\x03\x04",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)


def significant_digits(number: Decimal) -> str:
    """The digits of `number` without sign, point, and zeros at either end; none when it is not finite."""
    return "".join(map(str, number.as_tuple().digits)).strip("0") if number.is_finite() else ""


class HiddenValues:
    """The protected numbers of one ledger, as leading digits; it holds secrets, so it never prints them."""

    def __init__(self, numbers: Iterable[Decimal], texts: Iterable[str] = ()) -> None:
        """`numbers` are protected figures; `texts` are protected facts, of which the digits count."""
        whole = {significant_digits(number) for number in numbers}
        whole.update(_digits(text).strip("0") for text in texts)
        chance = len(str(len(whole))) + CHANCE_DIGITS
        self._text_length = max(TEXT_DIGITS, chance)
        self._payload_length = max(PAYLOAD_DIGITS, chance)
        self._whole = frozenset(digits for digits in whole if len(digits) >= TEXT_DIGITS)
        self._in_text = frozenset(d[: self._text_length] for d in whole if len(d) >= self._text_length)
        self._in_payload = frozenset(
            d[: self._payload_length] for d in whole if len(d) >= self._payload_length
        )

    def __repr__(self) -> str:
        return f"HiddenValues({len(self._whole)} protected numbers)"

    def in_text(self, text: str) -> bool:
        """Whether a name, or several joined, carries a protected number in any disguise that is tried."""
        plain = unicodedata.normalize("NFKC", text)
        plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Mn"))
        runs = (run for reading in _readings(plain) for run in (reading, reading[::-1]))
        return (
            any(_meets(run, self._in_text, self._text_length) for run in runs)
            or any(_meets(_digits(part), self._in_text, self._text_length) for part in _decoded_texts(plain))
            or any(str(number).strip("0") in self._whole for number in _packed_integers(plain))
        )

    def in_payload(self, payload: bytes, *, own_words: Collection[str] = ()) -> bool:
        """Whether a finished message carries a protected number, in plain or inside base64, also nested.

        `own_words` are texts that the recipient itself wrote and gets back: what stands in them tells it nothing,
        but whether they are found would.
        """
        texts = [payload.decode("utf-8", "replace")]
        for _ in range(MAX_NESTING):
            for word in own_words:
                texts = [text.replace(f'"{word}"', '""') for text in texts]
            if any(self._shown(text) for text in texts):
                return True
            texts = [inner for text in texts for inner in _decoded_texts(text)]
        return False

    def _shown(self, text: str) -> bool:
        # Zeros at the end are of the notation: 12.000000 t must not look like a figure that begins 1200000.
        runs = re.findall(r"[0-9][0-9.,]*", _OPAQUE.sub(_digits_only, text))
        return any(_meets(_digits(run).rstrip("0"), self._in_payload, self._payload_length) for run in runs)


def looks_packed(text: str) -> bool:
    """Whether a part of `text` decodes to a compressed file: nothing in a name has a reason to."""
    return any(data.startswith(_PACKED) for data in _decoded(text))


def _meets(run: str, needles: frozenset[str], length: int) -> bool:
    return any(run[start : start + length] in needles for start in range(len(run) - length + 1))


def _digits(text: str) -> str:
    return "".join(str(unicodedata.digit(c)) for c in text if unicodedata.digit(c, None) is not None)


def _digits_only(token: re.Match[str]) -> str:
    return token.group() if token.group().isdigit() else " "


def _readings(plain: str) -> Iterable[str]:
    """The digit runs that a name can be read as."""
    for reading in (plain, codecs.encode(plain, "rot13")):
        yield _digits(_WORD.sub(lambda match: _NUMBER_WORDS[match.group()], reading.casefold()))
    yield _digits(plain)
    for run in _NUMBER_OF_LOOKALIKES.findall(plain):
        if _digits(run):
            yield _digits(run.translate(_LOOKALIKES))


def _decoded(text: str) -> Iterable[bytes]:
    """What the runs of letters and digits in `text` decode to, as base64 and as hexadecimal."""
    for token in _TOKEN.findall(text):
        standard = token.translate(str.maketrans("-_", "+/"))
        whole_bytes = standard[: len(standard) - (len(standard) % 4 == 1)]
        with suppress(binascii.Error):
            yield base64.b64decode(whole_bytes + "=" * (-len(whole_bytes) % 4))
        hexadecimal = _HEX.fullmatch(token)
        if hexadecimal is not None:
            yield bytes.fromhex(hexadecimal.group(1))


def _decoded_texts(text: str) -> Iterable[str]:
    return (data.decode("utf-8", "replace") for data in _decoded(text))


def _packed_integers(text: str) -> Iterable[int]:
    for data in _decoded(text):
        if len(data) <= MAX_INTEGER_BYTES:
            yield int.from_bytes(data, "big")
            yield int.from_bytes(data, "little")
