"""One at each turn of the loop, in order, whoever leaves the line."""

import asyncio

from app.turnstile import Turnstile


async def _log_turns(turnstile: Turnstile, name: str, log: list[tuple[str, int]]) -> None:
    await turnstile.wait()
    log.append((name, turnstile.turn))


def test_one_goes_through_at_each_turn_in_order_of_arrival() -> None:
    async def crowd() -> list[tuple[str, int]]:
        turnstile, log = Turnstile(), list[tuple[str, int]]()
        await asyncio.gather(*(_log_turns(turnstile, name, log) for name in "abcde"))
        return log

    assert asyncio.run(crowd()) == [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)]


def test_others_run_between_two_who_go_through() -> None:
    async def crowd() -> list[str]:
        turnstile, seen = Turnstile(), list[str]()

        async def count_turns() -> None:
            while len(seen) < 9:
                seen.append("other")
                await asyncio.sleep(0)

        async def go(name: str) -> None:
            await turnstile.wait()
            seen.append(name)

        await asyncio.gather(*(go(name) for name in "abc"), count_turns())
        return seen

    seen = asyncio.run(crowd())
    assert [name for name in seen if name != "other"] == ["a", "b", "c"]
    assert all("other" in seen[seen.index(x) : seen.index(y)] for x, y in ("ab", "bc"))


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
