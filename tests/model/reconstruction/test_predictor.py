from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.body.asset import SmplAsset, save_asset
from model.body.predictor import BodyPredictor
from model.checkpoint import CheckpointHeader, TrainingPart, load_checkpoint, save_checkpoint
from model.errors import CheckpointError, InvalidInputError
from model.reconstruction.checkpoint import (
    ARCHITECTURE,
    Regressor,
    load_regressor,
    save_regressor,
)
from model.reconstruction.network import ReconstructionConfig, ReconstructionNetwork
from model.reconstruction.predictor import (
    PersonView,
    ReconstructionItem,
    ReconstructionPredictor,
)
from model.reconstruction.result import Reconstruction
from model.skeletons import SMPL_24_PARENTS

View = Callable[..., PersonView]
HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")


def assert_same(one: Reconstruction, other: Reconstruction) -> None:
    for name in ("betas", "covariance", "body_pose", "global_orient", "transl", "vertices"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), atol=2e-3, rtol=1e-3, err_msg=name
        )
    for ours, theirs in zip(one.measurements, other.measurements, strict=True):
        assert (ours.value, ours.low, ours.high) == pytest.approx(
            (theirs.value, theirs.low, theirs.high), rel=2e-3
        )
    assert one.warnings == other.warnings


def test_a_photo_in_a_batch_gets_what_it_gets_alone(
    tiny_reconstruction: ReconstructionPredictor, person_view: View
) -> None:
    items = [
        ReconstructionItem((person_view(0),)),
        ReconstructionItem((person_view(1, (60, 200)), person_view(2)), refine=True),
        ReconstructionItem(()),
        ReconstructionItem((person_view(3), person_view(4)), same_person=True),
        ReconstructionItem((person_view(5, height_m=1.9),)),
    ]
    together = tiny_reconstruction.predict_batch(items)
    assert [len(people) for people in together] == [1, 2, 0, 2, 1]
    for item, people in zip(items, together, strict=True):
        [alone] = tiny_reconstruction.predict_batch([item])
        for one, other in zip(people, alone, strict=True):
            assert_same(one, other)
    first, last = together[0][0], together[4][0]
    assert np.abs(first.body_pose - last.body_pose).max() > 1e-3


def test_a_result_holds_together(
    tiny_reconstruction: ReconstructionPredictor, person_view: View
) -> None:
    view = replace(person_view(), focal_px=123.0)
    [[found]] = tiny_reconstruction.predict_batch([ReconstructionItem((view,))])
    assert found.focal_px == 123
    assert found.centre_px == (35, 45)
    np.testing.assert_allclose(found.betas_std**2, np.diag(found.covariance), rtol=1e-5)
    assert found.vertices[:, 2].min() > 0
    # The joints are inside of the body.
    assert (found.joints.min(0) > found.vertices.min(0) - 0.01).all()
    assert (found.joints.max(0) < found.vertices.max(0) + 0.01).all()


def test_a_taller_person_is_as_large_in_the_photo_and_further_away(
    tiny_reconstruction: ReconstructionPredictor, person_view: View
) -> None:
    extents, depths = [], []
    for height in (1.5, 1.9):
        view = person_view(height_m=height)
        [[found]] = tiny_reconstruction.predict_batch([ReconstructionItem((view,))])
        pixels = found.focal_px * found.joints[:, :2] / found.joints[:, 2:]
        extents.append(np.ptp(pixels, axis=0).max())
        depths.append(found.joints[0, 2])
    assert depths[1] > 1.1 * depths[0]
    # A drawn network answers with another pose to another height.
    assert extents[1] == pytest.approx(extents[0], rel=0.2)


def test_photos_of_one_person_that_disagree_about_the_height_are_refused(
    tiny_reconstruction: ReconstructionPredictor, person_view: View
) -> None:
    views = person_view(0, height_m=1.7), person_view(1, height_m=1.8)
    with pytest.raises(InvalidInputError, match=r"heights \[1\.7, 1\.8\]; give one"):
        tiny_reconstruction.predict_batch([ReconstructionItem(views, same_person=True)])
    [people] = tiny_reconstruction.predict_batch([ReconstructionItem(views)])
    heights = [person.measurements[0].value for person in people]
    assert heights == pytest.approx([1.7, 1.8], abs=2e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"confidence": None}, "without a confidence map"),
        ({"box": np.array([0, 0, np.nan, 4], np.float32)}, "not finite"),
        ({"box": np.array([9, 0, 9, 4], np.float32)}, "is empty"),
        ({"keypoints": np.full((17, 3), np.inf, np.float32)}, "not finite"),
    ],
)
def test_a_view_that_cannot_be_used_is_refused(
    tiny_reconstruction: ReconstructionPredictor,
    person_view: View,
    changes: dict[str, np.ndarray | None],
    words: str,
) -> None:
    view = replace(person_view(), **changes)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=words):
        tiny_reconstruction.predict_batch([ReconstructionItem((view,))])


@pytest.fixture
def folder(tmp_path: Path, tiny_body: BodyPredictor, tiny_regressor: Regressor) -> Path:
    """A checkpoint beside its body."""
    smpl = tiny_body.smpl
    asset = SmplAsset(
        v_template=smpl.v_template,
        shapedirs=smpl.shapedirs,
        posedirs=smpl.posedirs,
        J_regressor=smpl.J_regressor,
        parents=torch.tensor(SMPL_24_PARENTS),
        lbs_weights=smpl.lbs_weights,
        faces=smpl.faces,
    )
    path = tmp_path / "body_neutral.safetensors"
    save_asset(path, asset, HEADER)
    body = BodyPredictor.from_checkpoint(path)
    assert body.header is not None
    regressor = replace(tiny_regressor, body_sha256=body.header.sha256)
    save_regressor(tmp_path / "reconstruction.safetensors", regressor, HEADER)
    return tmp_path


def test_a_checkpoint_gives_back_what_was_saved(
    folder: Path, tiny_reconstruction: ReconstructionPredictor, person_view: View
) -> None:
    loaded = ReconstructionPredictor.from_checkpoint(folder / "reconstruction.safetensors")
    assert loaded.header is not None
    assert loaded.header.config["input_size"] == 64
    item = ReconstructionItem((person_view(),))
    # Weights are kept in half precision.
    assert_same(loaded.predict_batch([item])[0][0], tiny_reconstruction.predict_batch([item])[0][0])


def test_a_checkpoint_of_another_body_or_without_one_is_refused(
    folder: Path, tiny_regressor: Regressor
) -> None:
    path = folder / "reconstruction.safetensors"
    save_regressor(path, replace(tiny_regressor, body_sha256="0" * 64), HEADER)
    with pytest.raises(CheckpointError, match="was trained with the body 000000000000"):
        ReconstructionPredictor.from_checkpoint(path)
    (folder / "body_neutral.safetensors").unlink()
    with pytest.raises(CheckpointError, match="needs body_neutral"):
        ReconstructionPredictor.from_checkpoint(path)


def test_a_network_whose_input_only_training_knows_is_not_served(
    tiny_regressor: Regressor, tiny_body: BodyPredictor
) -> None:
    config = replace(tiny_regressor.network.config, inputs="body")
    regressor = replace(tiny_regressor, network=ReconstructionNetwork(config))
    with pytest.raises(ValueError, match="'body' is known in training alone"):
        ReconstructionPredictor(regressor, tiny_body)


def test_a_network_of_other_betas_is_not_served(
    tiny_regressor: Regressor, tiny_body: BodyPredictor
) -> None:
    config = ReconstructionConfig(variant=-1, widths=(4,), num_betas=7, hidden_width=8)
    regressor = replace(tiny_regressor, network=ReconstructionNetwork(config))
    with pytest.raises(ValueError, match="7 betas and the body 10"):
        ReconstructionPredictor(regressor, tiny_body)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"error_correlation": 1.5}, "error_correlation is 1.5"),
        ({"keypoint_weights": torch.zeros(17, 5)}, "do not sum to one"),
        ({"keypoint_weights": torch.ones(3, 1)}, "has the shape"),
        ({"input_size": 0}, "input_size is 0"),
    ],
)
def test_a_regressor_that_means_nothing_is_refused(
    tiny_regressor: Regressor, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        replace(tiny_regressor, **changes)  # type: ignore[arg-type]


def test_a_checkpoint_without_its_calibration_is_refused(folder: Path) -> None:
    path = folder / "reconstruction.safetensors"
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    kept = {name: t for name, t in tensors.items() if not name.startswith("intervals")}
    assert len(kept) < len(tensors)
    save_checkpoint(path, kept, header)
    with pytest.raises(CheckpointError, match="does not fit its network"):
        load_regressor(path)


def test_the_item_that_warms_it_up_is_answered(
    tiny_reconstruction: ReconstructionPredictor,
) -> None:
    [[found]] = tiny_reconstruction.predict_batch([tiny_reconstruction.example()])
    assert np.isfinite(found.vertices).all()
