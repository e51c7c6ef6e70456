"""Where the camera is: angles of people that are turned by known amounts."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.spatial.transform import Rotation

from model.pose_depth.view import (
    azimuth_deg,
    camera_in_torso,
    elevation_deg,
    torso_frame,
    towards_camera,
)

ANGLES = st.floats(-3, 3)


def facing_the_camera() -> np.ndarray:
    """Upright, in the axes of pictures: the person's right is at negative x, up at negative y."""
    pose = np.zeros((17, 3))
    pose[5], pose[6] = (0.2, -0.5, 0), (-0.2, -0.5, 0)
    pose[11], pose[12] = (0.1, 0, 0), (-0.1, 0, 0)
    pose[0] = (0, -0.7, -0.1)
    return pose


@pytest.mark.parametrize(
    ("turned_deg", "azimuth"), [(0, 0), (90, 90), (180, 180), (-90, 270), (30, 30)]
)
def test_the_azimuth_grows_to_the_persons_right(turned_deg: float, azimuth: float) -> None:
    # Seen from above, a person who turns to their own left shows the camera their right side.
    left = Rotation.from_rotvec([0, -math.radians(turned_deg), 0])
    pose = torch.tensor(left.apply(facing_the_camera()))
    expected_right = left.apply([-1, 0, 0])
    np.testing.assert_allclose(torso_frame(pose)[0], expected_right, atol=1e-9)
    found = float(azimuth_deg(towards_camera(pose)))
    assert math.cos(math.radians(found - azimuth)) == pytest.approx(1, abs=1e-9)


def test_the_right_side_faces_the_camera_at_90_degrees() -> None:
    turned = Rotation.from_rotvec([0, -math.pi / 2, 0]).apply(facing_the_camera())
    assert turned[6, 2] < turned[5, 2], "the right shoulder is nearer"
    found = azimuth_deg(towards_camera(torch.tensor(turned)))
    assert float(found) == pytest.approx(90)


def test_a_camera_above_has_a_positive_elevation() -> None:
    pose = torch.tensor(facing_the_camera())
    camera = torch.tensor([0.0, -1.0, -1.0], dtype=torch.float64)
    assert float(elevation_deg(camera_in_torso(pose, camera))) == pytest.approx(45)
    above = torch.tensor([0.0, -2.0, 0.0], dtype=torch.float64)
    assert float(elevation_deg(camera_in_torso(pose, above))) == pytest.approx(90)


@given(x=ANGLES, y=ANGLES, z=ANGLES)
def test_turning_everything_together_changes_no_angle(x: float, y: float, z: float) -> None:
    turn = Rotation.from_rotvec([x, y, z]).as_matrix()
    pose, camera = facing_the_camera(), np.array([0.4, -0.3, -2.0])
    expected = camera_in_torso(torch.tensor(pose), torch.tensor(camera))
    found = camera_in_torso(torch.tensor(pose @ turn.T), torch.tensor(turn @ camera))
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    frame = torso_frame(torch.tensor(pose @ turn.T))
    torch.testing.assert_close(frame @ frame.T, torch.eye(3).double(), atol=1e-9, rtol=0)


def test_the_nose_is_in_front() -> None:
    pose = torch.tensor(facing_the_camera())
    forward = torso_frame(pose)[2]
    assert float((pose[0] - pose[5:7].mean(0)) @ forward) > 0
