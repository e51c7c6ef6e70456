"""Numbers below the smallest normal one count as zero.

A channel that no longer fires has no gradient, and an optimiser's averages of it shrink by a
constant factor in every step: within two thousand they are denormal, and stay so, because rounding
keeps the smallest of them. Processors multiply such numbers far more slowly.
Measured on two cores of an Intel Xeon in float32, with Muon: a step that took 1.37 s took 1.97 s
after 2,000 steps, when 0.1 to 4 % of the momentum was denormal in every layer that had any, and
again 1.36 s from then on without them (`python -m benchmarks denormals`).
"""

import torch


def flush_denormals() -> bool:
    """For this process, until it ends: for who owns it, before torch has started its threads.

    Threads take the setting over from the one that starts them.

    Returns:
        Whether the processor can.
    """
    return bool(torch.set_flush_denormal(True))
