import json
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError
from training.__main__ import main
from training.datasets import h36m_frames
from training.datasets.h36m import open_h36m
from training.datasets.joint_photos import JointPhotos
from training.datasets.oh3d import open_oh3d
from training.datasets.pw3d import open_pw3d, project

FOCAL, CENTRE = 100.0, (32.0, 24.0)


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), "grey").save(path)


def pw3d_content(frames: int = 3) -> dict[str, Any]:
    """Two people before a camera that moves; the second is known in one frame only."""
    generator = np.random.default_rng(0)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, :3, 3] = [[0, 0, 4 + frame] for frame in range(frames)]
    return {
        "sequence": "walk_00",
        "jointPositions": [generator.normal(0, 0.4, (frames, 72)) for _ in range(2)],
        "cam_poses": poses,
        "cam_intrinsics": np.array([[FOCAL, 0, CENTRE[0]], [0, FOCAL, CENTRE[1]], [0, 0, 1]]),
        "campose_valid": [np.ones(frames), np.array([0, 1, 0])],
        "genders": ["m", "f"],
    }


@pytest.fixture
def pw3d(tmp_path: Path) -> Path:
    folder = tmp_path / "3DPW" / "sequenceFiles" / "test"
    folder.mkdir(parents=True)
    (folder / "walk_00.pkl").write_bytes(pickle.dumps(pw3d_content(), protocol=2))
    for frame in range(3):
        photo(tmp_path / "3DPW" / "imageFiles" / "walk_00" / f"image_{frame:05d}.jpg")
    return tmp_path / "3DPW"


def test_3dpw_gives_every_person_in_every_frame_whose_camera_is_known(pw3d: Path) -> None:
    found = open_pw3d(pw3d)
    assert [one.key for one in found.photos] == [
        *("walk_00/00000/0", "walk_00/00001/0", "walk_00/00002/0", "walk_00/00001/1")
    ]
    assert found[0].image.shape == (48, 64, 3)
    content = pw3d_content()
    joint = content["jointPositions"][1][1].reshape(24, 3)[7]
    x, y, z = np.add(joint, [0, 0, 5])
    expected = [FOCAL * x / z + CENTRE[0], FOCAL * y / z + CENTRE[1], 1]
    np.testing.assert_allclose(found[3].points[7], expected, rtol=1e-5)
    assert found[3].joints is not None
    np.testing.assert_allclose(found[3].joints[7], [x, y, z], rtol=1e-5)


def test_a_joint_behind_the_camera_is_not_known() -> None:
    joints = np.array([[[0.0, 0, 2], [0, 0, -2]]])
    points, before = project(joints, np.diag([2.0, 2, 1]))
    assert before.tolist() == [[True, False]]
    assert np.isfinite(points).all()


@pytest.mark.parametrize("change", [{"cam_poses": None}, {"jointPositions": [np.zeros((3, 70))]}])
def test_a_damaged_sequence_of_3dpw_is_refused(pw3d: Path, change: dict[str, Any]) -> None:
    content = {k: v for k, v in (pw3d_content() | change).items() if v is not None}
    path = pw3d / "sequenceFiles" / "test" / "walk_00.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InvalidInputError, match=r"walk_00\.pkl"):
        open_pw3d(pw3d)
    path.write_bytes(b"no pickle")
    with pytest.raises(InvalidInputError, match=r"walk_00\.pkl"):
        open_pw3d(pw3d)
    path.unlink()
    with pytest.raises(InvalidInputError, match="no sequence"):
        open_pw3d(pw3d)
    with pytest.raises(FileNotFoundError):
        open_pw3d(pw3d, "train")


def test_a_sequence_that_would_run_code_is_refused(pw3d: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (print, ("hello",))

    path = pw3d / "sequenceFiles" / "test" / "walk_00.pkl"
    path.write_bytes(pickle.dumps(pw3d_content() | {"poses": Hostile()}))
    with pytest.raises(InvalidInputError, match=r"asks for builtins\.print"):
        open_pw3d(pw3d)


@pytest.fixture
def oh3d(tmp_path: Path) -> Path:
    root = tmp_path / "3DOH50K"
    points = np.arange(48.0).reshape(24, 2)
    entries = {
        "00002": {"smpl_joints_2d": (points + 1).tolist(), "bbox": [[0, 0], [9, 9]]},
        "00001": {"smpl_joints_2d": points.tolist(), "img_path": "images/other.jpg"},
    }
    photo(root / "images" / "00002.jpg")
    (root / "annots.json").write_text(json.dumps(entries))
    return root


def test_3doh_gives_every_annotated_photo(oh3d: Path) -> None:
    found = open_oh3d(oh3d)
    assert [one.key for one in found.photos] == ["00001", "00002"]
    assert found[0].path == oh3d / "images" / "other.jpg"
    np.testing.assert_array_equal(found[1].points[3], [7, 8, 1])
    assert found[1].image.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "no annotated photo"),
        ('{"1": {}}', "1 has no smpl_joints_2d"),
        ('{"1": {"smpl_joints_2d": [[1, 2]]}}', r"is \(1, 2\)"),
        (
            json.dumps({"1": {"smpl_joints_2d": [[1, 2]] * 24, "img_path": "../x.jpg"}}),
            "outside of the folder",
        ),
    ],
)
def test_damaged_annotations_of_3doh_are_refused(oh3d: Path, content: str, words: str) -> None:
    (oh3d / "annots.json").write_text(content)
    with pytest.raises(InvalidInputError, match=words):
        open_oh3d(oh3d)


def h36m(root: Path, **changes: Any) -> Path:
    names = ["images/S9_Walking_1.60457274_000001.jpg", "S9_Walking_1.60457274_000006.jpg"]
    part = np.zeros((2, 24, 3))
    part[:, :14] = np.arange(42).reshape(14, 3)
    part[1, 5, 2] = 0
    photo(root / "images" / "S9_Walking_1.60457274_000001.jpg")
    np.savez(root / "joints.npz", **({"imgname": names, "part": part} | changes))
    return root


def test_human36m_gives_every_frame_with_its_14_joints(tmp_path: Path) -> None:
    found = open_h36m(h36m(tmp_path))
    assert [one.sequence for one in found.photos] == ["S9_Walking_1.60457274"] * 2
    assert found[0].image.shape == (48, 64, 3)
    np.testing.assert_array_equal(found[0].points[4], [12, 13, 1])
    assert found[1].points[5, 2] == 0
    assert found[1].points.shape == (14, 3)


@pytest.mark.parametrize(
    "change", [{"part": np.zeros((2, 17, 3))}, {"imgname": ["a"]}, {"part": np.array([None])}]
)
def test_other_arrays_for_human36m_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"joints\.npz"):
        open_h36m(h36m(tmp_path, **change))


def test_photos_of_one_sequence_have_one_number(pw3d: Path, oh3d: Path) -> None:
    assert open_pw3d(pw3d).sequence_numbers().tolist() == [0, 0, 0, 0]
    joined = JointPhotos("both", [*open_pw3d(pw3d).photos, *open_oh3d(oh3d).photos])
    assert joined.sequence_numbers().tolist() == [2, 2, 2, 2, 0, 1]


def stand_in_for_av(frames: int) -> types.ModuleType:
    """A module that decodes any file into grey frames, as PyAV would a video."""
    module = types.ModuleType("av")

    class FFmpegError(Exception):
        pass

    class Container:
        def __enter__(self) -> "Container":
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def decode(self, video: int) -> Any:
            for number in range(frames):
                picture = np.full((8, 12, 3), 10 * number, np.uint8)
                yield types.SimpleNamespace(to_ndarray=lambda format, p=picture: p)

    def open_file(path: str) -> Container:
        if Path(path).read_bytes() != b"video":
            raise FFmpegError("invalid data")
        return Container()

    module.open = open_file  # type: ignore[attr-defined]
    module.error = types.SimpleNamespace(FFmpegError=FFmpegError)  # type: ignore[attr-defined]
    return module


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sys.modules, "av", stand_in_for_av(frames=11))
    for name in ("Directions 1.54138969.mp4", "_ALL.54138969.mp4"):
        path = tmp_path / "h36m" / "S9" / "Videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"video")
    return tmp_path / "h36m"


def test_every_fifth_frame_is_written_under_spins_name_and_once(
    videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["data", "h36m-frames", "--root", str(videos), "--out", str(out)]
    assert main(command) == 0
    written = {path.name: path.stat().st_mtime_ns for path in (out / "images").iterdir()}
    expected = [f"S9_Directions_1.54138969_{number:06d}.jpg" for number in (1, 6, 11)]
    assert sorted(written) == expected
    middle = np.asarray(Image.open(out / "images" / expected[1]))
    assert abs(int(middle.mean()) - 50) <= 2
    # An interrupted run has written less, and no sign that it is done.
    (out / "images" / expected[2]).unlink()
    assert main(command) == 0
    assert not (out / "images" / expected[2]).exists()
    next((out / "done").iterdir()).unlink()
    assert main(command) == 0
    after = {path.name: path.stat().st_mtime_ns for path in (out / "images").iterdir()}
    assert sorted(after) == expected
    assert after[expected[0]] == written[expected[0]]


def test_a_damaged_video_and_a_missing_library_are_named(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = videos / "S9" / "Videos" / "Directions 1.54138969.mp4"
    video.write_bytes(b"damaged")
    with pytest.raises(InvalidInputError, match=r"Directions.*invalid data"):
        h36m_frames.extract(video, tmp_path / "out", 5)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InvalidInputError, match="pip install 'habitus"):
        h36m_frames.extract(video, tmp_path / "out", 5)
    with pytest.raises(InvalidInputError, match="no S"):
        h36m_frames.find_videos(tmp_path)
