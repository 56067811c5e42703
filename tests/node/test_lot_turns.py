"""Sales of one lot take turns; other lots, and what sells from none, wait for nobody, and no more wait than may."""

import asyncio

import pytest
from test_lot_witness import stated

from carbonport.errors import Unavailable
from carbonport.node.exporter.lots.sale_turns import SaleTurns

STEEL, COKE = stated("2026-01-01/2026-12-31"), stated("2026-01-01/2026-12-31", process="coke")


async def test_one_sale_of_a_lot_at_a_time_in_the_order_of_asking() -> None:
    turns, sold = SaleTurns(max_waiting=2), list[int]()

    async def sell(number: int) -> None:
        async with turns.turn(STEEL):
            sold.append(number)
            await asyncio.sleep(0)
            assert sold[-1] == number

    async with turns.turn(STEEL):
        waiting = [asyncio.create_task(sell(number)) for number in (1, 2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as busy:
            await sell(3)
        assert busy.value.id == "lot-busy"
        async with turns.turn(None):
            assert not sold
    await asyncio.gather(*waiting)
    assert sold == [1, 2]


async def test_lots_do_not_wait_for_each_other_and_a_failed_sale_gives_its_turn_on() -> None:
    turns = SaleTurns()
    with pytest.raises(ZeroDivisionError):
        async with turns.turn(STEEL), turns.turn(COKE):
            raise ZeroDivisionError
    async with asyncio.timeout(5), turns.turn(STEEL), turns.turn(COKE):
        pass
