import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from model.body.predictor import BodyParameters, BodyPredictor
from model.mesh_confidence.features import crop_of
from model.mesh_confidence.joints import JOINT_NAMES
from model.mesh_confidence.observer import MeshObserver, SeenBody
from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES

FOCAL, CENTRE, SIZE = 300.0, (100.0, 120.0), (240, 200)


@dataclass(frozen=True)
class Body:
    """A body before a camera."""

    vertices: np.ndarray
    joints: np.ndarray
    keypoints: np.ndarray
    covariance: np.ndarray
    focal_px: float = FOCAL
    centre_px: tuple[float, float] = CENTRE


def pixels(points: np.ndarray) -> np.ndarray:
    return FOCAL * points[:, :2] / points[:, 2:] + CENTRE


@pytest.fixture
def weights(tiny_body: BodyPredictor) -> np.ndarray:
    """Of each of COCO's keypoints, the vertex nearest to SMPL's joint of its name."""
    (mesh,) = tiny_body.predict_batch([BodyParameters(np.zeros(1, np.float32))])
    found = np.zeros((17, len(mesh.vertices)), np.float32)
    for row, name in enumerate(COCO_17_NAMES):
        joint = mesh.joints[
            SMPL_24_JOINT_NAMES.index(name if name in SMPL_24_JOINT_NAMES else "head")
        ]
        found[row, np.linalg.norm(mesh.vertices - joint, axis=1).argmin()] = 1
    return found


@pytest.fixture
def body(tiny_body: BodyPredictor, weights: np.ndarray) -> Body:
    """Three metres away, with keypoints where the mesh has them."""
    (mesh,) = tiny_body.predict_batch([BodyParameters(np.zeros(1, np.float32))])
    place = np.array([0, 0, 3], np.float32)
    vertices, joints = (part * [1, -1, -1] + place for part in (mesh.vertices, mesh.joints))
    keypoints = np.column_stack([pixels(weights @ vertices), np.full(17, 0.8)])
    covariance = np.diag(np.arange(1.0, 11)).astype(np.float32) / 10
    return Body(
        vertices.astype(np.float32),
        joints.astype(np.float32),
        keypoints.astype(np.float32),
        covariance,
    )


def test_a_body_on_its_keypoints_is_at_no_distance(
    tiny_body: BodyPredictor, weights: np.ndarray, body: Body
) -> None:
    assert isinstance(body, SeenBody)
    observation = MeshObserver(tiny_body, weights).observe(body)
    np.testing.assert_allclose(observation.projected, observation.detected[:, :2], atol=1e-3)
    np.testing.assert_allclose(observation.features()[:, 0], 0, atol=1e-4)
    neck = observation.projected[JOINT_NAMES.index("neck")]
    shoulders = body.keypoints[[COCO_17_NAMES.index(f"{s}_shoulder") for s in ("left", "right")]]
    np.testing.assert_allclose(neck, shoulders[:, :2].mean(0), atol=1e-3)
    assert observation.low_confidence is None


def test_low_confidence_is_counted_around_each_joint(
    tiny_body: BodyPredictor, weights: np.ndarray, body: Body
) -> None:
    confidence = np.ones(SIZE, np.float32)
    wrist = pixels(body.joints)[SMPL_24_JOINT_NAMES.index("left_wrist")]
    # All that is further aside than the middle of the forearm.
    elbow = pixels(body.joints)[SMPL_24_JOINT_NAMES.index("left_elbow")]
    edge = round((wrist[0] + elbow[0]) / 2)
    confidence[:, edge:] = 0.2
    low = MeshObserver(tiny_body, weights).observe(body, confidence).low_confidence
    assert low is not None
    shares = dict(zip(JOINT_NAMES, low, strict=True))
    assert shares["left_wrist"] > 0.9
    assert shares["right_wrist"] == 0
    # An independent count of one part.
    columns = pixels(body.vertices)[:, 0]
    at_elbow = tiny_body.part_labels == SMPL_24_JOINT_NAMES.index("left_elbow")
    expected = (np.floor(columns[at_elbow]) >= edge).mean()
    assert shares["left_elbow"] == pytest.approx(expected, abs=1e-6)


def test_what_lies_outside_of_the_picture_is_on_low_confidence(
    tiny_body: BodyPredictor, weights: np.ndarray, body: Body
) -> None:
    observer = MeshObserver(tiny_body, weights)
    outside = dataclasses.replace(body, centre_px=(1000.0, 1000.0))
    low = observer.observe(outside, np.ones(SIZE, np.float32)).low_confidence
    np.testing.assert_array_equal(low, 1)


def test_the_deviation_is_that_of_bodies_drawn_from_the_covariance(
    tiny_body: BodyPredictor, weights: np.ndarray, body: Body
) -> None:
    observation = MeshObserver(tiny_body, weights).observe(body)
    generator = np.random.default_rng(0)
    betas = generator.multivariate_normal(np.zeros(10), body.covariance, 2000).astype(np.float32)
    drawn = tiny_body.predict_batch([BodyParameters(row) for row in betas])
    joints = np.stack([mesh.joints - mesh.joints[0] for mesh in drawn])
    spread = np.sqrt(joints.var(0).sum(-1))
    half = crop_of(observation.projected)[2] / 2
    for name in ("left_wrist", "right_ankle", "neck"):
        index = SMPL_24_JOINT_NAMES.index(name)
        expected = spread[index] * FOCAL / body.joints[index, 2] / half
        assert observation.deviation is not None
        found = observation.deviation[JOINT_NAMES.index(name)]
        assert found == pytest.approx(expected, rel=0.1)
