"""Attacks on the gate: whatever is asked, planted or signed, no protected value comes out.

The families are those that got values out of prototypes: nested, renamed, other units, base64, hexadecimal, packed,
rot13, reversed, full-width, homoglyphs, number words, split fields, arrays, inside keys, inside allowed strings, in
proof fields, low digits, duplicate keys, numbers that are none, invisible signs, white space.
"""

import base64
import codecs
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from classified_plant import (
    AMOUNTS,
    CONSIGNMENT,
    SUBJECT,
    Plant,
    approval_for,
    asked,
    fact,
    gate_over,
    policy,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from carbonport.classification.egress import EgressRefused, Recipient, Subject
from carbonport.classification.forms import Form, Role
from carbonport.classification.graded_ledger import graded_ledger
from carbonport.classification.hidden_values import (
    TEXT_DIGITS,
    HiddenValues,
    looks_packed,
    significant_digits,
)
from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.errors import CarbonportError
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.ledger import Record

EXAMPLE = Path(str(files("carbonport") / "examples" / "steelworks.yaml"))

SECRET = AMOUNTS["process/steel/activity_level"]
DIGITS = SECRET.replace(".", "")

# --- what may never be found ---------------------------------------------------------------------------------------


def spellings(secret: Decimal, decimals: int) -> Iterable[bytes]:
    """A protected value as it could stand in a message: decimal, scaled, binary, base64, hexadecimal."""
    text, whole = format(secret, "f"), int(secret.scaleb(decimals))
    plain = [
        text,
        text.rstrip("0").rstrip("."),
        str(whole),
        str(whole).rstrip("0"),
        significant_digits(secret),
    ]
    grouped = f"{int(secret):,}"
    binary = [whole.to_bytes(8, "big"), whole.to_bytes(8, "little")]
    for spelled in {*plain, *([grouped] if len(grouped) > 7 else [])}:
        yield spelled.encode()
        yield spelled[::-1].encode()
        yield base64.b64encode(spelled.encode()).rstrip(b"=")
        yield spelled.encode().hex().encode()
    for packed in binary:
        yield packed
        yield base64.b64encode(packed).rstrip(b"=")
        yield packed.hex().encode()


def assert_holds_none_of(payload: bytes, secrets: Mapping[str, Decimal]) -> None:
    for path, secret in secrets.items():
        decimals = 9 if path.endswith("carbon_content") else 3
        for spelled in spellings(secret, decimals):
            assert spelled not in payload, path


def amounts(digits: int) -> st.SearchStrategy[Decimal]:
    """Figures with at least seven significant digits, the last one not zero."""
    return st.integers(10 ** (digits - 2), 10 ** (digits - 1) - 1).map(
        lambda n: Decimal(n * 10 + 7).scaleb(-3)
    )


PLANTS = st.fixed_dictionaries(
    {
        "stream/coke/activity_data": amounts(10),
        "stream/coke/carbon_content": st.integers(10**7, 10**8 - 1).map(
            lambda n: Decimal(n * 10 + 3).scaleb(-9)
        ),
        "process/steel/activity_level": amounts(10),
        "process/steel/electricity": amounts(10),
        "precursor/pig-iron/precursor_amount": amounts(9),
    }
)
EVERY_ITEM = (
    "operator",
    "country",
    "unlocode",
    "cn",
    "product_name",
    "process_name",
    "route",
    "period",
    "see_direct",
    "see_indirect",
    "see_total",
    "default_share",
    "see_direct_rounded",
    "attributed_direct",
    "attributed_indirect",
    "installation_direct_emissions",
    "installation_direct_emissions_rounded",
    "precursors",
    "net_mass",
    "consignment",
    "verification_opinion",
    "activity_level",
    "electricity",
    "latitude",
    "longitude",
    "contact_email",
    *AMOUNTS,
    "precursor/pig-iron/precursor_see_direct",
    f"consignment/{CONSIGNMENT}/net_mass",
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    plant=PLANTS,
    items=st.lists(st.sampled_from(EVERY_ITEM), min_size=1, max_size=6, unique=True),
    form=st.sampled_from(Form),
    approved=st.booleans(),
)
def test_whatever_an_importer_asks_no_protected_value_leaves(
    plant: dict[str, Decimal], items: list[str], form: Form, approved: bool
) -> None:
    request = asked(*items, form=form, approval="A-1" if approved else "")
    gate = gate_over(Plant(plant).ledger(), approvals=[approval_for(request)] if approved else [])
    try:
        payload = gate.release(request).payload
    except EgressRefused as error:
        payload = (str(error) + json.dumps(error.decision.as_json())).encode()
    assert_holds_none_of(payload, plant)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(plant=PLANTS)
def test_each_item_on_its_own_is_shown_or_refused(plant: dict[str, Decimal]) -> None:
    # Divided by almost a power of ten, a total keeps its digits: then the specific value is refused, and rightly so.
    assume(not str(plant["process/steel/activity_level"]).startswith(("10000", "99999")))
    gate = gate_over(Plant(plant).ledger())
    shown = set()
    for item in EVERY_ITEM:
        try:
            assert_holds_none_of(gate.release(asked(item)).payload, plant)
            shown.add(item)
        except EgressRefused:
            continue
    assert shown.isdisjoint(AMOUNTS)
    assert {"operator", "see_direct", "net_mass", "period"} <= shown


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(item=st.text(max_size=60), role=st.sampled_from(Role), form=st.sampled_from(Form))
def test_a_made_up_item_name_gets_nothing(item: str, role: Role, form: Form) -> None:
    request = asked(item, recipient=Recipient("CN/X", role, "CN"), form=form)
    with pytest.raises(EgressRefused):
        gate_over(Plant().ledger()).release(request)


def test_a_value_in_an_item_name_does_not_come_back_as_an_item() -> None:
    for name in (SECRET, f"see_direct:{SECRET}", f"see_direct\x00{SECRET}", '","see":' + SECRET):
        with pytest.raises(EgressRefused):
            gate_over(Plant().ledger()).release(asked("see_direct", name))


# --- planted in a name ---------------------------------------------------------------------------------------------

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": lambda s: s,
    "inside": lambda s: f"Mill {s} Ltd.",
    "without point": lambda s: s.replace(".", ""),
    "scaled down": lambda s: "0.00" + s.replace(".", ""),
    "scaled up": lambda s: s.replace(".", "") + "000",
    "grouped": lambda s: f"{Decimal(s):,}",
    "spaced": lambda s: " ".join(s),
    "dashed": lambda s: "-".join(s.replace(".", "")),
    "lettered": lambda s: "x".join(s.replace(".", "")),
    "reversed": lambda s: s[::-1],
    "leading digits": lambda s: s[:7],
    "full-width": lambda s: s.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789"}),
    "arabic": lambda s: s.translate({ord("0") + n: 0x660 + n for n in range(10)}),
    "superscript": lambda s: s.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    "mathematical": lambda s: s.translate({ord("0") + n: 0x1D7CE + n for n in range(10)}),
    "zero-width": lambda s: "\u200b".join(s),
    "joined marks": lambda s: "\u0301".join(s),
    "tag signs": lambda s: "Mill" + "".join(chr(0xE0000 + ord(c)) for c in s),
    "look-alikes": lambda s: s.replace("1", "l").replace("0", "O").replace("2", "Z"),
    "words": lambda s: " ".join(WORDS[int(c)] for c in s if c != "."),
    "words together": lambda s: "".join(WORDS[int(c)].capitalize() for c in s if c != "."),
    "rot13 words": lambda s: codecs.encode(" ".join(WORDS[int(c)] for c in s if c != "."), "rot13"),
    "chinese": lambda s: "".join("〇一二三四五六七八九"[int(c)] for c in s if c != "."),
    "financial chinese": lambda s: "".join("零壹贰叁肆伍陆柒捌玖"[int(c)] for c in s if c != "."),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 unpadded": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "base64 of words": lambda s: base64.b64encode(f"level {s}".encode()).decode(),
    "hex text": lambda s: s.encode().hex(),
    "hex number": lambda s: f"0x{int(s.replace('.', '')):016x}",
    "base64 number": lambda s: base64.b64encode(int(s.replace(".", "")).to_bytes(8, "big")).decode(),
    "base64 little-endian": lambda s: base64.b64encode(
        int(s.replace(".", "")).to_bytes(8, "little")
    ).decode(),
    "gzip": lambda s: base64.b64encode(gzip.compress(s.encode())).decode(),
    "zlib": lambda s: base64.b64encode(zlib.compress(s.encode())).decode(),
    "line break": lambda s: f"Mill\n{s}",
    "tabs": lambda s: "\t".join(s),
}


def operator(plant: Plant, text: str) -> Iterable[str]:
    plant.texts["installation/operator"] = ("operator", "identity", text)
    return ("operator",)


def product(plant: Plant, text: str) -> Iterable[str]:
    plant.label = text
    return ("product_name",)


def route(plant: Plant, text: str) -> Iterable[str]:
    plant.routes = ("Basic oxygen steelmaking", text)
    return ("route",)


def unlocode(plant: Plant, text: str) -> Iterable[str]:
    plant.texts["installation/unlocode"] = ("unlocode", "identity", text)
    return ("unlocode",)


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("place", [operator, product, route, unlocode])
def test_a_value_planted_in_an_allowed_string_is_refused(
    place: Callable[[Plant, str], Iterable[str]], disguise: str
) -> None:
    plant = Plant()
    items = place(plant, DISGUISES[disguise](SECRET))
    with pytest.raises(EgressRefused) as caught:
        gate_over(plant.ledger()).release(asked(*items))
    assert "4836291" not in str(caught.value)


def test_a_value_split_over_two_names_is_refused() -> None:
    plant = Plant()
    operator(plant, f"Mill {DIGITS[:5]}")
    product(plant, f"Coil {DIGITS[5:]}")
    gate = gate_over(plant.ledger())
    gate.release(asked("operator"))
    with pytest.raises(EgressRefused):
        gate.release(asked("operator", "product_name"))


@pytest.mark.parametrize("planted", [SECRET, DIGITS, f"see {DIGITS[::-1]}"])
def test_a_value_planted_in_what_an_exchange_adds_is_refused(planted: str) -> None:
    with pytest.raises(EgressRefused):
        gate_over(Plant().ledger(), opinion=f"unqualified {planted}").release(asked("verification_opinion"))
    with pytest.raises((EgressRefused, CarbonportError)):
        gate_over(Plant().ledger(), consignment=planted).release(
            asked("consignment", subject=type(SUBJECT)("steel", SUBJECT.cn, planted))
        )


def test_a_coordinate_planted_in_a_name_is_refused() -> None:
    plant = Plant()
    items = operator(plant, "Mill at 39.214653 N")
    with pytest.raises(EgressRefused):
        gate_over(plant.ledger()).release(asked(*items))


def test_a_total_planted_in_a_name_is_refused() -> None:
    total = Decimal("2186473.915") * Decimal("0.876149532") * Decimal("3.664")
    plant = Plant()
    items = operator(plant, f"Mill {total:.3f}")
    with pytest.raises(EgressRefused):
        gate_over(plant.ledger()).release(asked(*items))


def test_ordinary_names_pass() -> None:
    plant = Plant()
    operator(plant, "河北燕海钢铁有限公司 (Hebei Yanhai), Plant No. 2 – Südtor & Söhne")
    product(plant, "HRC S355J2+N 2.0 x 1250 mm")
    gate_over(plant.ledger()).release(asked("operator", "product_name", "route"))


# --- renamed, relabelled, degenerate -------------------------------------------------------------------------------


def test_a_secret_relabelled_as_an_open_field_is_refused() -> None:
    """The table does not know `activity_level` as `identity`; a fact of a known open field is searched as text."""
    ledger = Plant().ledger(fact("extra/data_quality", "data_quality", "product", f"level {SECRET}"))
    with pytest.raises(EgressRefused):
        gate_over(ledger).release(asked("extra/data_quality"))


def test_a_secret_as_net_mass_of_a_consignment_is_refused() -> None:
    plant = Plant()
    plant.amounts["process/steel/activity_level"] = Decimal("1234567.891")
    gate = gate_over(plant.ledger())
    gate.release(asked("net_mass"))
    plant.amounts["process/steel/activity_level"] = Decimal("25.5")  # too few digits to be told apart
    gate_over(plant.ledger()).release(asked("net_mass"))
    plant.amounts["stream/coke/activity_data"] = Decimal("2550000.003")  # zeros of the notation do not count
    gate_over(plant.ledger()).release(asked("net_mass"))
    plant.amounts["stream/coke/activity_data"] = Decimal("1234567.8")
    with pytest.raises(EgressRefused):
        gate_over(plant.ledger(), net_mass="12.345678").release(asked("net_mass"))


def test_a_specific_result_that_shows_the_total_is_refused() -> None:
    """One tonne of output: the specific emissions would be the total emissions."""
    plant = Plant()
    plant.amounts["process/steel/activity_level"] = Decimal(1)
    with pytest.raises(EgressRefused):
        gate_over(plant.ledger()).release(asked("see_direct"))


def test_a_precursor_value_that_is_a_protected_figure_in_disguise_is_refused() -> None:
    plant = Plant(see_direct=Decimal("4.836291472"))
    with pytest.raises(EgressRefused):
        gate_over(plant.ledger()).release(asked("precursors"))


# --- a signer that adds --------------------------------------------------------------------------------------------


def with_extra(extra: Callable[[str], Json]) -> Callable[[Mapping[str, Json]], bytes]:
    return lambda claims: canonical_bytes({**claims, "extra": extra(SECRET)})


SEALS: dict[str, Callable[[Mapping[str, Json]], bytes]] = {
    "plain": with_extra(lambda s: s),
    "nested": with_extra(lambda s: {"a": [{"b": s}]}),
    "in a key": with_extra(lambda s: {s: 1}),
    "integer": with_extra(lambda s: int(s.replace(".", ""))),
    "proof field": with_extra(lambda s: {"proof": base64.b64encode(f"proof{s}".encode()).decode()}),
    "grouped": with_extra(lambda s: f"{Decimal(s):,}"),
    "duplicate key": lambda _: b'{"see":' + SECRET.encode() + b',"see":1.92}',
    "white space": lambda _: b'{"see": ' + SECRET.encode() + b" " * 100 + b"}",
    "jws": lambda claims: (
        b"eyJhbGciOiJFUzI1NiJ9."
        + base64.urlsafe_b64encode(canonical_bytes({**claims, "level": SECRET})).rstrip(b"=")
        + b".c2lnbmF0dXJl"
    ),
    "sd-jwt disclosure": lambda _: (
        b"a.b.c~" + base64.urlsafe_b64encode(f'["salt","level","{SECRET}"]'.encode()).rstrip(b"=") + b"~"
    ),
}


@pytest.mark.parametrize("seal", SEALS)
def test_a_signer_cannot_add_a_protected_value(seal: str) -> None:
    with pytest.raises(EgressRefused):
        gate_over(Plant().ledger()).release(asked("see_direct"), SEALS[seal])


# --- the plant of the examples -------------------------------------------------------------------------------------


def test_the_example_steelworks_shows_an_importer_nothing_it_protects() -> None:
    ledger = read_ledger(EXAMPLE, Catalogue.load())
    subject = Subject("steel", "72083900", CONSIGNMENT)
    gate = gate_over(ledger)
    payload = gate.release(asked(*gate.declaration_items(subject), subject=subject)).payload
    graded = graded_ledger(ledger, policy().table)
    protected = {
        entry.path: entry.entry
        for entry in graded.records()
        if isinstance(entry.entry, Record) and entry.hidden_from(Role.DECLARANT, approved=True)
    }
    assert len(protected) > 25
    for record in protected.values():
        if len(significant_digits(record.declared)) >= 7:
            for spelled in spellings(record.declared, record.decimals):
                assert spelled not in payload, record.path


# --- the recogniser itself -----------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.integers(10**7, 10**12), st.integers(-9, 3), st.sampled_from(sorted(DISGUISES)))
def test_a_recogniser_finds_every_disguise_of_every_number(number: int, scale: int, disguise: str) -> None:
    digits = number * 10 + 3
    secret = Decimal(digits).scaleb(scale)
    if disguise in ("hex number", "base64 number", "base64 little-endian"):
        scale = min(scale, 0)
    text = DISGUISES[disguise](format(Decimal(digits).scaleb(min(scale, 0)), "f"))
    # A cut that leaves little but zeros tells nothing, and is not taken for the number.
    assume(disguise != "leading digits" or len(significant_digits(Decimal(text))) >= TEXT_DIGITS)
    hidden = HiddenValues([secret])
    assert hidden.in_text(text) or looks_packed(text) or disguise == "tag signs"


def test_a_recogniser_prints_no_secret() -> None:
    assert "4836291" not in repr(HiddenValues([Decimal(SECRET)]))


def test_hashes_and_ids_do_not_show_a_number_by_chance() -> None:
    hidden = HiddenValues([Decimal("4836291.472")])
    assert not hidden.in_payload(b'{"digest":"ab48362914720fc1ab48362914720fc1","at":1800000000}')
    assert hidden.in_payload(b'{"level":48362914720}')
    assert hidden.in_payload(b'{"level":"4836291472t"}')
    nested = base64.b64encode(b'{"statement":"' + base64.b64encode(b'{"level":4836291.472}') + b'"}')
    assert hidden.in_payload(b"head." + nested + b".signature")


def test_short_numbers_and_numbers_that_are_none_are_not_searched() -> None:
    hidden = HiddenValues([Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("12"), Decimal(0)])
    assert not hidden.in_text("12 NaN Infinity 0")
    assert not hidden.in_payload(b'{"a":12}')


def test_grading_a_hostile_ledger_never_prints_a_value() -> None:
    graded = graded_ledger(Plant().ledger(), policy().table)
    assert all("4836291" not in entry.reason for entry in graded.entries.values())


def test_a_specific_value_with_the_digits_of_its_total_is_refused() -> None:
    plant = AMOUNTS | {
        "stream/coke/activity_data": "9999922.477",
        "stream/coke/carbon_content": "0.425068603",
        "process/steel/activity_level": "1000000.007",
    }
    with pytest.raises(EgressRefused):
        gate_over(Plant({path: Decimal(text) for path, text in plant.items()}).ledger()).release(
            asked("see_direct")
        )
