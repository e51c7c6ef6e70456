from pathlib import Path

import numpy as np
import pytest

from model.errors import InvalidInputError
from model.synthesis.limbs import POINT_NAMES
from training.synthesis import performer
from training.synthesis.frames import load_frames
from training.synthesis.performer import Performer, PerformerSettings, movements, render

SETTINGS = PerformerSettings(seed=0, size=64, samples=1, every=1, subjects=("05",))


def poses(num: int) -> list[tuple[str, np.ndarray]]:
    """An arm that is raised further in each frame."""
    found = []
    for number in range(num):
        pose = np.zeros((24, 3), np.float32)
        pose[16, 2] = -1 + 2 * number / num
        found.append((f"{number:03d}", pose))
    return found


@pytest.fixture(scope="module")
def person() -> Performer:
    return Performer(0, 64, 1)


def test_the_background_stands_still_and_the_points_lie_on_the_person(person: Performer) -> None:
    frames = [person.frame(pose) for _, pose in poses(3)]
    pictures = np.stack([picture for picture, _ in frames]).astype(int)
    corner = pictures[:, :8, :8]
    assert (corner == corner[:1]).all()
    empty = np.median(pictures, 0)
    turned = np.zeros((24, 3), np.float32)
    turned[0, 1] = np.pi
    behind, points = person.frame(turned)
    for picture, places in frames:
        assert picture.shape == (64, 64, 3)
        assert (places > 0).all()
        assert (places < 1).all()
        nose, ankle = (places[POINT_NAMES.index(name)] for name in ("nose", "left_ankle"))
        assert 0.4 < ankle[1] - nose[1] < 0.8
    # Facing the camera, the person's own left is on the right of the picture; turned, on the left.
    left, right = (POINT_NAMES.index(f"{side}_shoulder") for side in ("left", "right"))
    assert frames[0][1][left, 0] > frames[0][1][right, 0]
    assert points[left, 0] < points[right, 0]
    wrist = POINT_NAMES.index("left_wrist")
    assert frames[2][1][wrist, 1] < frames[0][1][wrist, 1] - 0.05
    assert np.abs(behind - empty).max() > 50


def test_the_feet_stay_on_the_ground(person: Performer) -> None:
    crouched = np.zeros((24, 3), np.float32)
    crouched[[1, 2], 0], crouched[[4, 5], 0] = -1.2, 2.0
    lows = [person.frame(pose)[1][-2:, 1].max() for pose in (poses(1)[0][1], crouched)]
    assert abs(lows[0] - lows[1]) < 0.06


def test_a_stopped_rendering_goes_on_and_gives_a_folder_to_learn_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "performer"
    assert render(out, poses(20)[:9], SETTINGS) == 9
    assert render(out, poses(20), SETTINGS) == 11
    frames = load_frames(out, 64)
    assert frames.files == tuple(f"{name}.png" for name, _ in poses(20))
    monkeypatch.setattr(performer, "Performer", None)  # nothing is rendered anew
    assert render(out, poses(20), SETTINGS) == 0
    with pytest.raises(InvalidInputError, match="cannot be gone on with"):
        render(out, poses(20), PerformerSettings(1, 64, 1, 1, ("05",)))


@pytest.mark.shared_data
def test_dancers_turn_as_they_did(shared_data: Path) -> None:
    found = movements(shared_data / "cmu", ["05"], 30)
    assert len(found) > 100
    assert {name.split("_")[0] for name, _ in found} == {"05"}
    turns = np.stack([pose[0] for _, pose in found])
    assert np.abs(turns[:, 1]).max() > 1
    with pytest.raises(InvalidInputError, match="no clip of the subjects 99"):
        movements(shared_data / "cmu", ["99"], 30)
