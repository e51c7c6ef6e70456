"""The generators' training, put together from a recipe."""

import argparse
import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from model.checkpoint import CheckpointHeader
from model.errors import InvalidInputError
from model.synthesis.network import Generator
from model.synthesis.normalisation import Stance
from model.synthesis.person import Person, load_person, save_person
from model.synthesis.skeletons import Skeletons
from training.engine.adversarial import AdversarialTask
from training.engine.batches import num_steps
from training.engine.fitting import Fitting, TrainingData
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask
from training.synthesis.data import (
    ClipFrames,
    HeldOutSamples,
    SynthesisBatch,
    TrainingSamples,
)
from training.synthesis.discriminator import PatchDiscriminator
from training.synthesis.frames import PersonFrames, load_frames
from training.synthesis.losses import AdversarialLikeness, Likeness, generated
from training.synthesis.recipe import SynthesisRecipe
from training.synthesis.similarity import ssim

JUDGED_AT_A_TIME = 32


class PersonGenerator(nn.Module):
    """A generator, and where the person stands, which the checkpoint needs too."""

    stance: torch.Tensor

    def __init__(self, recipe: SynthesisRecipe) -> None:
        """Draw the weights."""
        super().__init__()
        self.generator = Generator(recipe.network)
        self.register_buffer("stance", torch.zeros(5))

    def forward(self, points: torch.Tensor, size: int) -> torch.Tensor:
        """That of the generator."""
        pictures: torch.Tensor = self.generator(points, size)
        return pictures


def build(recipe: SynthesisRecipe, frames: PersonFrames) -> SupervisedTask[SynthesisBatch]:
    """Networks, losses and validation of an experiment.

    Args:
        recipe: Of the experiment.
        frames: Of the person; those to learn from tell background and stance.

    Raises:
        FileNotFoundError: The checkpoint to start from is not there.
        CheckpointError: It is damaged.
        InvalidInputError: It has not this method, or another network.
    """
    seed_everything(recipe.seed)
    network, known = PersonGenerator(recipe), frames.of_split("training")
    with torch.no_grad():
        stance = Stance.of(Skeletons(frames.skeletons.points[known]))
        network.stance.copy_(torch.from_numpy(stance.numbers()))
        if recipe.network.network == "conditional":
            median = torch.from_numpy(np.median(frames.pictures[known], 0).astype(np.float32) / 255)
            network.get_parameter("generator.network.plate").copy_(median.permute(2, 0, 1))
    if recipe.initial is not None:
        _continue_from(network.generator, Path(recipe.initial), recipe.method)
    steps, device = num_steps(recipe.stages), pick_device(recipe.device)
    if not recipe.is_adversarial:
        return SupervisedTask(
            network, Likeness(recipe.loss), judge_frames, recipe.optimisation, steps, device
        )
    pictures = 2 if recipe.discriminator.pairs else 1
    return AdversarialTask(
        generator=network,
        discriminator=PatchDiscriminator(recipe.discriminator, pictures),
        adversarial=AdversarialLikeness(recipe.loss, recipe.discriminator),
        judgement=judge_frames,
        optimisation=recipe.optimisation,
        discriminator_optimisation=recipe.discriminator.optimisation,
        num_steps=steps,
        device=device,
    )


def _continue_from(generator: Generator, checkpoint: Path, method: str) -> None:
    _, person = load_person(checkpoint)
    given = person.generators.get(method)
    if given is None or given.config != generator.config:
        held = {name: one.config for name, one in person.generators.items()}
        raise InvalidInputError(
            f"{checkpoint} holds {held}; the recipe asks for {method} by {generator.config}"
        )
    generator.load_state_dict(given.state_dict())


def judge_frames(network: nn.Module, batches: Iterable[SynthesisBatch]) -> dict[str, float]:
    """L1 and SSIM of the last picture of each sample; `score` is SSIM minus L1."""
    sums, count = {"l1": 0.0, "ssim": 0.0}, 0
    for batch in batches:
        truth = batch.pictures[:, -1]
        found = generated(network, batch.points[:, -1:], truth.shape[-1])[:, 0]
        sums["l1"] += float((found - truth).abs().mean((1, 2, 3)).sum())
        sums["ssim"] += float(ssim(found, truth).sum())
        count += len(truth)
    judged = {name: value / count for name, value in sums.items()}
    return {"loss": judged["l1"], **judged, "score": judged["ssim"] - judged["l1"]}


def prepare(recipe: SynthesisRecipe) -> TrainingData[SynthesisBatch]:
    """Read the frames that a recipe names.

    Raises:
        InvalidInputError: The recipe names none, or they cannot be used.
    """
    frames = load_frames(frames_folder(recipe), recipe.network.image_size)
    seen, drawn = recipe.network.frames_seen, recipe.pictures_per_sample
    clip = ClipFrames(frames, frames.of_split("training"), seen, drawn)
    held_out = HeldOutSamples(ClipFrames(frames, frames.of_split("validation"), seen, 1))
    return TrainingData(
        TrainingSamples(clip, recipe.data, recipe.seed),
        lambda: DataLoader(held_out, batch_size=JUDGED_AT_A_TIME),
        lambda: build(recipe, frames),
    )


def frames_folder(recipe: SynthesisRecipe) -> Path:
    """Where the frames are.

    Raises:
        InvalidInputError: The recipe does not say.
    """
    if recipe.data.frames is None:
        raise InvalidInputError("--frames names a folder of frames; `data synthesis` makes one")
    return Path(recipe.data.frames)


def save_generator(
    path: Path, network: PersonGenerator, _input_size: int, header: CheckpointHeader
) -> None:
    """Write a checkpoint with the method that was learned."""
    recipe = header.lineage[-1].recipe
    data = recipe["data"]
    name = data["person"] or Path(data["frames"]).name
    stance = Stance.from_numbers(network.stance.cpu().numpy())
    person = Person(name, stance, {recipe["method"]: network.generator})
    save_person(path, person, dataclasses.replace(header, licence=data["licence"]))


def describe_data(recipe: SynthesisRecipe) -> str:
    """What a run learned from, for the header of its checkpoint."""
    person = recipe.data.person or frames_folder(recipe).name
    return f"frames of {person} ({recipe.data.licence})"


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name the frames."""
    parser.add_argument(
        "--frames", type=Path, metavar="DIR", help="folder of frames with skeletons.npz"
    )
    parser.add_argument("--person", metavar="NAME", help="in the checkpoint (the folder's name)")
    parser.add_argument(
        "--licence", metavar="SPDX", help="of the frames, and so of the checkpoint (unknown)"
    )


def with_data(recipe: SynthesisRecipe, args: argparse.Namespace) -> SynthesisRecipe:
    """The recipe with the person that the command line names."""
    given = {
        "frames": str(args.frames) if args.frames else None,
        "person": args.person,
        "licence": args.licence,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, **changes))


RECIPES = Path(__file__).parents[1] / "recipes" / "synthesis"
FITTING = Fitting(
    slug="synthesis",
    kind=SynthesisRecipe,
    default=RECIPES / "default.toml",
    configure_data=configure_data,
    with_data=with_data,
    prepare=prepare,
    network=PersonGenerator,
    save=save_generator,
    describe_data=describe_data,
)
