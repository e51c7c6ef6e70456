"""`POST /pose/depth` against the predictor itself, with a real server."""

import io

import httpx
import numpy as np
import pytest

from model.pose_depth.predictor import DepthRefiner


@pytest.fixture(scope="module", params=[17, 33])
def arrays(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Poses, visibility, keypoints of ten frames."""
    rng = np.random.default_rng(0)
    size = (10, request.param)
    return (
        rng.normal(size=(*size, 3)),
        rng.uniform(size=size),
        300 + 50 * rng.normal(size=(*size, 2)),
    )


def body(arrays: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, object]:
    names = ("poses", "visibility", "keypoints")
    return {name: array.tolist() for name, array in zip(names, arrays, strict=True)}


def test_separate_poses_are_what_the_predictor_makes_of_them(
    client: httpx.Client,
    tiny_pose_depth: DepthRefiner,
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    answer = client.post("/pose/depth", json=body(arrays)).json()
    expected = tiny_pose_depth.refine(*arrays)
    np.testing.assert_allclose(answer["poses"], expected.joints, atol=1e-5)
    np.testing.assert_allclose(answer["confidence"], expected.confidence, atol=1e-5)
    azimuths = [one["azimuth_deg"] for one in answer["camera"]]
    np.testing.assert_allclose(azimuths, expected.azimuth_deg, atol=1e-2)
    assert len(answer["joint_names"]) == arrays[0].shape[1]
    assert answer["joint_names"][0] == "nose"


def test_frames_of_a_video_know_of_each_other_and_are_smoothed(
    client: httpx.Client,
    tiny_pose_depth: DepthRefiner,
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    alone = client.post("/pose/depth", json=body(arrays)).json()["poses"]
    video = body(arrays) | {"frame_rate": 25, "smoothing_s": 0.1}
    answer = client.post("/pose/depth", json=video).json()["poses"]
    expected = tiny_pose_depth.refine_sequence(*arrays, frame_rate=25.0, smoothing_s=0.1)
    np.testing.assert_allclose(answer, expected.joints, atol=1e-5)
    assert np.abs(np.array(answer) - alone).max() > 0.01


def test_the_same_arrays_come_as_npz(
    client: httpx.Client, arrays: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    answer = client.post("/pose/depth", json=body(arrays)).json()
    response = client.post("/pose/depth?format=npz", json=body(arrays))
    assert response.headers["content-type"] == "application/x-npz"
    with np.load(io.BytesIO(response.content), allow_pickle=False) as file:
        np.testing.assert_allclose(file["poses"], answer["poses"], atol=1e-6)
        assert file["joint_names"].tolist() == answer["joint_names"]
        assert file["elevation_deg"].shape == (10,)


def test_visibility_may_be_left_out(
    client: httpx.Client,
    tiny_pose_depth: DepthRefiner,
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    poses, _, keypoints = arrays
    given = {"poses": poses.tolist(), "keypoints": keypoints.tolist()}
    answer = client.post("/pose/depth", json=given).json()
    expected = tiny_pose_depth.refine(poses, None, keypoints)
    np.testing.assert_allclose(answer["poses"], expected.joints, atol=1e-5)
