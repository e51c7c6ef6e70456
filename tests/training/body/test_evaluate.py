import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.body.predictor import BodyParameters, BodyPredictor
from model.errors import InvalidInputError
from training.__main__ import main
from training.body.evaluate import evaluate
from training.body.predictions import Predictions
from training.body.scoring import ScoringAsset

Truths = dict[str, dict[str, np.ndarray]]
Assets = dict[str, ScoringAsset]


@pytest.fixture
def predictions(truths: Truths) -> dict[str, np.ndarray]:
    """Somewhat wrong betas of every subject, and other ones for a frame."""
    random = np.random.default_rng(1)
    betas = {name: t["shape"] + 0.3 * random.normal(size=10) for name, t in truths.items()}
    return {**betas, "maleBatch001/0001/2": truths["maleBatch001/0001"]["shape"]}


def _vertices(body: BodyPredictor, betas: np.ndarray, pose: np.ndarray | None = None) -> np.ndarray:
    rotations = np.zeros((24, 3)) if pose is None else pose.reshape(24, 3)
    turned = rotations.astype(np.float32)
    item = BodyParameters(betas.astype(np.float32), turned[1:], turned[0])
    return body.predict_batch([item])[0].vertices


def _distances_mm(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    distances: np.ndarray = 1000 * np.sqrt(((a - b) ** 2).sum(axis=1))
    return distances


@pytest.mark.parametrize("posed", [False, True])
def test_errors_are_those_of_the_two_meshes_of_each_frame(
    shader: Path,
    truths: Truths,
    predictions: dict[str, np.ndarray],
    assets: Assets,
    posed: bool,
) -> None:
    results = evaluate(shader, Predictions(predictions), assets, posed).results
    assert len(results) == 9
    for row in results.to_dict("records"):
        name = f"{row['batch']}/{row['subject']}"
        own = f"{name}/{row['frame']}"
        gender = "female" if name.startswith("female") else "male"
        body = assets[gender].predictor
        assert row["asset"] == f"smpl_{gender}.safetensors"
        truth = truths[name]
        pose = truth["poses"][row["frame"]] if posed else None
        wanted = _vertices(body, truth["shape"], pose)
        found = _vertices(body, predictions[own if own in predictions else name], pose)
        distances = _distances_mm(found, wanted)
        assert row["mean_vertex_error_mm"] == pytest.approx(distances.mean(), abs=1e-3)
        assert row["max_vertex_error_mm"] == pytest.approx(distances.max(), abs=1e-3)
        baseline = _distances_mm(_vertices(body, np.zeros(10), pose), wanted)
        assert row["mean_body_mean_vertex_error_mm"] == pytest.approx(baseline.mean(), abs=1e-3)
        assert row["mean_body_max_vertex_error_mm"] == pytest.approx(baseline.max(), abs=1e-3)
    exact = results[(results["subject"] == "0001") & (results["frame"] == 2)]
    assert exact["max_vertex_error_mm"].item() == pytest.approx(0, abs=1e-3)
    assert exact["pve_t_sc_mm"].item() == pytest.approx(0, abs=1e-3)


def test_the_summary_is_mean_and_deviation_in_each_batch(
    shader: Path, predictions: dict[str, np.ndarray], assets: Assets
) -> None:
    evaluation = evaluate(shader, Predictions(predictions), assets)
    summary = evaluation.summary().set_index("batch")
    assert list(summary.index) == ["femaleBatch001", "maleBatch001"]
    assert summary["num_subjects"].tolist() == [1, 2]
    assert summary["num_frames"].tolist() == [3, 6]
    assert summary["asset"].tolist() == ["smpl_female.safetensors", "smpl_male.safetensors"]
    for batch in summary.index:
        rows = evaluation.results[evaluation.results["batch"] == batch]
        for error in ("mean_vertex_error_mm", "max_vertex_error_mm"):
            values = rows[error].to_numpy()
            assert summary[f"{error}_mean"][batch] == pytest.approx(values.sum() / len(values))
            variance = ((values - values.mean()) ** 2).sum() / (len(values) - 1)
            assert summary[f"{error}_std"][batch] == pytest.approx(np.sqrt(variance), abs=1e-9)


def test_frames_that_cannot_be_compared_are_listed_with_their_reason(
    shader: Path, predictions: dict[str, np.ndarray], assets: Assets
) -> None:
    del predictions["maleBatch001/0001"]
    predictions["maleBatch001/0009"] = np.zeros(10)
    (shader / "femaleBatch001" / "0000" / "gt0000.pkl").unlink()
    for kind in ("dressed", "naked"):
        (shader / "maleBatch001" / "0000" / kind / "Image0040.png").touch()
    evaluation = evaluate(shader, Predictions(predictions), assets)
    listed = {
        f"{gap['batch']}/{gap['subject']}/{gap['frame']}": gap["reason"]
        for gap in evaluation.gaps.to_dict("records")
    }
    assert listed == {
        "femaleBatch001/0000/0": "no ground truth",
        "femaleBatch001/0000/1": "no ground truth",
        "femaleBatch001/0000/2": "no ground truth",
        "maleBatch001/0000/40": "no such frame in the ground truth",
        "maleBatch001/0001/0": "no prediction",
        "maleBatch001/0001/1": "no prediction",
    }
    assert evaluation.num_missing == 2
    assert evaluation.unused == ("maleBatch001/0009",)
    assert len(evaluation.results) == 4


def test_nothing_to_compare_is_an_error(shader: Path, assets: Assets) -> None:
    with pytest.raises(InvalidInputError, match="no prediction"):
        evaluate(shader, Predictions({"maleBatch009/0000": np.zeros(10)}), assets)


def test_names_that_match_nothing_are_shown_beside_those_of_the_frames(
    shader: Path, assets: Assets
) -> None:
    message = "names such as maleBatch001/0, frames such as femaleBatch001/0000/0"
    with pytest.raises(InvalidInputError, match=message):
        evaluate(shader, Predictions({"maleBatch001/0": np.zeros(10)}), assets)


@pytest.mark.parametrize(("num_betas", "done"), [(16, "are cut"), (300, "are cut"), (4, "as 0")])
def test_betas_that_are_padded_or_cut_are_said_to_be(
    tmp_path: Path,
    shader: Path,
    truths: dict[str, dict[str, np.ndarray]],
    asset_path: Path,
    capsys: pytest.CaptureFixture[str],
    num_betas: int,
    done: str,
) -> None:
    betas = {name: np.resize(truth["shape"], num_betas) for name, truth in truths.items()}
    for name, values in betas.items():
        path = shader / name / f"gt{name[-4:]}.pkl"
        path.write_bytes(pickle.dumps(truths[name] | {"shape": values}))
    assert main(_command(tmp_path, shader, betas, asset=asset_path)) == 0
    said = capsys.readouterr().err
    for what in ("ground truths", "predictions"):
        (line,) = [line for line in said.splitlines() if f"3 {what} have {num_betas} betas" in line]
        assert "the asset 10" in line
        assert done in line
    errors = pd.read_csv(tmp_path / "results" / "results.csv")["mean_vertex_error_mm"]
    assert errors.max() == pytest.approx(0, abs=1e-3)


def test_an_empty_shape_is_no_mean_body(
    tmp_path: Path,
    shader: Path,
    truths: dict[str, dict[str, np.ndarray]],
    asset_path: Path,
    predictions: dict[str, np.ndarray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = shader / "maleBatch001" / "0000" / "gt0000.pkl"
    path.write_bytes(pickle.dumps(truths["maleBatch001/0000"] | {"shape": np.zeros(0)}))
    assert main(_command(tmp_path, shader, predictions, asset=asset_path)) == 1
    assert "shape has 0 numbers; 1 to 300 betas are needed" in capsys.readouterr().err


def _command(
    tmp_path: Path, shader: Path, betas: dict[str, np.ndarray], **assets: Path
) -> list[str]:
    file = tmp_path / "predictions.json"
    file.write_text(json.dumps({name: values.tolist() for name, values in betas.items()}))
    options = {"--data": shader, "--predictions": file, "--out": tmp_path / "results"}
    options |= {f"--{name.replace('_', '-')}": path for name, path in assets.items()}
    return ["evaluate", "body", *(str(word) for pair in options.items() for word in pair)]


@pytest.fixture
def paths(assets: Assets) -> dict[str, Path]:
    """The options of both assets."""
    return {f"asset_{gender}": asset.path for gender, asset in assets.items()}


def test_the_command_writes_the_tables_and_prints_the_summary(
    tmp_path: Path,
    shader: Path,
    assets: Assets,
    paths: dict[str, Path],
    predictions: dict[str, np.ndarray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(_command(tmp_path, shader, predictions, **paths)) == 0
    evaluation = evaluate(shader, Predictions(predictions), assets)
    text = {"batch": str, "subject": str}
    results = pd.read_csv(tmp_path / "results/results.csv", dtype=text)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(results, evaluation.results, atol=1e-4, rtol=0)
    summary = pd.read_csv(tmp_path / "results/results_batch_summary.csv")
    pd.testing.assert_frame_equal(summary, evaluation.summary(), atol=1e-4, rtol=0)
    printed = capsys.readouterr().out
    assert "femaleBatch001" in printed
    assert f"{evaluation.results['mean_vertex_error_mm'].mean():.2f} mm" in printed
    for gender, path in (("male", paths["asset_male"]), ("female", paths["asset_female"])):
        source = f"SMPL_{gender.upper()}.pkl"
        assert (
            f"{gender} subjects belong to {path} (LicenseRef-SMPL-Body, from {source})" in printed
        )


def test_one_asset_scores_everybody_where_all_shapes_belong_to_it(
    tmp_path: Path,
    shader: Path,
    asset_path: Path,
    body: BodyPredictor,
    predictions: dict[str, np.ndarray],
) -> None:
    assert main(_command(tmp_path, shader, predictions, asset=asset_path)) == 0
    summary = pd.read_csv(tmp_path / "results/results_batch_summary.csv")
    both = dict.fromkeys(("male", "female"), ScoringAsset(asset_path, body))
    expected = evaluate(shader, Predictions(predictions), both).summary()
    pd.testing.assert_frame_equal(summary, expected, atol=1e-4, rtol=0)


def test_a_gender_without_an_asset_is_refused_before_anything_is_computed(
    tmp_path: Path,
    shader: Path,
    paths: dict[str, Path],
    predictions: dict[str, np.ndarray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    male_only = {"asset_male": paths["asset_male"]}
    assert main(_command(tmp_path, shader, predictions, **male_only)) == 1
    message = capsys.readouterr().err
    assert "femaleBatch001/0000 is female" in message
    assert "give --asset-female" in message
    assert not (tmp_path / "results").exists()


def test_an_asset_is_never_assumed(
    tmp_path: Path,
    shader: Path,
    paths: dict[str, Path],
    asset_path: Path,
    predictions: dict[str, np.ndarray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for options in ({}, {**paths, "asset": asset_path}):
        with pytest.raises(SystemExit) as exit:
            main(_command(tmp_path, shader, predictions, **options))
        assert exit.value.code == 2
        assert "--asset" in capsys.readouterr().err


def test_missing_predictions_fail_the_command_unless_they_are_allowed(
    tmp_path: Path,
    shader: Path,
    paths: dict[str, Path],
    predictions: dict[str, np.ndarray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    del predictions["femaleBatch001/0000"]
    command = _command(tmp_path, shader, predictions, **paths)
    assert main(command) == 1
    assert "no prediction: 3 frames, e.g. femaleBatch001/0000/0" in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "results/gaps.csv")) == 3
    assert main([*command, "--allow-missing"]) == 0


def test_a_folder_that_is_not_there_is_said(
    tmp_path: Path, asset_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    betas = {"maleBatch001/0000": np.zeros(2)}
    assert main(_command(tmp_path, tmp_path / "nowhere", betas, asset=asset_path)) == 1
    assert "nowhere" in capsys.readouterr().err
