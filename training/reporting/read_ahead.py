"""Pictures read while the network works on those before."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def read_ahead(
    read: Callable[[int], Item], batches: Sequence[Sequence[int]]
) -> Iterator[list[Item]]:
    """Batch after batch, the next one already on its way.

    One thread: a renderer is used by one at a time, and files are read faster than predicted.

    Args:
        read: The item of a number.
        batches: Numbers of each.
    """
    with ThreadPoolExecutor(1) as pool:

        def read_all(batch: Sequence[int]) -> list[Item]:
            return [read(number) for number in batch]

        coming = pool.submit(read_all, batches[0]) if batches else None
        for number in range(len(batches)):
            assert coming is not None
            items = coming.result()
            if number + 1 < len(batches):
                coming = pool.submit(read_all, batches[number + 1])
            yield items
