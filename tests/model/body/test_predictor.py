from pathlib import Path

import numpy as np
import pytest
import torch

from model.body.asset import SmplAsset
from model.body.predictor import BodyParameters, BodyPredictor
from model.body.smpl import Smpl
from model.checkpoint import CheckpointHeader, TrainingPart, save_checkpoint
from model.errors import CheckpointError, InvalidInputError


@pytest.fixture
def predictor(asset: SmplAsset) -> BodyPredictor:
    return BodyPredictor(Smpl(asset))


def _betas(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_a_batch_of_different_lengths_is_its_items_one_by_one(predictor: BodyPredictor) -> None:
    random = np.random.default_rng(0)
    items = [
        BodyParameters(_betas(2, -1)),
        BodyParameters(
            random.normal(size=300).astype(np.float32),
            random.normal(size=(23, 3)).astype(np.float32),
            _betas(0, 1, 0),
            _betas(0, 0, 5),
        ),
        BodyParameters(random.normal(size=10).astype(np.float32)),
    ]
    together = predictor.predict_batch(items)
    for item, mesh in zip(items, together, strict=True):
        (alone,) = predictor.predict_batch([item])
        np.testing.assert_allclose(mesh.vertices, alone.vertices, atol=1e-5)
        np.testing.assert_allclose(mesh.joints, alone.joints, atol=1e-5)
        assert mesh.num_betas == 10
        assert mesh.vertices.dtype == np.float32


def test_the_mesh_is_the_smpl_module_s(predictor: BodyPredictor) -> None:
    (mesh,) = predictor.predict_batch([BodyParameters(_betas(1, 2, 3))])
    expected = predictor.smpl(torch.tensor([[1.0, 2.0, 3.0]]))
    np.testing.assert_allclose(mesh.vertices, expected.vertices[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(mesh.joints, expected.joints[0].numpy(), atol=1e-6)


def test_no_items_are_no_meshes(predictor: BodyPredictor) -> None:
    assert predictor.predict_batch([]) == []


@pytest.mark.parametrize("name", ["betas", "body_pose", "global_orient", "transl"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_by_name(
    predictor: BodyPredictor, name: str, bad: float
) -> None:
    item = BodyParameters(_betas(0, 0))
    getattr(item, name)[..., -1] = bad
    with pytest.raises(InvalidInputError, match=name):
        predictor.predict_batch([item])


def test_numbers_that_overflow_are_refused(predictor: BodyPredictor) -> None:
    with pytest.raises(InvalidInputError, match="too large"):
        predictor.predict_batch([BodyParameters(_betas(3e38), transl=_betas(3.4e38, 3.4e38, 0))])


def test_every_vertex_belongs_to_the_part_that_moves_it_most(predictor: BodyPredictor) -> None:
    weights = predictor.smpl.lbs_weights.numpy()
    assert len(predictor.part_names) == len(predictor.joint_names) == 24
    for vertex, label in enumerate(predictor.part_labels):
        assert weights[vertex, label] == weights[vertex].max()


def test_a_missing_file_and_a_file_of_another_kind_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        BodyPredictor.from_checkpoint(tmp_path / "none.safetensors")
    header = CheckpointHeader("stacked-hourglass", {}, (TrainingPart({}, "", "", 0),), {}, "")
    save_checkpoint(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, header)
    with pytest.raises(CheckpointError, match="smpl-body"):
        BodyPredictor.from_checkpoint(tmp_path / "other.safetensors")


def test_the_committed_body_is_a_plausible_adult(committed_asset: Path) -> None:
    predictor = BodyPredictor.from_checkpoint(committed_asset)
    assert committed_asset.stat().st_size < 6_000_000
    assert predictor.faces.shape == (27420, 3)
    assert predictor.faces.dtype == np.int32
    short, mean, tall = predictor.predict_batch(
        [BodyParameters(_betas(value)) for value in (-3, 0, 3)]
    )
    heights = [np.ptp(mesh.vertices[:, 1]) for mesh in (short, mean, tall)]
    assert 1.3 < heights[0] < 1.6 < heights[1] < 1.8 < heights[2] < 2.1
    names = dict(zip(predictor.joint_names, mean.joints, strict=True))
    assert names["head"][1] > names["pelvis"][1] > names["left_knee"][1] > names["left_foot"][1]
    # A T-pose that faces +Z, with the person's left at +X.
    assert names["left_wrist"][0] > 0.5
    assert names["right_wrist"][0] < -0.5
    assert abs(names["left_wrist"][1] - names["left_shoulder"][1]) < 0.03
    assert names["left_foot"][2] > names["left_ankle"][2]
    np.testing.assert_allclose(names["pelvis"], 0, atol=5e-3)
    assert set(predictor.part_labels) == set(range(24))


def test_the_committed_body_is_closed_with_its_faces_outwards(committed_asset: Path) -> None:
    predictor = BodyPredictor.from_checkpoint(committed_asset)
    (mesh,) = predictor.predict_batch([BodyParameters(_betas(0))])
    corners = mesh.vertices[predictor.faces].astype(np.float64)
    volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    assert 0.05 < volume < 0.1
    edges = predictor.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    directed = {tuple(edge) for edge in edges.tolist()}
    assert len(directed) == len(edges)
    assert all((second, first) in directed for first, second in directed)


def test_the_committed_card_s_numbers_keep_their_promise(committed_asset: Path) -> None:
    header = BodyPredictor.from_checkpoint(committed_asset).header
    assert header is not None
    assert header.metrics["shape_error_mm"]["mean"] < 1
    assert header.metrics["joint_error_mm"]["mean"] < 2
    assert header.lineage[-1].recipe["num_bodies"] >= 2000
    card = committed_asset.with_suffix(".md").read_text()
    for number in (
        f"{header.metrics['shape_error_mm']['mean']:.2f} mm",
        f"{header.metrics['joint_error_mm']['mean']:.2f} mm",
        "CC0-1.0",
        "Apache-2.0",
    ):
        assert number in card
