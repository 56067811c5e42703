"""How values are written into an outgoing message: one spelling each, or not at all.

Figures are plain decimals with a fixed number of digits after the point. Texts of a closed kind (codes,
countries, dates) must match their pattern; names may hold letters, digits and common punctuation only, so
that nothing invisible or look-alike travels in them.
"""

import re
import unicodedata
from fractions import Fraction

from carbonport.errors import Malformed
from carbonport.footprint.ledger import Record

MAX_NAME_CHARACTERS = 200
"""Longest name in a message."""

MAX_FRACTION_DECIMALS = 18
"""Most decimals of an evaluated number in a message."""

MAX_EXPONENT = 40
"""Magnitude at which a figure is refused before any arithmetic."""

MAX_NUMERATOR_BITS = 256
"""The same for an evaluated number."""

CODES = {
    "cn": re.compile(r"[0-9]{8}"),
    "country": re.compile(r"[A-Z]{2}"),
    "unlocode": re.compile(r"[A-Z]{2} ?[A-Z2-9]{3}"),
    "precursor_cn": re.compile(r"[0-9]{4,8}"),
    "precursor_country": re.compile(r"[A-Z]{2}|EU"),
    "precursor_basis": re.compile(r"verified|attested|measured|default|unknown"),
    "precursor_category": re.compile(r"[A-Za-z][A-Za-z (),&/-]{1,79}"),
    "consignment": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"),
    "period_start": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "period_end": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
"""Patterns of the fields whose text is of a closed kind; every other text is a name."""

TYPED_FIELDS = frozenset(
    {"cn", "country", "unlocode", "precursor_cn", "precursor_country", "precursor_basis"}
)
"""Codes so short and so fixed that no number can hide in them; other texts are searched for protected
numbers."""

_NAME_CATEGORIES = frozenset(
    {"Lu", "Ll", "Lo", "Lt", "Lm", "Mc", "Pd", "Ps", "Pe", "Po", "Pi", "Pf", "Sm", "So", "Zs"}
)


def checked_text(field: str, text: str) -> str:
    """`text` as it may leave under `field`; else `Malformed`, which does not tell the text."""
    code = CODES.get(field)
    if code is not None:
        good = code.fullmatch(text) is not None
    else:
        good = 0 < len(text) <= MAX_NAME_CHARACTERS and text == text.strip() and all(map(_in_a_name, text))
    if not good:
        expected = "the code of its kind, or a plain name without invisible signs"
        raise _unusable(field, "a text of another form", expected)
    return text


def figure_text(record: Record) -> str:
    """The declared value of a record at its field's decimals; `Malformed` unless finite and in its width."""
    if not record.value.is_finite():
        raise _unusable(record.field, "no finite number", "a number")
    if record.value.adjusted() > MAX_EXPONENT or not 0 <= record.declared_integer < 1 << record.bits:
        expected = f"0 or more, below 2^{record.bits} units of the last decimal"
        raise _unusable(record.field, "a number outside its field", expected)
    return format(record.declared, "f")


def fraction_text(field: str, value: Fraction, decimals: int) -> str:
    """An evaluated number, exact at `decimals` decimals; else `Malformed`: nothing is rounded here."""
    scaled = value * 10**decimals
    too_large = decimals > MAX_FRACTION_DECIMALS or value.numerator.bit_length() > MAX_NUMERATOR_BITS
    if too_large or scaled.denominator != 1:
        expected = f"a number that its graph rounds to {decimals} decimals"
        raise _unusable(field, "a number that is not rounded", expected)
    sign, digits = ("-" if scaled < 0 else ""), str(abs(scaled.numerator)).rjust(decimals + 1, "0")
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


def _in_a_name(character: str) -> bool:
    # ASCII digits only: full-width, Arabic-Indic or superscript digits have no business in a message.
    return "0" <= character <= "9" or (
        unicodedata.category(character) in _NAME_CATEGORIES and unicodedata.digit(character, None) is None
    )


def _unusable(field: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "egress-value-unusable",
        found=found,
        expected=expected,
        remedy="Correct the entry in the ledger.",
        where=field,
    )
