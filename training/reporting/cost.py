"""What a network costs: operations, and time."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def giga_flops(network: nn.Module, side: int = 256) -> float:
    """Floating-point operations for one picture, in 10^9; a multiply-add counts two."""
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, side, side, device=device))
    network.train(was_training)
    return float(counter.get_total_flops()) / 1e9


def median_ms(
    work: Sequence[Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Median time of the calls, each made once; the first is made once more before, to warm up.

    Args:
        work: At least one.
        clock: In seconds. `time.process_time` leaves out what other programs take, but adds up all
            threads of this one.
    """
    work[0]()
    times = []
    for call in work:
        begun = clock()
        call()
        times.append(clock() - begun)
    return 1000 * statistics.median(times)


@contextlib.contextmanager
def num_threads(count: int) -> Iterator[None]:
    """A block in which torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
