import shutil
from pathlib import Path

import numpy as np
import pytest

from model.errors import AssetError, InvalidInputError
from training.__main__ import main
from training.datasets.shader import iter_subjects, read_pair
from training.datasets.shader_truth import read_truth
from training.synthetic.export import DEFAULT_ASSET, ExportSettings, ShapeFitter, export
from training.synthetic.scene import Synthesizer

SETTINGS = ExportSettings(seed=3, frames=2, size=48, samples=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic")
    assert export(root, 3, SETTINGS, DEFAULT_ASSET, num_workers=1) == 3
    return root


def content(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_it_writes_the_layout_of_shader(folder: Path) -> None:
    assert set(content(folder)) == {
        "synthetic.json",
        *(
            f"{subject}/{file}"
            for subject in ("maleBatch001/0000", "femaleBatch001/0000", "maleBatch001/0001")
            for file in (
                f"gt{subject[-4:]}.pkl",
                "dressed/Image0000.png",
                "dressed/Image0001.png",
                "naked/Image0000.png",
                "naked/Image0001.png",
            )
        ),
    }


def test_the_reader_finds_what_was_rendered(folder: Path, synthesizer: Synthesizer) -> None:
    (subject,) = [s for s in iter_subjects(folder) if s.batch == "femaleBatch001"]
    person = synthesizer.subject(1)
    truth = read_truth(subject)
    assert truth.betas.shape == (10,)
    for number in subject.frames:
        frame = synthesizer.frame(person, (1, number), (48, 48))
        dressed, naked = read_pair(subject.folder, number)
        np.testing.assert_array_equal(dressed, frame.dressed)
        np.testing.assert_array_equal(naked, frame.naked)
        np.testing.assert_allclose(truth.poses[number], frame.pose, atol=1e-6)
        np.testing.assert_allclose(truth.trans[number], frame.transl, atol=1e-6)
        np.testing.assert_allclose(truth.joints2d[number], frame.keypoints, atol=1e-4)
        np.testing.assert_allclose(truth.joints3d[number], frame.joints, atol=1e-6)
        assert truth.coco_keypoints is not None
        np.testing.assert_allclose(truth.coco_keypoints[number], frame.coco_keypoints, atol=1e-4)


def test_the_sanity_check_finds_nothing_wrong(folder: Path) -> None:
    assert main(["data", "check", str(folder)]) == 0


def test_going_on_renders_only_what_is_missing_and_the_same_again(
    folder: Path, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(folder, root)
    kept = root / "maleBatch001" / "0000" / "gt0000.pkl"
    time = kept.stat().st_mtime_ns
    shutil.rmtree(root / "femaleBatch001" / "0000")
    assert export(root, 3, SETTINGS, DEFAULT_ASSET, num_workers=1) == 1
    assert content(root) == content(folder)
    assert kept.stat().st_mtime_ns == time


def test_a_folder_with_other_settings_is_left_alone(folder: Path) -> None:
    before = content(folder)
    other = ExportSettings(seed=4, frames=2, size=48, samples=1)
    with pytest.raises(InvalidInputError, match="'seed': 3"):
        export(folder, 3, other, DEFAULT_ASSET, num_workers=1)
    assert content(folder) == before


@pytest.mark.parametrize("option", ["--subjects", "--frames", "--size", "--workers"])
def test_a_count_of_zero_is_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["data", "synth", "--out", str(tmp_path / "x"), option, "0"])
    assert exit.value.code == 2
    assert f"argument {option}: 0 is too few; at least" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_betas_need_the_asset_of_the_same_vertices() -> None:
    from model.body.asset import load_asset

    fitter = ShapeFitter(load_asset(DEFAULT_ASSET)[1])
    with pytest.raises(AssetError, match="13718 vertices"):
        fitter.fit(np.zeros((6890, 3), np.float32))
