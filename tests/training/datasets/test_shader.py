import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import AssetError, InvalidInputError
from training.datasets.shader import ShaderSubject, iter_subjects, read_pair
from training.datasets.shader_truth import read_truth


def subject_of(root: Path, key: str) -> ShaderSubject:
    return next(subject for subject in iter_subjects(root) if subject.key == key)


def rewrite_truth(subject: ShaderSubject, changes: dict[str, object], drop: str = "") -> None:
    path = subject.folder / f"gt{subject.name}.pkl"
    content = pickle.loads(path.read_bytes()) | changes
    content.pop(drop, None)
    path.write_bytes(pickle.dumps(content))


def test_batches_subjects_and_frames_are_walked_in_order(shader_folder: Path) -> None:
    (shader_folder / "README.md").write_text("not a batch")
    (shader_folder / "previews").mkdir()
    subjects = list(iter_subjects(shader_folder))
    assert [subject.key for subject in subjects] == [
        f"{batch}/{number:04d}"
        for batch in ("femaleBatch001", "maleBatch002")
        for number in range(4)
    ]
    assert [subject.gender for subject in subjects] == ["female"] * 4 + ["male"] * 4
    assert all(subject.frames == (0, 1) for subject in subjects)


def test_a_frame_needs_both_of_its_pictures(shader_folder: Path) -> None:
    folder = shader_folder / "maleBatch002" / "0001"
    (folder / "naked" / "Image0000.png").unlink()
    (folder / "dressed" / "thumbnail.png").write_bytes(b"")
    assert subject_of(shader_folder, "maleBatch002/0001").frames == (1,)


def test_missing_samples_are_tolerated(shader_folder: Path) -> None:
    (shader_folder / "maleBatch002" / "0007").mkdir()
    assert subject_of(shader_folder, "maleBatch002/0007").frames == ()


def test_a_pair_comes_with_its_silhouettes(shader_folder: Path) -> None:
    dressed, naked = read_pair(subject_of(shader_folder, "femaleBatch001/0000").folder, 0)
    assert dressed.shape == naked.shape == (48, 48, 4)
    inside_dressed, inside_naked = dressed[..., 3] > 0, naked[..., 3] > 0
    assert (inside_dressed & inside_naked).sum() == inside_naked.sum() < inside_dressed.sum()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "cannot be read as a picture"),
        (lambda path: path.write_text("no picture"), "cannot be read as a picture"),
        (lambda path: Image.new("RGB", (48, 48)).save(path), "alpha channel is needed"),
        (lambda path: Image.new("RGBA", (48, 47)).save(path), "must have the same size"),
    ],
    ids=["truncated", "text", "no alpha", "another size"],
)
def test_an_unusable_picture_is_refused(shader_folder: Path, spoil, message: str) -> None:  # type: ignore[no-untyped-def]
    subject = subject_of(shader_folder, "femaleBatch001/0002")
    spoil(subject.folder / "naked" / "Image0001.png")
    with pytest.raises(InvalidInputError, match=message):
        read_pair(subject.folder, 1)


@pytest.mark.parametrize("key", ["shape", "betas"])
@pytest.mark.parametrize("name", ["gt0003.pkl", "gt.pkl"])
def test_the_truth_is_found_under_each_of_its_names(
    shader_folder: Path, key: str, name: str
) -> None:
    subject = subject_of(shader_folder, "maleBatch002/0003")
    rewrite_truth(subject, {key: np.arange(10)[None]}, drop="" if key == "shape" else "shape")
    (subject.folder / "gt0003.pkl").rename(subject.folder / name)
    truth = read_truth(subject)
    assert truth.betas.tolist() == list(range(10))
    assert truth.poses.shape == (2, 72)
    assert truth.trans.shape == (2, 3)
    assert truth.joints2d.shape == (2, 24, 2)
    assert truth.joints3d.shape == (2, 24, 3)


@pytest.mark.parametrize(
    ("changes", "drop", "message"),
    [
        ({}, "poses", "no 'poses'"),
        ({"poses": np.zeros((2, 71))}, "", "'poses' does not fit"),
        ({"trans": np.full((2, 3), np.nan)}, "", "'trans' holds NaN"),
        ({"shape": np.zeros(0)}, "", "shape has 0 numbers; 1 to 300 betas are needed"),
        ({"shape": np.zeros((0, 10))}, "", "shape has 0 numbers"),
        ({"shape": np.zeros(301)}, "", "shape has 301 numbers"),
        ({"shape": np.eye(2, 10)}, "", "shape differs between frames"),
        ({"shape": "round"}, "", "'shape' does not fit"),
    ],
)
def test_an_unusable_truth_is_refused(
    shader_folder: Path, changes: dict[str, object], drop: str, message: str
) -> None:
    subject = subject_of(shader_folder, "maleBatch002/0000")
    rewrite_truth(subject, changes, drop)
    with pytest.raises(AssetError, match=message):
        read_truth(subject)


@pytest.mark.parametrize("num_betas", [2, 9, 10, 16, 300])
def test_a_truth_has_as_many_betas_as_its_file(shader_folder: Path, num_betas: int) -> None:
    subject = subject_of(shader_folder, "maleBatch002/0000")
    betas = np.arange(float(num_betas))
    for stored in (betas, betas[None], np.stack([betas, betas])):
        rewrite_truth(subject, {"shape": stored})
        assert read_truth(subject).betas.tolist() == betas.tolist()


@pytest.mark.parametrize(
    "name", ["Image0000.PNG", "image0000.png", "Image0.png", "IMAGE00000000.png"]
)
def test_pictures_are_opened_by_the_names_that_were_listed(shader_folder: Path, name: str) -> None:
    subject = subject_of(shader_folder, "maleBatch002/0000")
    expected = read_pair(subject.folder, 0)
    for kind in ("dressed", "naked"):
        path = subject.folder / kind / "Image0000.png"
        path.rename(path.with_name(name))
    renamed = subject_of(shader_folder, "maleBatch002/0000")
    assert renamed.frames == (0, 1)
    assert all(map(np.array_equal, read_pair(renamed.folder, 0), expected))


def test_of_two_pictures_of_a_frame_the_usual_name_counts(shader_folder: Path) -> None:
    subject = subject_of(shader_folder, "maleBatch002/0000")
    expected = read_pair(subject.folder, 0)
    for kind in ("dressed", "naked"):
        Image.new("RGBA", (8, 8)).save(subject.folder / kind / "Image0.png")
    assert all(map(np.array_equal, read_pair(subject.folder, 0), expected))


@pytest.mark.parametrize("name", ["GT0003.PKL", "gt3.pkl", "gt00003.pkl", "Gt.pkl"])
def test_a_truth_is_found_whatever_the_case_and_the_padding(shader_folder: Path, name: str) -> None:
    subject = subject_of(shader_folder, "maleBatch002/0003")
    path = subject.folder / "gt0003.pkl"
    path.rename(path.with_name("gt0001.pkl"))
    with pytest.raises(FileNotFoundError):
        read_truth(subject)
    path.with_name("gt0001.pkl").rename(path.with_name(name))
    assert read_truth(subject).betas.size == 10


def test_what_is_left_out_is_said_in_one_line(
    shader_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = shader_folder / "maleBatch002" / "0001"
    (folder / "naked" / "Image0000.png").unlink()
    (folder / "dressed" / "thumbnail.png").write_bytes(b"")
    (folder / "dressed" / "Image1.png").write_bytes(b"")
    shutil.copytree(shader_folder / "maleBatch002", shader_folder / "maleBatch002 (copy)")
    for hidden in (".DS_Store", "._Image0000.png", "Thumbs.db"):
        (folder / "dressed" / hidden).write_bytes(b"")
    list(iter_subjects(shader_folder))
    (line,) = caplog.messages
    assert "\n" not in line
    for part in (
        f"1 folders whose names are not like maleBatch001 (such as {shader_folder}/maleBatch002 (",
        f"1 files whose names are not like Image0001.png (such as {folder}/dressed/thumbnail.png)",
        f"1 files with the number of another (such as {folder}/dressed/Image1.png)",
        "1 pictures without the other of their pair",
    ):
        assert part in line


def test_hidden_folders_are_no_samples(
    shader_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = [subject.key for subject in iter_subjects(shader_folder)]
    for name in ("@eaDir", ".ipynb_checkpoints", "#recycle", "__MACOSX"):
        (shader_folder / name / "0000" / "dressed").mkdir(parents=True)
        (shader_folder / "maleBatch002" / name).mkdir()
    assert [subject.key for subject in iter_subjects(shader_folder)] == before
    assert not caplog.messages


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (Path("never-made"),)


def test_a_truth_cannot_execute_anything(
    shader_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    subject = subject_of(shader_folder, "maleBatch002/0000")
    rewrite_truth(subject, {"shape": Hostile()})
    with pytest.raises(AssetError, match="pathlib"):
        read_truth(subject)
    assert not (tmp_path / "never-made").exists()


def test_a_folder_without_batches_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no batch folder"):
        list(iter_subjects(tmp_path))
    with pytest.raises(FileNotFoundError):
        list(iter_subjects(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError):
        read_truth(ShaderSubject("maleBatch001", "0000", tmp_path, ()))
