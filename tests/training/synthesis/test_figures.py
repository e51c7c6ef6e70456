from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.checkpoint import CheckpointHeader, TrainingPart
from model.synthesis.normalisation import Stance, normalise
from model.synthesis.person import Person, save_person
from model.synthesis.predictor import Performance, SynthesisPredictor
from model.synthesis.skeletons import Skeletons, fill_gaps
from model.video import describe_video, has_video
from training.__main__ import main
from training.synthesis.frames import load_frames, read_landmarks

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "unknown", "drawn", 0),), {}, "CC0-1.0")


@pytest.fixture
def command(tiny_person: Person, frames_folder: Path, tmp_path: Path) -> list[str]:
    path = tmp_path / "synthesis.safetensors"
    save_person(path, tiny_person, HEADER)
    common = ["figures", "synthesis", "--checkpoint", str(path), "--driver", str(frames_folder)]
    return [*common, "--method", "nearest", "--size", "64", "--device", "cpu"]


def test_source_skeleton_and_person_stand_side_by_side(
    command: list[str],
    frames_folder: Path,
    tiny_synthesis: SynthesisPredictor,
    tiny_person: Person,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.webp"
    assert main([*command, "--limit", "30", "--rate", "20", "--out", str(out)]) == 0
    # The driver is 72 x 64 pixels: points of the square are those of the width, moved and scaled.
    landmarks, _ = read_landmarks(frames_folder)
    points = landmarks[:30] * [72 / 64, 1] - [4 / 64, 0]
    skeletons = fill_gaps(Skeletons(points.astype(np.float32)))
    moved = normalise(skeletons, Stance.of(skeletons), tiny_person.stance)
    [expected] = tiny_synthesis.predict_batch([Performance(moved, "tiny", "nearest")])
    with Image.open(out) as animation:
        assert animation.n_frames == 30
        for number in (3, 20, 29):  # nobody is in frame 20: the skeleton is interpolated
            animation.seek(number)
            pixels = np.asarray(animation.convert("RGB")).astype(int)
            assert pixels.shape == (64, 192, 3)
            source = load_frames(frames_folder, 64).pictures
            if number < 20:
                assert np.abs(pixels[:, :64] - source[number]).mean() < 12
            assert pixels[2, 66].min() > 230  # the drawing is on white
            result = pixels[8:56, 136:184].mean((0, 1))
            assert np.abs(result - expected.frames[number].mean((0, 1))).max() < 25


def test_a_sheet_shows_evenly_spaced_frames(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert main([*command, "--as-they-are", "--out", str(out)]) == 0
    with Image.open(out) as sheet:
        assert sheet.width > 1400
        assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 50


def test_a_video_is_written_where_pyav_is_and_else_refused(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    status = main([*command, "--rate", "20", "--out", str(out)])
    if has_video():
        assert status == 0
        assert describe_video(out) == (40, 20)
    else:
        assert status == 1
        assert "habitus[video]" in capsys.readouterr().err
        assert not out.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--out", "figure.txt"], ".mp4, .webp, .gif, .png, .jpg are written"),
        (["--out", "figure.png", "--person", "bob"], "there are tiny"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    command: list[str], more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *more]) == 1
    assert words in capsys.readouterr().err
