from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError
from training.datasets.bvh import read_bvh

CLIP = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT lThigh
  {
    OFFSET 8 0.5 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -40 0
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.0333333
1 2 3 0 0 0 0 0 0
1 2 3 10 20 30 0 0 0
1 2 3 0 90 0 0 0 45
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.bvh"
    path.write_text(CLIP)
    return path


def test_a_clip_has_the_skeleton_and_the_rotations_of_its_file(clip: Path) -> None:
    motion = read_bvh(clip)
    assert motion.names == ("hip", "lThigh")
    assert motion.parents == (-1, 0)
    np.testing.assert_array_equal(motion.offsets, [[0, 0, 0], [8, 0.5, 0]])
    assert motion.rotations.shape == (3, 2, 3, 3)
    assert motion.seconds_per_frame == pytest.approx(1 / 30, rel=1e-4)
    np.testing.assert_allclose(motion.rotations[0], np.tile(np.eye(3), (2, 1, 1)))
    z, y, x = (
        Rotation.from_euler(a, d, degrees=True) for a, d in zip("zyx", (10, 20, 30), strict=True)
    )
    np.testing.assert_allclose(motion.rotations[1, 0], (z * y * x).as_matrix(), atol=1e-12)


def test_global_rotations_follow_the_parents(clip: Path) -> None:
    turned = read_bvh(clip).global_rotations()[2, 1]
    np.testing.assert_allclose(turned, Rotation.from_euler("y", 135, degrees=True).as_matrix())


def test_frames_can_be_left_out(clip: Path) -> None:
    motion = read_bvh(clip, every=2)
    np.testing.assert_array_equal(motion.rotations, read_bvh(clip).rotations[::2])


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ("HIERARCHY", "nonsense", "HIERARCHY and MOTION are needed"),
        ("OFFSET 8 0.5 0", "OFFSET 8 x 0", "damaged"),
        ("1 2 3 10 20 30 0 0 0", "1 2 3", "damaged"),
        ("0 90 0 0 0 45", "0 nan 0 0 0 45", "not finite"),
        ("Frames: 3", "Frames: many", "damaged"),
        ("JOINT", "KNOT", "'KNOT' is not known"),
    ],
)
def test_a_damaged_file_is_named(clip: Path, found: str, instead: str, message: str) -> None:
    clip.write_text(CLIP.replace(found, instead))
    with pytest.raises(InvalidInputError, match=message):
        read_bvh(clip)
