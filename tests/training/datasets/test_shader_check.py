import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from training.__main__ import main
from training.datasets.shader import iter_subjects
from training.datasets.shader_check import check_subject


def test_a_sound_folder_has_no_faults(
    shader_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(shader_folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["all", "8", "16", "16", "16", "8", "0"]
    assert lines[-1] == "no faults"


def test_every_kind_of_fault_is_found(
    shader_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    female, male = shader_folder / "femaleBatch001", shader_folder / "maleBatch002"
    (female / "0000" / "naked" / "Image0001.png").unlink()
    (female / "0001" / "dressed" / "Image0000.png").unlink()
    (female / "0001" / "naked" / "Image0000.png").unlink()
    (female / "0002" / "dressed" / "Image0000.png").write_bytes(b"\x89PNG")
    (female / "0003" / "gt0003.pkl").unlink()
    (male / "0000" / "gt0000.pkl").write_bytes(b"nothing")
    Image.new("RGBA", (48, 48)).save(male / "0001" / "naked" / "Image0000.png")
    for file in (male / "0002" / "dressed").iterdir():
        file.unlink()
    (male / "0002" / "dressed").rmdir()
    (male / "0005").mkdir()
    (shader_folder / "maleBatch003").mkdir()
    report_path = tmp_path / "out" / "report.json"
    assert main(["data", "check", str(shader_folder), "--json", str(report_path)]) == 1
    report = json.loads(report_path.read_text())
    beginnings = [
        "maleBatch003: no subjects",
        "femaleBatch001/0000: frame 1 has no naked picture",
        "femaleBatch001/0001: frame 0 is missing",
        "femaleBatch001/0002: frame 0: ",
        "femaleBatch001/0003: no ground truth",
        "maleBatch002/0000: ground truth: gt0000.pkl is ",
        "maleBatch002/0001: frame 0: the naked silhouette is empty",
        "maleBatch002/0002: no dressed folder",
        "maleBatch002/0002: frame 0 has no dressed picture",
        "maleBatch002/0002: frame 1 has no dressed picture",
        "maleBatch002/0005: no dressed folder",
        "maleBatch002/0005: no naked folder",
        "maleBatch002/0005: no pictures",
        "maleBatch002/0005: no ground truth",
    ]
    assert len(report["faults"]) == len(beginnings)
    for fault, beginning in zip(report["faults"], beginnings, strict=True):
        assert fault.startswith(beginning)
    assert "14 faults" in capsys.readouterr().out


def test_pictures_are_listed_only_when_that_is_asked(shader_folder: Path) -> None:
    broken = shader_folder / "femaleBatch001" / "0000" / "dressed" / "Image0000.png"
    broken.write_bytes(b"")
    assert main(["data", "check", str(shader_folder), "--fast"]) == 0
    assert main(["data", "check", str(shader_folder)]) == 1


def test_a_truth_that_is_too_short_is_a_fault(shader_folder: Path) -> None:
    subject = next(iter_subjects(shader_folder))
    for kind in ("dressed", "naked"):
        last = subject.folder / kind / "Image0001.png"
        last.rename(last.with_name("Image0002.png"))
    report = check_subject(next(iter_subjects(shader_folder)))
    assert report.faults == (
        "frame 1 is missing",
        "ground truth has 2 frames, but there is a picture 2",
    )


def opaque(folder: Path) -> None:
    for path in (folder / "dressed").iterdir():
        picture = Image.open(path)
        picture.putalpha(255)
        picture.save(path)


def swap(folder: Path) -> None:
    (folder / "dressed").rename(folder / "other")
    (folder / "naked").rename(folder / "dressed")
    (folder / "other").rename(folder / "naked")


def shift(folder: Path) -> None:
    """The naked silhouette of the second frame, moved out of the dressed one."""
    path = folder / "naked" / "Image0001.png"
    picture = Image.open(path)
    ImageChops.offset(picture, 20, 0).save(path)


def rename_batch(folder: Path) -> None:
    folder.parent.rename(folder.parent.with_name("maleBatch002 (copy)"))


def empty_shape(folder: Path) -> None:
    path = folder / "gt0001.pkl"
    path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes()) | {"shape": np.zeros(0)}))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (opaque, "frame 1: the dressed silhouette is the whole picture"),
        (swap, "outside of the dressed one; dressed and naked may be swapped"),
        (shift, "frame 1: 100 % of the naked silhouette is outside of the dressed one\n"),
        (rename_batch, "maleBatch002 (copy): left out, since its name"),
        (empty_shape, "ground truth: "),
    ],
)
def test_pictures_that_are_no_pair_are_faults(
    shader_folder: Path,
    spoil: Callable[[Path], None],
    fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(shader_folder / "maleBatch002" / "0001")
    assert main(["data", "check", str(shader_folder)]) == 1
    assert fault in capsys.readouterr().out


def test_hidden_folders_and_a_pixel_outside_are_no_faults(shader_folder: Path) -> None:
    for name in ("@eaDir", ".ipynb_checkpoints"):
        (shader_folder / "maleBatch002" / name).mkdir()
        (shader_folder / name).mkdir()
    path = shader_folder / "maleBatch002" / "0001" / "naked" / "Image0000.png"
    picture = Image.open(path)
    picture.putpixel((0, 0), (0, 0, 0, 255))
    picture.save(path)
    assert main(["data", "check", str(shader_folder)]) == 0


def test_names_of_another_case_are_no_faults_and_are_opened(shader_folder: Path) -> None:
    folder = shader_folder / "maleBatch002" / "0001" / "dressed"
    (folder / "Image0000.png").rename(folder / "Image0000.PNG")
    (folder / "Image0001.png").rename(folder / "image1.png")
    assert main(["data", "check", str(shader_folder)]) == 0


def test_a_name_with_a_huge_number_costs_no_memory(shader_folder: Path) -> None:
    for kind in ("dressed", "naked"):
        folder = shader_folder / "maleBatch002" / "0001" / kind
        (folder / "Image0001.png").rename(folder / "Image999999999.png")
        (folder / "Image0000.png").rename(folder / "Image0002.png")
    subject = next(s for s in iter_subjects(shader_folder) if s.key == "maleBatch002/0001")
    assert check_subject(subject).faults == (
        "frames 0 to 1 are missing",
        "frames 3 to 999999998 are missing",
        "ground truth has 2 frames, but there is a picture 999999999",
    )


def test_a_wrong_folder_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(tmp_path)]) == 1
    assert "holds no batch folder" in capsys.readouterr().err
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 1
    assert "no such file or folder" in capsys.readouterr().err
