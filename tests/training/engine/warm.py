"""A warm process that forks a child for each run: a new interpreter would take seconds to import.

It reads a request a line from its standard input and answers with a number a line:
{"start": name, "arguments": {...}, "environment": {...}} with the process id of a child that calls
that function, {"wait": id} with the child's exit status, or minus the signal that ended it.
"""

import json
import os
import resource
import sys
import traceback
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

# What the children need is imported once, here; optimisers import the compiler when first used.
import numpy as np
import torch
import torch._dynamo
from torch import Tensor, nn

from model.errors import HabitusError
from model.silhouette.network import HourglassConfig
from training.__main__ import main
from training.engine.batches import Stage
from training.engine.distributed import joined_processes, means, num_processes, rank
from training.engine.loop import Routine, fit
from training.engine.optimisation import Optimisation
from training.engine.run import RunFolder
from training.engine.state import save_state
from training.engine.tasks import SupervisedTask
from training.scenes.people_maps import people_maps
from training.silhouette.data import SilhouetteBatch
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.task import FITTING, build


class Points(NamedTuple):
    inputs: Tensor
    outputs: Tensor


def points(step: int) -> Points:
    inputs = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(step))
    return Points(inputs, inputs.sum(1, keepdim=True))


def squared_error(network: nn.Module, batch: Points) -> dict[str, Tensor]:
    return {"loss": ((network(batch.inputs) - batch.outputs) ** 2).mean()}


def judgement(network: nn.Module, batches: Iterable[Points]) -> dict[str, float]:
    error = sum(float(squared_error(network, batch)["loss"]) for batch in batches)
    return {"error": error, "score": -error}


def train(folder: str, steps: int, largest_file: int | None = None) -> int:
    """A tiny run, begun or continued, that saves after every step."""
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 256, 3, padding=1), nn.BatchNorm2d(256), nn.Dropout(0.2), nn.Conv2d(256, 1, 1)
    )
    settings = Optimisation(precision="fp32", warmup_steps=2, accumulate=2)
    # The schedule is the same however long this part of the run is.
    task = SupervisedTask(network, squared_error, judgement, settings, 100, torch.device("cpu"))
    run = RunFolder(Path(folder))
    if not run.description.exists():  # the folder may: a kill can come before its first file
        run = RunFolder.create(run.path, {})

    def batches_from(step: int) -> Iterator[Points]:
        return (points(number) for number in range(step, steps))

    routine = Routine(judge_every=3, save_every=1, log_every=1)
    try:
        outcome = fit(task, batches_from, lambda: [points(1000)], steps, routine, run)
    except HabitusError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0 if outcome.signal is None else 128 + outcome.signal


def silhouettes(step: int, side: int, dtype: torch.dtype) -> SilhouetteBatch:
    """Eight samples that count very differently, as photos and rendered people do."""
    generator = torch.Generator().manual_seed(step)
    layers = torch.rand(7, 8, 1, side, side, generator=generator, dtype=dtype)
    count = torch.tensor([8.0, 1, 0, 3, 1, 1, 0.1, 1], dtype=dtype).view(-1, 1, 1, 1)
    weight = count * (layers[3] > 0.3)
    images = layers[4:].squeeze(2).transpose(0, 1)
    naked = (layers[1] > 0.6).to(dtype)
    nobody = people_maps([], np.ones((side, side), bool))
    of_people = (layer.expand(8, *layer.shape) for layer in nobody)
    is_photo = torch.zeros(8, dtype=torch.bool)
    return SilhouetteBatch(images, layers[0], naked, naked, weight, is_photo, *of_people)


def learn(
    out: str,
    steps: int,
    dtype: str,
    accumulate: int = 1,
    optimiser: Literal["adamw", "muon"] = "adamw",
) -> int:
    """Take the silhouette network some steps on, alone or as one of several processes."""
    torch.set_default_dtype(getattr(torch, dtype))
    recipe = SilhouetteRecipe(
        stages=(Stage(32, steps, batch_size=8),),
        network=HourglassConfig(
            num_stacks=1,
            # Muon is for weights of at least 16 channels.
            num_features=32 if optimiser == "muon" else 8,
            depth=1,
        ),
        optimisation=Optimisation(
            optimiser=optimiser, precision="fp32", warmup_steps=2, accumulate=accumulate
        ),
        device="cpu",
    )
    with joined_processes(torch.device("cpu")):
        task = build(recipe)
        for module in task.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                # By running statistics: on CPUs a process would normalise by its own share.
                frozen = partial(nn.Module.train, module, mode=False)
                setattr(module, "train", lambda _mode, frozen=frozen: frozen())  # noqa: B010
        curves = []
        for step in range(steps):
            batch = silhouettes(step, 32, torch.get_default_dtype())
            share = SilhouetteBatch(*(layer[rank() :: num_processes()] for layer in batch))
            curves.append(means(task.learn(share)))
        save_state(Path(f"{out}-{rank()}"), {"task": task.state_dict(), "curves": curves})
    return 0


def command(arguments: list[str]) -> int:
    return main(arguments)


def start(request: dict[str, Any]) -> int:
    if child := os.fork():
        return child
    status = 70
    try:
        os.dup2(2, 1)  # answers alone go to the standard output
        os.environ.update(request.get("environment", {}))
        torch.set_num_threads(1)
        status = globals()[request["start"]](**request["arguments"])
    except BaseException:  # noqa: BLE001 - the child must not return into its parent's loop
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    assert torch._dynamo
    assert FITTING
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer = start(request)
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
