import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.body.predictor import BodyParameters, BodyPredictor
from model.checkpoint import load_header
from model.errors import CheckpointError, InvalidInputError
from model.reconstruction.predictor import ReconstructionItem, ReconstructionPredictor
from model.reconstruction.result import Reconstruction
from model.skeletons import MEDIAPIPE_33_NAMES
from tests.training.reconstruction.conftest import write_regressor
from tests.training.reconstruction.people_world import FindsSomebody
from training.datasets.ccp import ClothingCoParsing
from training.datasets.pose2sim import JointView
from training.reconstruction.data import view_of
from training.reconstruction.drawing import project, projected_mask
from training.reconstruction.estimating import Estimator
from training.reconstruction.evaluate import EVALUATION, refuse_learned, rendered_people
from training.reconstruction.people_report import ALONE, DRESSED, FUSED, KNOWN, REFINED
from training.reconstruction.people_scores import Looks, PersonScore
from training.reconstruction.photo_scores import score_photo, street_photos
from training.reconstruction.report import tables
from training.reconstruction.stored_people import StoredPeople
from training.reconstruction.view_scores import ViewScore, score_view, view_report
from training.reconstruction.whole_way import WholeWay
from training.reporting.partial_results import PartialResults
from training.reporting.scoring import SampleSet, Scored

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def estimator(regressor_path: Path) -> Estimator:
    return Estimator.from_checkpoint(regressor_path, CPU)


def measure(samples: SampleSet[Any], estimator: Estimator) -> list[Scored]:
    results = PartialResults(None, samples.name)
    numbers = range(len(samples.samples))
    samples.measure(estimator, numbers, results, 4)
    return samples.scores(numbers, results)


@pytest.fixture(scope="module")
def dressed(
    body_path: Path,
    tiny_body: BodyPredictor,
    stored: StoredPeople,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("dressed")
    return write_regressor(folder, body_path, tiny_body, stored, "dressed")


@pytest.fixture(scope="module")
def people_set(test_people: Path, estimator: Estimator, dressed: Path) -> SampleSet[Any]:
    looks = Looks(dressed=Estimator.from_checkpoint(dressed, CPU))
    return rendered_people([test_people], estimator, looks)


@pytest.fixture(scope="module")
def scored(people_set: SampleSet[Any], estimator: Estimator) -> list[Scored]:
    return measure(people_set, estimator)


@pytest.fixture(scope="module")
def report(people_set: SampleSet[Any], scored: list[Scored]) -> dict[str, Any]:
    return people_set.report(scored)


def test_errors_are_those_of_the_served_result(
    scored: list[Scored], regressor_path: Path, test_people: Path, tiny_body: BodyPredictor
) -> None:
    person = StoredPeople.open([test_people])[3]
    predictor = ReconstructionPredictor.from_checkpoint(regressor_path)
    view = view_of(person, predictor.config)
    ((found,),) = predictor.predict_batch([ReconstructionItem((view,))])
    parameters = BodyParameters(person.betas, person.pose[1:], person.pose[0], person.transl)
    (true,) = tiny_body.predict_batch([parameters])
    score: PersonScore = scored[3].score
    joints = found.joints * [1, -1, -1]
    mpjpe = 0.0
    for ours, theirs in zip(joints - joints[0], true.joints - true.joints[0], strict=True):
        mpjpe += 1000 * np.sqrt(np.square(ours - theirs).sum()) / 24
    assert score.alone.pose.mpjpe == pytest.approx(mpjpe, rel=1e-3)
    rest, truth = (
        tiny_body.predict_batch([BodyParameters(b)])[0].vertices
        for b in (found.betas, person.betas)
    )
    apart = 1000 * np.sqrt(np.square(rest - truth).sum(1)).mean()
    assert score.alone.shape.pve_t == pytest.approx(apart, rel=1e-3)
    np.testing.assert_allclose(score.betas, found.betas, atol=1e-5)
    low = [one.low for one in found.measurements]
    np.testing.assert_allclose(score.intervals.low, low, rtol=1e-4)


def test_who_knows_the_height_has_the_height(scored: list[Scored]) -> None:
    for one in scored:
        assert one.score.known.shape.height < 1
        assert one.score.alone.shape.height > 1


def test_every_way_has_a_row_and_baselines_too(report: dict[str, Any]) -> None:
    rows = report["people"]
    assert {ALONE, KNOWN, FUSED, DRESSED, "mean body", "height and weight"} <= set(rows)
    assert REFINED not in rows  # was not asked for
    assert (report["people_pictures"], report["people_persons"]) == (8, 4)
    assert report["people_seeds"] == [8]
    mean = rows[ALONE]["mean"]
    assert all(np.isfinite([mean[name] for name in ("pve_t_sc", "pve", "mpjpe", "pa_mpjpe")]))
    assert mean["pa_mpjpe"] < mean["mpjpe"]
    assert np.isnan(rows["mean body"]["mean"]["mpjpe"])
    assert rows["mean body at the true height"]["mean"]["height"] == pytest.approx(0, abs=1e-6)


def test_refined_bodies_are_measured_where_that_is_asked_for(
    test_people: Path, estimator: Estimator
) -> None:
    samples = rendered_people([test_people], estimator, Looks(refine=True))
    item = samples.samples[2]
    (sight,) = samples.ask(estimator, [item])
    score: PersonScore = samples.score(item, sight)
    assert np.isfinite([*score.refined.shape, *score.refined.pose]).all()
    assert score.refined.pose != score.alone.pose
    assert np.isnan(score.dressed.shape.pve_t)


def test_means_and_standard_errors_are_over_pictures_and_people(
    report: dict[str, Any], scored: list[Scored]
) -> None:
    values = np.array([one.score.alone.shape.pve_t for one in scored])
    assert report["people"][ALONE]["mean"]["pve_t"] == pytest.approx(values.mean())
    of_people = values.reshape(4, 2).sum(1) - 2 * values.mean()
    expected = np.sqrt(4 / 3 * np.square(of_people).sum()) / 8
    assert report["people"][ALONE]["standard_error"]["pve_t"] == pytest.approx(expected)


def test_bins_hold_every_picture_once(report: dict[str, Any]) -> None:
    for name in ("by_looseness", "by_build"):
        assert sum(one["pictures"] for one in report[name].values()) == 8


def test_coverage_is_counted(
    report: dict[str, Any], scored: list[Scored], tiny_body: BodyPredictor
) -> None:
    inside = []
    for one in scored:
        (mesh,) = tiny_body.predict_batch([BodyParameters(one.score.true_betas.astype(np.float32))])
        height = np.ptp(mesh.vertices[:, 1])
        inside.append(one.score.intervals.low[0] <= height <= one.score.intervals.high[0])
    found = report["intervals"][ALONE]["all"]
    assert found["each"]["height"]["coverage"] == pytest.approx(np.mean(inside))
    assert 0 <= found["coverage"] <= 1
    # Known height and weight leave little to guess.
    known = report["intervals"][KNOWN]["all"]
    assert known["each"]["height"]["width"] < found["each"]["height"]["width"]


def test_photos_are_fused_as_the_service_fuses_them(
    report: dict[str, Any], test_people: Path, regressor_path: Path, tiny_body: BodyPredictor
) -> None:
    predictor = ReconstructionPredictor.from_checkpoint(regressor_path)
    stored, errors = StoredPeople.open([test_people]), []
    for first in range(0, 8, 2):
        people = [stored[first], stored[first + 1]]
        views = tuple(view_of(person, predictor.config) for person in people)
        ((found, _),) = predictor.predict_batch([ReconstructionItem(views, same_person=True)])
        shapes = [BodyParameters(b) for b in (found.betas, people[0].betas)]
        ours, theirs = (mesh.vertices for mesh in tiny_body.predict_batch(shapes))
        errors.append(1000 * np.linalg.norm(ours - theirs, axis=1).mean())
    assert report["people"][FUSED]["mean"]["pve_t"] == pytest.approx(np.mean(errors), rel=1e-3)


def test_tables_show_what_was_measured(report: dict[str, Any]) -> None:
    shown = tables({**report, "split": "test"})
    assert set(shown) == {"people", "by_looseness", "by_build", "intervals"}
    text = shown["people"].text()
    assert "2 photos fused" in text
    assert f"{report['people'][ALONE]['mean']['mpjpe']:.1f}" in text


def test_people_who_were_learned_from_are_refused(
    regressor_path: Path, test_people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_learned(regressor_path, [test_people])
    from training.reconstruction import evaluate

    monkeypatch.setattr(evaluate, "told_seeds", lambda _: {"8"})
    with pytest.raises(InvalidInputError, match="people of seed 8, whom"):
        refuse_learned(regressor_path, [test_people])


def test_a_regressor_of_another_body_is_refused(
    regressor_path: Path, repo_root: Path, tmp_path: Path
) -> None:
    path = tmp_path / "regressor.safetensors"
    path.write_bytes(regressor_path.read_bytes())
    with pytest.raises(CheckpointError, match="needs body_neutral"):
        Estimator.from_checkpoint(path, CPU)
    (tmp_path / "body_neutral.safetensors").symlink_to(
        repo_root / "checkpoints" / "body_neutral.safetensors"
    )
    with pytest.raises(CheckpointError, match="another body"):
        Estimator.from_checkpoint(path, CPU)


def standing(estimator: Estimator, depth: float = 3.0) -> Reconstruction:
    (found,) = WholeWay(FindsSomebody())(estimator, [np.full((80, 60, 3), 90, np.uint8)])  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_photo_without_anybody_covers_nothing(estimator: Estimator) -> None:
    whole_way = WholeWay(FindsSomebody())  # type: ignore[arg-type]
    assert whole_way(estimator, [np.zeros((80, 60, 3), np.uint8)]) == [None]
    labels = np.ones((80, 60), bool)
    score = score_photo(None, estimator.body.faces, labels, labels)
    assert (score.found, score.skin_covered, score.on_person) == (False, 0, 0)


def test_the_largest_person_is_taken(estimator: Estimator) -> None:
    (view,) = WholeWay(FindsSomebody()).views([np.full((80, 60, 3), 90, np.uint8)])  # type: ignore[arg-type]
    assert view is not None
    np.testing.assert_allclose(view.box, [18, 8, 42, 72])


def test_shares_are_of_the_projected_mesh(estimator: Estimator) -> None:
    body = standing(estimator)
    faces = estimator.body.faces
    pixels = project(body.vertices, body.focal_px, body.centre_px)
    mesh = projected_mask(pixels, faces, (80, 60))
    assert mesh.any()
    rows = np.arange(80)[:, None] < np.flatnonzero(mesh.any(1)).mean()
    everything = np.ones((80, 60), bool)
    score = score_photo(body, faces, mesh, everything)
    assert (score.skin_covered, score.on_person) == (1, 1)
    score = score_photo(body, faces, everything, mesh & rows)
    assert score.skin_covered == pytest.approx(mesh.mean())
    assert score.on_person == pytest.approx((mesh & rows).sum() / mesh.sum())
    assert np.isnan(score_photo(body, faces, ~everything, mesh).skin_covered)


@pytest.mark.parametrize(("heights", "rising"), [([1.5, 1.6], True), ([1.5, 1.5], False)])
def test_heights_must_rise_strictly(
    estimator: Estimator, heights: Sequence[float], rising: bool
) -> None:
    labels = np.ones((80, 60), bool)
    score = score_photo(None, estimator.body.faces, labels, labels, heights)
    assert score.taller_each_time is rising


def test_street_photos_are_of_both_held_out_splits_and_try_heights(
    ccp_folder: Path, estimator: Estimator
) -> None:
    dataset = ClothingCoParsing.open(ccp_folder)
    samples = street_photos(dataset, estimator, WholeWay(FindsSomebody()))  # type: ignore[arg-type]
    expected = sorted(dataset.numbers_of("validation") + dataset.numbers_of("test"))
    assert [samples.samples.key(n) for n in range(len(samples.samples))] == [
        f"ccp/{number:04d}" for number in expected
    ]
    scored = measure(samples, estimator)
    photos = samples.report(scored)["photos"]
    assert photos["photos"] == photos["found"] == photos["heights_tried"] == len(expected)
    assert photos["taller_each_time"] == len(expected)
    assert samples.worst_sheet(estimator, scored).size[0] > 0


def test_joints_are_compared_about_the_hips(estimator: Estimator, rng: np.random.Generator) -> None:
    body = standing(estimator)
    image = np.zeros((20, 20, 3), np.uint8)
    joints = np.full((33, 3), np.nan)
    for number, name in ((1, "left_hip"), (2, "right_hip"), (4, "left_knee"), (5, "right_knee")):
        joints[MEDIAPIPE_33_NAMES.index(name)] = body.joints[number]
    wrist = MEDIAPIPE_33_NAMES.index("left_wrist")
    joints[wrist] = body.joints[20] + [0, 0.05, 0]
    theirs = np.nan_to_num(joints) + 7.0
    score = score_view(JointView(image, joints, theirs), body)
    assert score.mpjpe == pytest.approx(10, rel=1e-3)  # 50 mm of one joint in five
    assert score.mediapipe_mpjpe == pytest.approx(0, abs=1e-6)
    joints[MEDIAPIPE_33_NAMES.index("left_hip")] = np.nan
    assert np.isnan(score_view(JointView(image, joints, theirs), body).mpjpe)


def test_views_without_a_person_do_not_count() -> None:
    known, nobody = ViewScore(True, 100, 60, 120, 70), ViewScore(False, np.nan, np.nan, 10, 5)
    report = view_report([Scored(0, "a", known), Scored(1, "b", nobody)])["views"]
    assert (report["pictures"], report["found"], report["measured"]) == (2, 1, 1)
    assert (report["mpjpe"], report["mediapipe_mpjpe"]) == (100, 120)


def arguments(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    EVALUATION.configure(parser)
    return parser.parse_args([*map(str, words)], argparse.Namespace(what="reconstruction"))


def test_the_command_writes_the_record_and_the_card(
    regressor_path: Path,
    silhouette_path: Path,
    test_people: Path,
    ccp_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for path in (regressor_path, regressor_path.with_name("body_neutral.safetensors")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    checkpoint = tmp_path / regressor_path.name
    words = ("--checkpoint", checkpoint, "--people", test_people, "--ccp", ccp_folder, "--record")
    out = tmp_path / "out"
    given = arguments(*words, "--silhouette", silhouette_path, "--out", out, "--limit", 5)
    assert EVALUATION.run(given) == 0
    report = json.loads((out / "report.json").read_text())
    assert f"{report['people'][ALONE]['mean']['pve_t_sc']:.1f}" in capsys.readouterr().out
    card = checkpoint.with_suffix(".md").read_text()
    assert f"{report['people'][ALONE]['mean']['pve_t_sc']:.1f}" in card
    assert "Not measured." in card  # the calibrated views were not
    assert checkpoint.with_name(f"{checkpoint.stem}_worst.jpg").is_file()
    assert load_header(checkpoint).metrics["people"] == report["people"]
    assert (out / "people.csv").read_text().startswith("key,alone_shape_pve_t_sc")
    assert (out / "errors_by_looseness.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to measure on"),
        (("--ccp", "ccp", "--dressed", "file"), "--dressed is measured on --people only"),
        (("--ccp", "ccp", "--record"), "needs both --people and --ccp"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    regressor_path: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        EVALUATION.run(arguments("--checkpoint", regressor_path, *words))
