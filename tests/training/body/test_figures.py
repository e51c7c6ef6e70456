import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image

from model.body.metrics import max_error_mm, mean_error_mm
from model.body.predictor import BodyPredictor
from model.errors import AssetError, InvalidInputError
from training.__main__ import main
from training.body.drawing import draw_mesh
from training.body.figures import comparison_figure, read_vertices

# A tetrahedron with its faces counter-clockwise from outside.
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def _painted(vertices: np.ndarray, faces: np.ndarray, azimuth_deg: float) -> PolyCollection:
    axes = Figure().subplots()
    draw_mesh(axes, vertices, faces, azimuth_deg)
    (collection,) = axes.collections
    assert isinstance(collection, PolyCollection)
    return collection


def _triangles(vertices: np.ndarray, faces: np.ndarray, azimuth_deg: float) -> list[np.ndarray]:
    paths = _painted(vertices, faces, azimuth_deg).get_paths()
    return [np.asarray(path.vertices)[:3] for path in paths]


def test_only_the_side_that_faces_the_viewer_is_painted() -> None:
    # From the front the slanted face hides all; from behind only the one at z = 0 is seen.
    (front,) = _triangles(CORNERS, FACES, 0)
    assert {tuple(corner) for corner in front} == {(0, 0), (0, 1), (1, 0)}
    (back,) = _triangles(CORNERS, FACES, 180)
    np.testing.assert_allclose(back[:, 0].min(), -1)


def test_the_nearer_triangle_is_painted_last() -> None:
    far = np.array([[0.0, 5, -1], [1, 5, -1], [0, 6, -1]])
    near = np.array([[0.0, 0, 1], [1, 0, 1], [0, 1, 1]])
    for vertices in (np.concatenate([near, far]), np.concatenate([far, near])):
        first, last = _triangles(vertices, np.array([[0, 1, 2], [3, 4, 5]]), 0)
        assert first[:, 1].min() == 5
        assert last[:, 1].min() == 0


def test_a_viewer_on_the_person_s_left_sees_the_front_on_the_left() -> None:
    nose = np.array([[0.0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0.1, 0.1]])
    triangles = _triangles(nose, np.array([[0, 2, 3], [1, 3, 2], [0, 3, 1]]), 90)
    assert min(triangle[:, 0].min() for triangle in triangles) == pytest.approx(-1)


def test_what_faces_the_light_is_brighter() -> None:
    towards = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    # Turned about the upright so that it looks away to the right.
    aside = np.array([[0.0, 0, 0], [0.3, 0, -0.95], [0, 1, 0]])
    bright, dark = (
        np.asarray(_painted(vertices, np.array([[0, 1, 2]]), 0).get_facecolor())[0, :3]
        for vertices in (towards, aside)
    )
    assert (bright > 1.3 * dark).all()


def test_a_mesh_is_drawn_from_betas(tmp_path: Path, asset_path: Path) -> None:
    files = []
    for name, betas in (("mean", ["0"]), ("other", ["-2", "1.5"])):
        out = tmp_path / f"{name}.png"
        options = ["--out", str(out), "--asset", str(asset_path)]
        assert main(["figures", "body", "--betas", *betas, *options]) == 0
        with Image.open(out) as picture:
            files.append(np.asarray(picture.convert("L")))
    for drawn in files:
        assert min(drawn.shape) > 500
        assert (drawn < 200).mean() > 0.01
    assert files[0].shape != files[1].shape or (files[0] != files[1]).any()


def test_the_comparison_says_mean_and_largest_error() -> None:
    random = np.random.default_rng(0)
    predicted = CORNERS + 0.02 * random.normal(size=CORNERS.shape)
    figure = comparison_figure(FACES, predicted, CORNERS)
    title = figure.get_suptitle()
    assert f"mean {mean_error_mm(predicted, CORNERS):.1f} mm" in title
    assert f"max {max_error_mm(predicted, CORNERS):.1f} mm" in title
    with pytest.raises(InvalidInputError, match="topology"):
        comparison_figure(FACES, CORNERS[:3], CORNERS)
    with pytest.raises(InvalidInputError, match="triangles need 4"):
        comparison_figure(FACES, CORNERS[:3], CORNERS[:3])


def test_a_mesh_compared_with_itself_is_drawn(tmp_path: Path) -> None:
    comparison_figure(FACES, CORNERS, CORNERS).savefig(tmp_path / "same.png")
    assert (tmp_path / "same.png").stat().st_size > 1000


def test_every_form_of_file_gives_the_same_vertices(tmp_path: Path, body: BodyPredictor) -> None:
    betas = np.array([1.0, -2.0, 0.5])
    files = {
        "list.json": json.dumps(betas.tolist()).encode(),
        "object.json": json.dumps({"betas": betas.tolist(), "other": 1}).encode(),
        "gt0000.pkl": pickle.dumps({"shape": betas, "poses": np.zeros((1, 72))}, 2),
        "betas.pkl": pickle.dumps({"betas": betas[None]}, 4),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    np.save(tmp_path / "betas.npy", betas)
    expected = read_vertices(tmp_path / "betas.npy", body)
    np.save(tmp_path / "vertices.npy", expected)
    for name in (*files, "vertices.npy"):
        np.testing.assert_allclose(read_vertices(tmp_path / name, body), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.json", b"{", InvalidInputError),
        ("a.json", b'{"shape": [1]}', InvalidInputError),
        ("a.json", b"3", InvalidInputError),
        ("a.npy", b"no array", InvalidInputError),
        ("a.obj", b"v 0 0 0", InvalidInputError),
        ("a.pkl", pickle.dumps({"poses": 1}), InvalidInputError),
        ("a.pkl", pickle.dumps({"shape": "tall"}), AssetError),
        ("a.pkl", pickle.dumps(print), AssetError),
    ],
)
def test_what_holds_no_body_is_said(
    tmp_path: Path, body: BodyPredictor, name: str, content: bytes, error: type[Exception]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name.replace(".", r"\.")):
        read_vertices(tmp_path / name, body)


@pytest.mark.parametrize("scale", [1000, 0.01])
def test_vertices_in_another_unit_than_metres_are_refused(
    tmp_path: Path, body: BodyPredictor, scale: float
) -> None:
    np.save(tmp_path / "truth.npy", scale * CORNERS)
    with pytest.raises(InvalidInputError, match=r"0\.1 to 10 m .* expected in metres"):
        read_vertices(tmp_path / "truth.npy", body)


def test_a_prediction_without_truth_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--predicted", "p.json"], ["--betas", "1", "--truth", "t.json"], []):
        with pytest.raises(SystemExit) as exit:
            main(["figures", "body", *options])
        assert exit.value.code == 2
    assert "--predicted" in capsys.readouterr().err


def test_the_betas_of_shader_are_never_drawn_with_a_body_that_is_assumed(
    tmp_path: Path, asset_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, predicted = tmp_path / "gt0000.pkl", tmp_path / "predicted.json"
    truth.write_bytes(pickle.dumps({"shape": np.zeros(10)}, 2))
    predicted.write_text("[1.0]")
    files = ["--predicted", str(predicted), "--truth", str(truth)]
    command = ["figures", "body", *files, "--out", str(tmp_path / "body.png")]
    with pytest.raises(SystemExit) as exit:
        main(command)
    assert exit.value.code == 2
    assert "give its asset with --asset" in capsys.readouterr().err
    assert main([*command, "--asset", str(asset_path)]) == 0
