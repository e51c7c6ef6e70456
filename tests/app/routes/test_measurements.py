from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from app.capabilities import Predictors
from model.body.asset import SmplAsset
from model.body.measurements import MEASUREMENTS
from model.body.predictor import BodyParameters, BodyPredictor
from model.body.smpl import Smpl
from model.skeletons import SMPL_24_PARENTS


def ask(client: httpx.Client, body: object) -> dict[str, dict[str, object]]:
    response = client.post("/measurements", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, dict[str, object]] = response.json()
    return answer


def values(answer: dict[str, dict[str, object]]) -> list[float]:
    return [row["value"] for row in answer["measurements"].values()]  # type: ignore[index]


def test_betas_are_measured_as_the_tape_measures_them(
    client: httpx.Client, tiny_body: BodyPredictor
) -> None:
    answer = ask(client, {"betas": [2, -1]})
    body = tiny_body.predict_batch([BodyParameters(np.array([2, -1], np.float32))])[0]
    expected = tiny_body.tape.measure(body.vertices[None])[0]
    np.testing.assert_allclose(values(answer), expected, rtol=1e-4)
    assert answer["betas"] == {"num_betas": 10, "num_betas_ignored": 0, "num_betas_padded": 8}
    assert list(answer["measurements"]) == [row.name for row in MEASUREMENTS]
    bust, volume = (answer["measurements"][name] for name in ("bust_girth", "volume"))
    assert isinstance(bust, dict)
    assert isinstance(volume, dict)
    assert (bust["unit"], bust["iso_8559_1"]) == ("metre", "5.3.4")
    assert (volume["unit"], volume["iso_8559_1"]) == ("cubic metre", None)


def test_vertices_have_the_measurements_of_their_betas(
    start: Callable[..., httpx.Client], repo_root: Path
) -> None:
    body = BodyPredictor.from_checkpoint(repo_root / "checkpoints" / "body_neutral.safetensors")
    client = start(Predictors(body=body))
    mesh = body.predict_batch([BodyParameters(np.array([1, -1], np.float32))])[0]
    by_vertices = ask(client, {"vertices": mesh.vertices.tolist()})
    by_betas = ask(client, {"betas": [1, -1]})
    assert by_vertices["betas"] is None
    np.testing.assert_allclose(values(by_vertices), values(by_betas), rtol=1e-4)


def test_a_taller_body_is_measured_as_taller(client: httpx.Client) -> None:
    heights = [values(ask(client, {"betas": [beta]}))[0] for beta in (-1, 0, 1)]
    assert heights == sorted(heights)
    assert heights[2] - heights[0] > 0.1


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1000.0), ("cm", 100.0)])
def test_vertices_in_another_unit_are_refused(
    client: httpx.Client, tiny_body: BodyPredictor, unit: str, factor: float
) -> None:
    vertices = factor * tiny_body.smpl.v_template.double().numpy()
    response = client.post("/measurements", json={"vertices": vertices.tolist()})
    assert response.status_code == 422, unit
    assert "expected in metres" in response.json()["detail"]


def test_vertices_in_another_pose_are_refused(
    client: httpx.Client, tiny_body: BodyPredictor
) -> None:
    turned = np.array([0, 1.5, 0], np.float32)
    mesh = tiny_body.predict_batch([BodyParameters(np.zeros(1, np.float32), global_orient=turned)])
    response = client.post("/measurements", json={"vertices": mesh[0].vertices.tolist()})
    assert response.status_code == 422
    assert "not in the T-pose" in response.json()["detail"]


def test_an_asset_that_cannot_be_measured_says_so(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> None:
    smpl = tiny_body.smpl
    headless = SmplAsset(
        v_template=smpl.v_template,
        shapedirs=smpl.shapedirs,
        posedirs=smpl.posedirs,
        J_regressor=smpl.J_regressor,
        parents=torch.tensor(SMPL_24_PARENTS),
        lbs_weights=torch.full_like(smpl.lbs_weights, 1 / 24),
        faces=smpl.faces,
    )
    client = start(Predictors(body=BodyPredictor(Smpl(headless))))
    assert client.post("/mesh?faces=false", json={"betas": [0]}).status_code == 200
    response = client.post("/measurements", json={"betas": [0]})
    assert response.status_code == 503
    assert "the body has no vertices at its head" in response.json()["detail"]
