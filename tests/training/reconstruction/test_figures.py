import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from model.body.predictor import BodyPredictor
from model.reconstruction.predictor import ReconstructionItem
from model.silhouette.predictor import SilhouetteConfidence
from tests.training.reconstruction.people_world import FindsSomebody, write_people
from training.datasets.shader import iter_subjects, read_pair
from training.datasets.shader_truth import read_truth
from training.reconstruction import figures
from training.reconstruction.estimating import Estimator
from training.reconstruction.figures import bodies_figure, find_betas, key_of
from training.reconstruction.preparing import list_pictures
from training.reconstruction.whole_way import WholeWay


@pytest.fixture(scope="module")
def estimator(regressor_path: Path) -> Estimator:
    return Estimator.from_checkpoint(regressor_path, torch.device("cpu"))


def test_betas_are_those_of_the_service_and_found_once(
    people_folder: Path, estimator: Estimator, tmp_path: Path
) -> None:
    pictures = list_pictures([people_folder])
    whole_way = WholeWay(FindsSomebody())  # type: ignore[arg-type]
    found = find_betas(pictures, estimator, whole_way, tmp_path, 5)
    assert set(found) == {key_of(picture) for picture in pictures}
    chosen = pictures[3]
    dressed, _ = read_pair(chosen.subject.folder, chosen.frame)
    (view,) = whole_way.views([np.ascontiguousarray(dressed[..., :3])])
    assert view is not None
    assert estimator.served is not None
    ((expected,),) = estimator.served.predict_batch([ReconstructionItem((view,))])
    np.testing.assert_allclose(found[key_of(chosen)], expected.betas, atol=1e-5)

    class Nobody(FindsSomebody):
        def predict_batch(self, images: object) -> list[SilhouetteConfidence]:
            raise AssertionError("is not asked again")

    again = find_betas(pictures, estimator, WholeWay(Nobody()), tmp_path, 5)  # type: ignore[arg-type]
    assert set(again) == set(found)


def test_the_figure_shows_photo_and_bodies(
    people_folder: Path, estimator: Estimator, tiny_body: BodyPredictor, tmp_path: Path
) -> None:
    subject = next(iter_subjects(people_folder))
    dressed, _ = read_pair(subject.folder, 0)
    whole_way = WholeWay(FindsSomebody())  # type: ignore[arg-type]
    image = np.ascontiguousarray(dressed[..., :3])
    (view,), (body,) = whole_way.views([image]), whole_way(estimator, [image])
    assert view is not None
    assert body is not None
    figure = bodies_figure(view, body, read_truth(subject).betas, tiny_body)
    titles = [axes.get_title() for axes in figure.axes]
    for title in ("photo", "weighted by the map", "ground truth", "predicted"):
        assert title in titles
    figure.savefig(tmp_path / "figure.png")


def test_the_command_writes_tables_and_figures(
    tiny_body: BodyPredictor,
    regressor_path: Path,
    silhouette_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = argparse.ArgumentParser()
    figures.configure(parser)
    people = write_people(tmp_path / "people", tiny_body, 3, 1)
    words = ("--data", people, "--checkpoint", regressor_path, "--out", tmp_path / "out")
    more = ("--silhouette", silhouette_path, "--figures", 1)
    assert figures.run(parser.parse_args([*map(str, (*words, *more))])) == 0
    results = pd.read_csv(tmp_path / "out" / "results.csv", dtype={"subject": str})
    summary = pd.read_csv(tmp_path / "out" / "results_batch_summary.csv")
    assert len(results) == 3
    assert set(summary.batch) == {"femaleBatch001", "maleBatch001"}
    male = results[results.batch == "maleBatch001"]
    row = summary[summary.batch == "maleBatch001"].iloc[0]
    assert row.mean_vertex_error_mm_mean == pytest.approx(
        male.mean_vertex_error_mm.mean(), abs=1e-3
    )
    assert (tmp_path / "out" / "bodies-00.png").is_file()
    assert "femaleBatch001" in capsys.readouterr().out
