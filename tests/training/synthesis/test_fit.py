import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from model.errors import InvalidInputError
from model.synthesis.network import SynthesisConfig
from model.synthesis.person import load_person
from model.synthesis.predictor import Performance, SynthesisPredictor
from model.synthesis.skeletons import Skeletons
from training.__main__ import main
from training.engine.batches import SampleKey, Stage, StagedBatches, batch_loader
from training.engine.optimisation import Optimisation
from training.engine.tasks import SupervisedTask
from training.recipe import load_recipe
from training.synthesis.data import ClipFrames, HeldOutSamples, SynthesisBatch, TrainingSamples
from training.synthesis.discriminator import PatchDiscriminator
from training.synthesis.frames import load_frames
from training.synthesis.losses import AdversarialLikeness, likeness
from training.synthesis.recipe import DataRecipe, DiscriminatorRecipe, LossRecipe, SynthesisRecipe
from training.synthesis.task import RECIPES, build, judge_frames, prepare

CPU = torch.device("cpu")


def begin(recipe: SynthesisRecipe) -> SupervisedTask[SynthesisBatch]:
    task: SupervisedTask[SynthesisBatch] = prepare(recipe).build_task()
    return task


def batches(recipe: SynthesisRecipe, step: int = 0) -> list[SynthesisBatch]:
    return list(batch_loader(prepare(recipe).samples, StagedBatches(recipe.stages, step), 0, CPU))


def test_the_generator_overfits_one_batch(recipe: SynthesisRecipe) -> None:
    settings = Optimisation(
        learning_rate=0.01, weight_decay=0, warmup_steps=5, precision="fp32", average_decay=0.5
    )
    longer = dataclasses.replace(
        recipe,
        stages=(Stage(32, steps=60, batch_size=4),),
        optimisation=settings,
        network=dataclasses.replace(recipe.network, widths=(16, 32)),
        data=dataclasses.replace(recipe.data, jitter=0.0),
    )
    batch, task = batches(longer)[0], begin(longer)
    losses = [float(task.learn(batch)["l1"]) for _ in range(60)]
    assert losses[-1] < 0.4 * losses[0]
    assert task.judge([batch])["l1"] < 0.4 * losses[0]


@pytest.mark.parametrize("adversarial", [0.0, 0.01])
def test_a_resumed_training_ends_where_an_unbroken_one_ends(
    recipe: SynthesisRecipe, adversarial: float
) -> None:
    loss = dataclasses.replace(
        recipe.loss, adversarial=adversarial, features=0.1 if adversarial else 0
    )
    chosen = dataclasses.replace(recipe, loss=loss)
    unbroken, first, second = (begin(chosen) for _ in range(3))
    for batch in batches(chosen):
        unbroken.learn(batch)
    for batch in batches(chosen)[:2]:
        first.learn(batch)
    second.load_state_dict(first.state_dict())
    for batch in batches(chosen, step=2):
        second.learn(batch)
    torch.testing.assert_close(second.state_dict(), unbroken.state_dict(), rtol=0, atol=0)


def test_a_sample_is_what_the_predictor_shows_the_network(frames_folder: Path) -> None:
    frames = load_frames(frames_folder, 32)
    clip = ClipFrames(frames, frames.of_split("training"), num_frames=2, num_pictures=2)
    samples = HeldOutSamples(clip)
    for number, end in enumerate(clip.ends):
        sample = samples[number]
        assert sample.points.shape == (2, 2, 13, 2)
        points = torch.from_numpy(frames.skeletons.points)
        torch.testing.assert_close(sample.points[1], points[[end - 1, end]])
        torch.testing.assert_close(sample.points[0], points[[max(0, end - 2), end - 1]])
        pictures = torch.from_numpy(frames.pictures[[end - 1, end]]).permute(0, 3, 1, 2) / 255
        torch.testing.assert_close(sample.pictures, pictures)
    assert set(clip.ends) <= set(frames.of_split("training").tolist())
    assert {end - 1 for end in clip.ends} <= set(frames.of_split("training").tolist())


def test_every_frame_comes_once_in_each_epoch(frames_folder: Path) -> None:
    frames = load_frames(frames_folder, 32)
    clip = ClipFrames(frames, frames.of_split("training"), 1, 1)
    samples, num = TrainingSamples(clip, DataRecipe(), seed=0), len(clip)
    known = {clip.sample(number).points.numpy().tobytes() for number in range(num)}
    epochs = [
        [samples[SampleKey(epoch * num + n, 32)].points.numpy().tobytes() for n in range(num)]
        for epoch in range(2)
    ]
    assert set(epochs[0]) == set(epochs[1]) == known
    assert epochs[0] != epochs[1]


def test_a_sample_that_is_moved_aside_moves_with_its_points(frames_folder: Path) -> None:
    frames = load_frames(frames_folder, 64)
    clip = ClipFrames(frames, np.arange(10), 1, 1)
    samples = TrainingSamples(clip, DataRecipe(shift=0.1), seed=0)
    moved = 0
    for index in range(10):
        points, pictures = samples[SampleKey(index, 64)]
        inside = (points[0, -1] * 64).long().clamp(0, 63)
        reds = pictures[0, 0, inside[:, 1], inside[:, 0]]
        assert (reds > 0.4).float().mean() > 0.85
        original = {clip.sample(n).points.numpy().tobytes() for n in range(10)}
        moved += points.numpy().tobytes() not in original
    assert moved >= 8


def test_the_truth_is_judged_perfect(recipe: SynthesisRecipe) -> None:
    frames = load_frames(Path(str(recipe.data.frames)), 32)
    held_out = HeldOutSamples(ClipFrames(frames, frames.of_split("validation"), 2, 1))
    truths = iter([batch.pictures[:, -1] for batch in DataLoader(held_out, batch_size=2)])

    class Oracle(nn.Module):
        def forward(self, points: torch.Tensor, size: int) -> torch.Tensor:
            return next(truths)

    judged = judge_frames(Oracle(), DataLoader(held_out, batch_size=2))
    assert judged["l1"] == 0
    assert judged["score"] == pytest.approx(1, abs=1e-4)


def test_small_pictures_can_be_learned_first(recipe: SynthesisRecipe) -> None:
    stages = (Stage(16, steps=1, batch_size=2), Stage(32, steps=1, batch_size=2))
    staged = dataclasses.replace(recipe, stages=stages)
    task, found = begin(staged), batches(staged)
    assert [batch.pictures.shape[-1] for batch in found] == [16, 32]
    for batch in found:
        assert torch.isfinite(task.learn(batch)["loss"])
    whole = TrainingSamples(prepare(staged).samples.clip, staged.data, staged.seed)  # type: ignore[attr-defined]
    large = whole[SampleKey(0, 32)].pictures
    small = whole[SampleKey(0, 16)].pictures
    blocks = large.unflatten(-1, (16, 2)).unflatten(-3, (16, 2)).mean((-1, -3))
    torch.testing.assert_close(small, blocks, atol=1e-5, rtol=1e-4)


def test_the_plate_starts_from_the_median_frame(recipe: SynthesisRecipe) -> None:
    frames = load_frames(Path(str(recipe.data.frames)), 32)
    plate = build(recipe, frames).network.get_parameter("generator.network.plate")
    median = np.median(frames.pictures[frames.of_split("training")], 0) / 255
    np.testing.assert_allclose(plate.detach().permute(1, 2, 0).numpy(), median, atol=1e-6)


def test_the_weight_of_l1_falls_to_its_last_value() -> None:
    found, truth = torch.full((1, 2, 3, 16, 16), 0.5), torch.full((1, 2, 3, 16, 16), 0.25)
    settings = LossRecipe(l1=100.0, l1_last=30.0)
    weights = [float(likeness(found, truth, settings, p)["loss"]) / 0.25 for p in (0, 0.5, 1)]
    assert weights == pytest.approx([100, 65, 30])


def test_the_references_discriminator_has_its_parameters_and_its_map_of_patches() -> None:
    recipe = load_recipe(RECIPES / "gan.toml", SynthesisRecipe).discriminator
    network = PatchDiscriminator(recipe, num_pictures=1)
    assert sum(one.numel() for one in network.parameters()) == 663_296
    logits, features = network(torch.rand(2, 1, 3, 64, 64), torch.rand(2, 1, 13, 2))
    assert logits.shape == (2, 1, 4, 4)
    assert len(features) == 3


def test_the_references_discriminator_rests_while_it_is_right() -> None:
    rule = DiscriminatorRecipe(loss="cross_entropy", rests_above=0.65, rests_below=0.35)
    objective = AdversarialLikeness(LossRecipe(adversarial=1.0), rule)
    network = PatchDiscriminator(DiscriminatorRecipe(widths=(8, 8)), 2)
    batch = SynthesisBatch(torch.rand(2, 2, 1, 13, 2), torch.rand(2, 2, 3, 32, 32))
    verdict = objective.judge_fakes(network, batch, batch.pictures)
    assert verdict.learns({"on_real": 0.6, "on_fake": 0.3})
    assert verdict.learns({"on_real": 0.7, "on_fake": 0.4})
    assert not verdict.learns({"on_real": 0.7, "on_fake": 0.3})


def test_a_conditioned_discriminator_sees_the_skeleton() -> None:
    network = PatchDiscriminator(DiscriminatorRecipe(widths=(8, 8)), 2).eval()
    pictures, points = torch.rand(1, 2, 3, 32, 32), torch.rand(1, 2, 13, 2)
    with torch.no_grad():
        difference = network(pictures, points)[0] - network(pictures, points.flip(2))[0]
    assert difference.abs().max() > 1e-5


def test_fit_writes_a_checkpoint_of_the_person(
    frames_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    changes = ["stages=[{image_size=32,steps=2,batch_size=2}]", "network.image_size=32"]
    changes += ["network.widths=[8,16]", "discriminator.widths=[8]", "routine.judge_every=1"]
    command = ["fit", "synthesis", "--frames", str(frames_folder), "--out", str(run)]
    command += ["--licence", "CC0-1.0", "--device", "cpu", "--set", *changes]
    assert main(command) == 0
    assert f"evaluate synthesis --checkpoint {run / 'synthesis.safetensors'} --frames" in (
        capsys.readouterr().out
    )
    header, person = load_person(run / "synthesis.safetensors")
    assert (person.name, person.methods) == ("anna", ("conditional",))
    assert header.licence == "CC0-1.0"
    assert header.lineage[0].steps > 0
    assert 0.1 < person.stance.far_height < 1
    predictor = SynthesisPredictor.from_checkpoint(run / "synthesis.safetensors")
    points = np.full((2, 13, 2), 0.5, np.float32)
    [result] = predictor.predict_batch([Performance(Skeletons(points))])
    assert result.frames.shape == (2, 32, 32, 3)
    # It can be the beginning of another training.
    again = [*command, "--initial", str(run / "synthesis.safetensors")]
    again[again.index(str(run))] = str(tmp_path / "again")
    assert main(again) == 0
    assert len(load_person(tmp_path / "again" / "synthesis.safetensors")[0].lineage) == 2
    capsys.readouterr()
    changed = [word.replace("widths=[8,16]", "widths=[8,24]") for word in again]
    changed[changed.index(str(tmp_path / "again"))] = str(tmp_path / "other")
    assert main(changed) == 1
    assert "the recipe asks for conditional" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_is_read_and_fits_its_networks(path: Path) -> None:
    recipe = load_recipe(path, SynthesisRecipe)
    assert recipe.is_adversarial == (recipe.method in ("gan", "conditional"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "vector"}, "vector needs 'vector'"),
        ({"stages": (Stage(64, 1, 1),)}, "the network draws 32 pixels"),
        ({"stages": (Stage(17, 1, 1), Stage(32, 1, 1))}, "multiple of 2"),
        (
            {"method": "gan", "network": SynthesisConfig("drawing"), "loss": LossRecipe()},
            "gan has a discriminator",
        ),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(
    recipe: SynthesisRecipe, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(recipe, **changes)  # type: ignore[arg-type]


def test_without_frames_the_message_says_what_makes_them(recipe: SynthesisRecipe) -> None:
    nowhere = dataclasses.replace(recipe, data=DataRecipe())
    with pytest.raises(InvalidInputError, match="data synthesis"):
        prepare(nowhere)
