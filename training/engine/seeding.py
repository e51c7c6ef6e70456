"""Randomness that can be repeated: every sample has its own generator."""

import random

import numpy as np
import torch


def sample_generator(seed: int, index: int) -> np.random.Generator:
    """A generator that depends on the seed and on the sample's number alone.

    Whichever worker makes the sample, and whether or not the run was interrupted before it, the
    numbers drawn are the same.

    Args:
        seed: Of the run; not negative.
        index: Tells the sample from all others of the run.
    """
    return np.random.default_rng(np.random.SeedSequence((seed, index)))


def seed_everything(seed: int) -> None:
    """Seed what networks draw their first weights from."""
    random.seed(seed)
    torch.manual_seed(seed)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed what is random in a step, such as dropout, on every device.

    Nothing else decides it, so that nothing of it needs to be saved for a run to be continued.

    Args:
        seed: Of the run; not negative.
        step: From 0.
        rank: Of this process, from 0.
    """
    words = np.random.SeedSequence((seed, step, rank)).generate_state(2)
    torch.manual_seed(int(words[0]) << 32 | int(words[1]))
