"""Seeds of repeatable random numbers."""

import random

import numpy as np
import torch


def sample_generator(seed: int, index: int) -> np.random.Generator:
    """A generator that depends on the seed and the number of the sample only.

    Workers and interruptions of the run have no influence.

    Args:
        seed: Of the run; not negative.
        index: Number of the sample in the run.
    """
    return np.random.default_rng(np.random.SeedSequence((seed, index)))


def seed_everything(seed: int) -> None:
    """Seed the generators that initial weights come from."""
    random.seed(seed)
    torch.manual_seed(seed)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed the random numbers of a step, such as dropout, on every device.

    A continued run therefore needs no saved state of the generators.

    Args:
        seed: Of the run; not negative.
        step: From 0.
        rank: Of this process, from 0.
    """
    words = np.random.SeedSequence((seed, step, rank)).generate_state(2)
    torch.manual_seed(int(words[0]) << 32 | int(words[1]))
