"""The training loop with samples made on the fly, beside a bare loop over tensors in memory."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from training.engine.batches import Stage, StagedBatches, batch_loader
from training.engine.loop import Routine, fit
from training.engine.optimisation import make_optimisers
from training.engine.precision import device_name, pick_device
from training.engine.run import RunFolder
from training.engine.tasks import SupervisedTask
from training.scenes.labelled_picture import LabelledPicture
from training.scenes.sources import StreamedPeople
from training.silhouette.data import SilhouetteBatch, TrainingSamples
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.task import build
from training.synthetic.stream import RenderedStream

ROUNDS, WARM_UP = 2, 5
SUBJECTS, FRAMES, SIDE = 4, 6, 256


def run() -> None:
    """Wall-clock steps a second, and what a step costs the training process in CPU time.

    Same network, loss, optimisers, number format. The bare loop has no average of the weights, no
    clipping, no schedule, no curves, and one batch that it never has to make or move.
    """
    device = pick_device("auto")
    on_cuda = device.type == "cuda"
    # Enough steps that what the workers had made ahead when the clock started matters little.
    side, batch_size, num_steps = (256, 32, 200) if on_cuda else (128, 8, 20)
    workers = min(8, os.cpu_count() or 1) if on_cuda else 1
    recipe = SilhouetteRecipe(
        stages=(Stage(side, WARM_UP + num_steps + 1, batch_size),),
        device=device.type,
        routine=Routine(judge_every=10**6, save_every=10**6, num_workers=workers),
    )
    pictures = _pictures()
    samples = TrainingSamples(recipe, pictures, pictures, pictures, np.arange(len(pictures)))
    batches = batch_loader(samples, StagedBatches(recipe.stages), workers, device)
    batch = next(iter(batches))
    clocks = {"bare loop": Clock(device, num_steps), "habitus": Clock(device, num_steps)}
    for _ in range(ROUNDS):
        _bare_loop(build(recipe), clocks["bare loop"].over([batch] * recipe.stages[0].steps))
        _our_loop(recipe, clocks["habitus"], lambda: batches)
    print(
        f"Training loop, silhouette network, {batch_size} samples of {side} px, {workers} "
        f"worker(s), {device_name(device)}, {os.cpu_count()} cores"
    )
    bare, ours = clocks.values()
    for name, clock in clocks.items():
        speed = f"{1 / clock.wall:9.2f} steps/s"
        print(f"  {name:<24}{speed}{clock.cpu * 1000:9.1f} ms of CPU time a step")
    print(
        f"  ours has {bare.wall / ours.wall:.2f} of the bare loop's steps a second; a step costs "
        f"the training process {ours.cpu / bare.cpu:.2f} of the bare loop's CPU time"
    )


class Clock:
    """The fastest of several measurements of a step, the first steps of each left out."""

    def __init__(self, device: torch.device, num_steps: int) -> None:
        self.device = device
        self.num_steps = num_steps
        self.wall = self.cpu = float("inf")

    def over(self, batches: Iterable[SilhouetteBatch]) -> Iterator[SilhouetteBatch]:
        """The same batches; the clock runs between the requests for two of them."""
        started = self._now()
        for number, batch in enumerate(batches):
            if number == WARM_UP:
                started = self._now()
            if number == WARM_UP + self.num_steps:
                wall, cpu = (now - then for now, then in zip(self._now(), started, strict=True))
                self.wall = min(self.wall, wall / self.num_steps)
                self.cpu = min(self.cpu, cpu / self.num_steps)
            yield batch

    def _now(self) -> tuple[float, float]:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter(), time.process_time()


def _our_loop(
    recipe: SilhouetteRecipe, clock: Clock, batches: Callable[[], Iterable[SilhouetteBatch]]
) -> None:
    task = build(recipe)
    task.judgement = lambda _network, _batches: {"score": 0.0}
    with _temporary_run() as run:
        fit(
            task,
            lambda _step: clock.over(batches()),
            lambda: [],
            recipe.stages[0].steps,
            recipe.routine,
            run,
        )


def _bare_loop(task: SupervisedTask[SilhouetteBatch], batches: Iterable[SilhouetteBatch]) -> None:
    optimisers = make_optimisers(task.network, task.optimisation).values()
    device, dtype = task.device, task.dtype
    task.network.train()
    in_memory: SilhouetteBatch | None = None
    for batch in batches:
        if in_memory is None:
            in_memory = SilhouetteBatch(*(layer.to(device) for layer in batch))
            images = in_memory.images.to(memory_format=torch.channels_last)
            in_memory = in_memory._replace(images=images)
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            loss = task.objective(task.network, in_memory)["loss"]
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()


@contextmanager
def _temporary_run() -> Iterator[RunFolder]:
    with tempfile.TemporaryDirectory() as folder:
        yield RunFolder.create(Path(folder) / "run", {})


def _pictures() -> list[LabelledPicture]:
    """Rendered people, also in the place of photos and of places of nobody: the same work."""
    people = StreamedPeople(RenderedStream(0, SUBJECTS, FRAMES, SIDE))
    return [people[number] for number in range(len(people))]
