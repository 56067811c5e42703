"""Any sequence of sales, give-backs and corrections: what importers accept never exceeds the production in force."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lots_world import SECRET, TIME, Seller, check
from test_lots_attacks import forge

from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.seller import prove_remainder
from carbonport.crypto.merkle import leaf_hash
from carbonport.errors import CarbonportError, Refused

PRODUCTION = st.integers(0, 60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sell"), st.integers(0, 40)),
        st.tuples(st.just("give back"), st.integers(0, 5)),
        st.tuples(st.just("correct"), PRODUCTION),
    ),
    max_size=7,
)


def play(seller: Seller, steps: Sequence[tuple[str, int]]) -> int:
    """Take the steps that can be taken; gives the production in force."""
    production = seller.tonnes
    for what, number in steps:
        if what == "sell":
            left = seller.state.remainder.value
            if number <= left:
                seller.sell(number)
            else:
                with pytest.raises(Refused, match="lot-sold-out" if left >= 0 else "lot-closed"):
                    seller.sell(number)
        elif what == "correct":
            seller.correct(number)
            production = number
        elif seller.bought:
            k = sorted(seller.bought)[number % len(seller.bought)]
            if k not in seller.state.history.returned:
                seller.give_back(k)
    return production


def accepted(seller: Seller, position: int | None) -> dict[int, int]:
    """The quantities that importers accept now, by k; `position` is where the remainder is shown."""
    found = {}
    for k, bought in seller.bought.items():
        try:
            presentation = seller.present(k, position=max(k, position or k))
            assert check(presentation, seller.version.stated, bought.own) == TIME
        except CarbonportError:
            continue
        found[k] = bought.own.quantity
    return found


@settings(max_examples=25)
@given(PRODUCTION, STEPS)
def test_what_importers_accept_never_exceeds_the_production(
    tonnes: int, steps: Sequence[tuple[str, int]]
) -> None:
    seller = Seller(tonnes=tonnes)
    production = play(seller, steps)
    assert sum(accepted(seller, None).values()) <= production
    live = {entry.k for entry in seller.state.history.sold(seller.state.history.last)}
    if seller.state.closed:
        assert sum(seller.bought[k].own.quantity for k in live) > production
        return
    # A lot that is not closed can show every counting consignment at its last entry.
    if seller.state.history.last > 0:
        seller.state = prove_remainder(seller.state, nonce_secret=SECRET)
        assert set(accepted(seller, seller.state.history.last)) == live


@settings(max_examples=15)
@given(PRODUCTION, st.lists(st.integers(-80, 80), min_size=1, max_size=4))
def test_no_forged_quantities_make_importers_accept_more(tonnes: int, quantities: Sequence[int]) -> None:
    """A seller that writes any quantities and proves what it can."""
    seller = Seller(tonnes=tonnes)
    for quantity in quantities:
        forge(seller, quantity)
    found = accepted(seller, None)
    assert sum(found.values()) <= tonnes
    assert all(quantity >= 0 for quantity in found.values())


@settings(max_examples=15)
@given(PRODUCTION, STEPS)
def test_entries_read_again_give_the_same_history(tonnes: int, steps: Sequence[tuple[str, int]]) -> None:
    seller = Seller(tonnes=tonnes)
    play(seller, steps)
    history = seller.state.history
    again = LotHistory.read(seller.lot, history.encoded)
    assert (again.entries, again.returned, again.root) == (history.entries, history.returned, history.root)
    edge = again.frontier()
    assert (edge.size, edge.root()) == (history.size, history.root)
    assert [entry.encode() for entry in again.entries] == list(history.encoded)
    assert history.root_at(1) == leaf_hash(history.encoded[0])


@settings(max_examples=10)
@given(st.data())
def test_a_changed_byte_is_never_accepted(data: st.DataObject) -> None:
    seller = Seller(tonnes=100)
    k = seller.sell(60)
    presentation = seller.present(k)
    place = data.draw(st.sampled_from(["entries", "proofs", "remainder", "blinding", "salt", "level"]))

    def changed(value: bytes) -> bytes:
        at = data.draw(st.integers(0, len(value) - 1))
        return value[:at] + bytes([value[at] ^ data.draw(st.integers(1, 255))]) + value[at + 1 :]

    if place == "entries":
        index = data.draw(st.integers(0, 1))
        entries = list(presentation.entries)
        entries[index] = changed(entries[index])
        presentation = replace(presentation, entries=tuple(entries))
    elif place == "proofs":
        presentation = replace(presentation, proofs={k: changed(presentation.proofs[k])})
    elif place == "remainder":
        presentation = replace(presentation, remainder_proof=changed(presentation.remainder_proof))
    elif place == "blinding":
        presentation = replace(presentation, blinding=presentation.blinding ^ 1)
    elif place == "salt":
        presentation = replace(presentation, salt=changed(presentation.salt))
    else:
        level = replace(presentation.level, salt=changed(presentation.level.salt))
        presentation = replace(presentation, level=level)
    try:
        check(presentation, seller.version.stated, seller.bought[k].own)
    except CarbonportError:
        return
    raise AssertionError(f"a changed byte of {place} was accepted")
