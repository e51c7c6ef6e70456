"""A few at each turn of the loop, in order, whoever leaves the line."""

import asyncio
import time
from collections import Counter

from app.turnstile import MOST, SHORT_S, Turnstile


async def _log_turns(turnstile: Turnstile, name: str, log: list[tuple[str, int]]) -> None:
    await turnstile.wait()
    log.append((name, turnstile.turn))


def test_more_go_through_at_each_turn_while_turns_are_short() -> None:
    async def crowd() -> list[tuple[str, int]]:
        turnstile, log = Turnstile(), list[tuple[str, int]]()
        await asyncio.gather(*(_log_turns(turnstile, str(number), log) for number in range(40)))
        return log

    log = asyncio.run(crowd())
    assert [name for name, _ in log] == [str(number) for number in range(40)]
    sizes = Counter(turn for _, turn in log)
    assert sizes[0] == 1
    assert max(sizes.values()) <= MOST


def test_one_goes_through_at_each_turn_while_turns_are_long() -> None:
    async def crowd() -> list[int]:
        turnstile, turns = Turnstile(), list[int]()

        async def go() -> None:
            await turnstile.wait()
            turns.append(turnstile.turn)
            time.sleep(2 * SHORT_S)

        await asyncio.gather(*(go() for _ in range(5)))
        return turns

    assert asyncio.run(crowd()) == [0, 1, 2, 3, 4]


def test_others_run_between_two_turns() -> None:
    async def crowd() -> list[str]:
        turnstile, seen = Turnstile(), list[str]()

        async def other() -> None:
            while len(seen) < 60:
                seen.append("other")
                await asyncio.sleep(0)

        async def go() -> None:
            await turnstile.wait()
            seen.append("one")

        await asyncio.gather(*(go() for _ in range(30)), other())
        return seen

    seen = asyncio.run(crowd())
    assert seen.count("one") == 30
    assert "one" * (MOST + 1) not in "".join(seen)


def test_a_lone_one_does_not_wait() -> None:
    async def alone() -> int:
        turnstile = Turnstile()
        for _ in range(3):
            waiting = turnstile.wait()
            try:
                waiting.send(None)
            except StopIteration:
                pass
            else:
                raise AssertionError("it waited")
            await asyncio.sleep(0)
        return turnstile.turn

    assert asyncio.run(alone()) == 3


def test_those_who_leave_the_line_hold_nobody_up() -> None:
    async def crowd() -> list[tuple[str, int]]:
        turnstile, log = Turnstile(), list[tuple[str, int]]()
        tasks = {name: asyncio.create_task(_log_turns(turnstile, name, log)) for name in "abcd"}
        await asyncio.sleep(0)
        tasks["b"].cancel()
        tasks["c"].cancel()
        await asyncio.wait(tasks.values())
        await asyncio.wait_for(_log_turns(turnstile, "e", log), 10)
        return log

    assert [name for name, _ in asyncio.run(crowd())] == ["a", "d", "e"]
