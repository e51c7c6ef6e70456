"""Training: one batch is learned by heart, runs go on where they stopped, the file is served."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import load_header
from model.errors import InvalidInputError
from model.pose_depth.predictor import DepthRefiner
from training.__main__ import main
from training.engine.batches import SampleKey, Stage
from training.engine.loop import Routine
from training.engine.optimisation import Optimisation
from training.engine.run import RunFolder
from training.pose_depth.data import read_split, whole_batches
from training.pose_depth.losses import LossWeights
from training.pose_depth.recipe import PoseDepthRecipe
from training.pose_depth.task import FITTING, build, judge, losses
from training.recipe import load_recipe, recipe_as_dict

RECIPES = sorted((Path(__file__).parents[3] / "training" / "recipes" / "pose_depth").glob("*.toml"))
SMALL = [
    "network.width=32",
    "network.num_blocks=1",
    "stages=[{image_size=0, steps=4, batch_size=4}]",
    "routine.judge_every=2",
    "routine.save_every=2",
    "optimisation.warmup_steps=1",
    "max_frames=4",
]
REFERENCE = [
    "reference.width=16",
    "reference.num_layers=1",
    "reference.num_heads=2",
    "reference.feedforward=16",
    "reference.camera_width=16",
]


def recipe(folder: Path, name: str = "smoke.toml", *changes: str) -> PoseDepthRecipe:
    path = next(path for path in RECIPES if path.name == name)
    pairs = f"pairs=['{folder}']"
    return load_recipe(path, PoseDepthRecipe, [*SMALL, pairs, *changes])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_can_be_built(path: Path, pair_folder: Path) -> None:
    read = load_recipe(path, PoseDepthRecipe, [f"pairs=['{pair_folder}']"])
    task = build(read)
    batch = next(whole_batches(read_split([pair_folder], "training"), alone=False))
    found = losses(read, task.network(batch.poses()), batch)
    assert found["loss"].isfinite()
    used = {name for name, weight in vars(read.loss).items() if weight}
    assert {name for name, part in found.items() if part > 0 and name != "loss"} == used


@pytest.mark.parametrize("kind", ["improved", "reference"])
def test_one_batch_is_learned_by_heart(pair_folder: Path, kind: str) -> None:
    changes = [] if kind == "improved" else REFERENCE
    read = recipe(
        pair_folder,
        "smoke.toml",
        "optimisation.learning_rate=5e-3",
        "optimisation.average_decay=0.0",
        "network.dropout=0.0",
        "network.width=64",
        *changes,
    )
    if kind == "reference":
        assert read.reference is not None
        read = load_recipe(
            RECIPES[0].with_name("smoke.toml"),
            PoseDepthRecipe,
            [
                *SMALL,
                *REFERENCE,
                "reference.dropout=0.0",
                "optimisation.learning_rate=1e-2",
                "optimisation.average_decay=0.0",
                f"pairs=['{pair_folder}']",
            ],
        )
    task = build(read)
    batch = next(whole_batches(read_split([pair_folder], "training"), alone=False))
    before = judge(task.network, [batch])
    for _ in range(150):
        task.step = 1  # the full learning rate
        task.learn(batch)
    after = judge(task.average.network, [batch])
    assert after["depth"] < 0.5 * before["depth"]


def test_a_resumed_run_ends_where_an_unbroken_run_ends(pair_folder: Path, tmp_path: Path) -> None:
    read = recipe(pair_folder)
    states = []
    for name, steps in (("whole", (4,)), ("parts", (2, 4))):
        folder = RunFolder.create(tmp_path / name, recipe_as_dict(read))
        for last in steps:
            stage = Stage(image_size=0, steps=last, batch_size=4)
            part = PoseDepthRecipe(**{**vars(read), "stages": (stage,)})
            # The learning rate depends on the number of steps: keep it constant.
            part = PoseDepthRecipe(
                **{
                    **vars(part),
                    "optimisation": Optimisation(warmup_steps=0, schedule="plateau"),
                    "routine": Routine(judge_every=2, save_every=2, num_workers=0),
                }
            )
            FITTING.train(part, folder)
        last_state = folder.load_last()
        assert last_state is not None
        states.append(last_state["task"]["network"])
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_the_command_trains_and_writes_a_checkpoint_that_is_served(
    pair_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["fit", "pose_depth", "--recipe", str(RECIPES[0].with_name("smoke.toml"))]
    command += ["--pairs", str(pair_folder), "--out", str(out), "--set", *SMALL]
    assert main(command) == 0
    assert "evaluate pose_depth" in capsys.readouterr().out
    checkpoint = out / "pose_depth.safetensors"
    header = load_header(checkpoint)
    assert header.licence == "Apache-2.0"
    assert "13 pictures of rendered people" in header.trained_on
    rng = np.random.default_rng(0)
    refined = DepthRefiner.from_checkpoint(checkpoint).refine(
        rng.normal(size=(2, 33, 3)), None, rng.normal(size=(2, 33, 2))
    )
    assert np.isfinite(refined.joints).all()


def test_training_from_a_checkpoint_starts_from_its_weights(
    pair_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = ["fit", "pose_depth", "--recipe", str(RECIPES[0].with_name("smoke.toml"))]
    command += ["--pairs", str(pair_folder), "--out", str(out), "--set", *SMALL]
    assert main(command) == 0
    checkpoint = str(out / "pose_depth.safetensors")
    task = build(recipe(pair_folder, "smoke.toml", f"initial='{checkpoint}'"))
    expected = DepthRefiner.from_checkpoint(Path(checkpoint)).network.state_dict()
    for name, tensor in task.network.state_dict().items():
        torch.testing.assert_close(tensor, expected[name])
    wider = recipe(pair_folder, "smoke.toml", f"initial='{checkpoint}'", "network.width=64")
    with pytest.raises(InvalidInputError, match="the recipe asks for"):
        build(wider)


def test_without_pairs_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "pose_depth", "--out", str(tmp_path / "run")]) == 1
    assert "--pairs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_poses_of_a_library_are_learned_from(pair_folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    library = tmp_path / "library.npz"
    joints = rng.normal(0, 0.5, (3, 8, 17, 3)).astype(np.float32)
    np.savez(library, joints=joints, seconds=np.tile(np.arange(8) / 10, (3, 1)))
    plain = recipe(pair_folder)
    borrowing = recipe(pair_folder, "smoke.toml", f"library='{library}'", "borrowed=1.0")
    samples = [FITTING.prepare(read).samples for read in (plain, borrowing)]
    one, other = (some[SampleKey(0, 0)] for some in samples)
    assert one.joints.shape == other.joints.shape
    assert not torch.allclose(one.truth, other.truth)


@pytest.mark.parametrize(
    "change", ["max_frames=0", "borrowed=2.0", "loss.depth=0.0", "network.width=30"]
)
def test_a_setting_that_cannot_be_is_named(pair_folder: Path, change: str) -> None:
    name = change.split("=")[0].split(".")[-1]
    with pytest.raises(InvalidInputError, match=name):
        recipe(pair_folder, "smoke.toml", change)


def test_the_default_weights_of_the_loss_are_the_references() -> None:
    reference = load_recipe(RECIPES[0].with_name("reference.toml"), PoseDepthRecipe)
    assert reference.loss == LossWeights()
    assert reference.confidence_target == "relative"
