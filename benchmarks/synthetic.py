"""Rendered people a second on one core, at the sizes that training uses."""

import time

import torch

from training.synthetic.scene import Synthesizer

SUBJECTS, FRAMES = 16, 6


def run() -> None:
    """Dressing a person costs more than seeing them once more, so both are in the number.

    Seconds are those that the process computed for, on one thread: what a worker does on a core
    of its own, whatever else the machine is busy with.
    """
    torch.set_num_threads(1)
    synthesizer = Synthesizer(seed=0, device="cpu")
    synthesizer.frame(synthesizer.subject(0), (0, 0), (128, 128))
    print("Synthetic people, one core, everything on; dressed once and seen six times")
    for side in (128, 256):
        started = time.process_time()
        for index in range(SUBJECTS):
            subject = synthesizer.subject(index)
            for number in range(FRAMES):
                synthesizer.frame(subject, (index, number), (side, side))
        rate = SUBJECTS * FRAMES / (time.process_time() - started)
        print(f"  {side} px{rate:14.1f} pairs/s")
