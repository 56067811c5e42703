"""Calls at a fixed rate: nobody waits for anybody, and a delay counts from the time a call should have begun."""

import asyncio

import pytest

from carbonport.node.bench.open_loop import Delays, open_loop


def test_calls_begin_on_time_although_earlier_ones_have_not_ended() -> None:
    under_way = 0
    most = 0
    everybody = asyncio.Event()

    async def call() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 20:
            everybody.set()
        await everybody.wait()

    measured = asyncio.run(open_loop(call, rate=1000, calls=20))
    assert most == 20
    assert len(measured.each) == 20
    # The first has waited for the last: as long as there were calls to begin.
    assert measured.each[0] >= 19 / 1000
    assert measured.rate <= 1000


def test_a_failing_call_fails_the_measurement() -> None:
    async def call() -> None:
        raise OSError

    with pytest.raises(ExceptionGroup):
        asyncio.run(open_loop(call, rate=1000, calls=2))


def test_of_a_hundred_delays_the_99th_is_given() -> None:
    assert Delays([number / 1000 for number in range(100)], 1.0).high == 0.099
    assert Delays([0.5], 0.5).high == 0.5
    assert Delays([0.0] * 1000 + [9.0] * 5, 10.0).high == 0.0
