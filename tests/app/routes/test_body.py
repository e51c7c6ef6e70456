import io

import httpx
import numpy as np
import pytest
import trimesh

from app.capabilities import Predictors
from app.codecs.faces import Topology
from app.codecs.rigged_mesh import rigged_glb
from app.schemas.body import MeshRequest
from model.body.predictor import BodyParameters, BodyPredictor

REQUEST = {
    "betas": [2, -1],
    "body_pose": [[0.1, 0, 0]] * 23,
    "global_orient": [0, 0.3, 0],
    "transl": [0, 0.9, 0.2],
}


def ask(client: httpx.Client, accept: str, body: object = REQUEST) -> httpx.Response:
    response = client.post("/mesh", json=body, headers={"accept": accept})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == accept
    return response


@pytest.fixture(scope="module")
def truth(tiny_body: BodyPredictor) -> np.ndarray:
    parameters = BodyParameters(
        betas=np.array([2, -1], np.float32),
        body_pose=np.full((23, 3), [0.1, 0, 0], np.float32),
        global_orient=np.array([0, 0.3, 0], np.float32),
        transl=np.array([0, 0.9, 0.2], np.float32),
    )
    return tiny_body.predict_batch([parameters])[0].vertices


def test_json_says_what_the_predictor_says(
    client: httpx.Client, tiny_body: BodyPredictor, truth: np.ndarray
) -> None:
    answer = ask(client, "application/json").json()
    np.testing.assert_allclose(np.array(answer["vertices"], np.float32), truth, atol=1e-6)
    np.testing.assert_array_equal(answer["faces"], tiny_body.faces)
    assert np.shape(answer["joints"]) == (24, 3)
    assert answer["joint_names"] == list(tiny_body.joint_names)
    assert answer["units"] == {"length": "metre", "up": "y"}
    assert (answer["num_betas"], answer["num_betas_ignored"]) == (10, 0)


def test_npz_holds_the_arrays_of_the_json(client: httpx.Client) -> None:
    answer = ask(client, "application/json").json()
    with np.load(io.BytesIO(ask(client, "application/x-npz").content)) as arrays:
        assert set(arrays) == {"vertices", "faces", "joints", "joint_names"}
        for name in arrays:
            expected = np.array(answer[name])
            assert arrays[name].tolist() == expected.astype(arrays[name].dtype).tolist()


@pytest.mark.parametrize(
    ("accept", "file_type"),
    [("model/gltf-binary", "glb"), ("model/obj", "obj"), ("model/ply", "ply")],
)
def test_mesh_files_hold_the_same_surface(
    client: httpx.Client, tiny_body: BodyPredictor, truth: np.ndarray, accept: str, file_type: str
) -> None:
    data = ask(client, accept).content
    mesh = trimesh.load_mesh(io.BytesIO(data), file_type=file_type, process=False)
    np.testing.assert_allclose(mesh.vertices, truth, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, tiny_body.faces)


def test_a_glb_is_lit_smoothly_and_not_as_metal(client: httpx.Client) -> None:
    data = ask(client, "model/gltf-binary").content
    assert data[:4] == b"glTF"
    assert b'"NORMAL"' in data
    assert b'"metallicFactor":0.0' in data
    assert b'"body"' in data


def test_an_obj_refers_to_no_other_file(client: httpx.Client) -> None:
    assert b"mtllib" not in ask(client, "model/obj").content


def test_faces_are_left_out_where_they_are_not_wanted(client: httpx.Client) -> None:
    whole = ask(client, "application/json").json()
    for value in ("false", "0"):
        short = client.post(f"/mesh?faces={value}", json=REQUEST).json()
        assert "faces" not in short
        assert short == {name: field for name, field in whole.items() if name != "faces"}
    npz = client.post(
        "/mesh?faces=false", json=REQUEST, headers={"accept": "model/ply, application/x-npz;q=0.1"}
    )
    with np.load(io.BytesIO(npz.content)) as arrays:
        assert set(arrays) == {"vertices", "joints", "joint_names"}
    assert client.post("/mesh?faces=true", json=REQUEST).json() == whole


def test_a_file_of_triangles_cannot_leave_them_out(client: httpx.Client) -> None:
    for accept in ("model/gltf-binary", "model/obj", "model/ply"):
        response = client.post("/mesh?faces=false", json=REQUEST, headers={"accept": accept})
        assert response.status_code == 406
        assert "application/json, application/x-npz" in response.json()["detail"]
    response = client.post("/mesh?faces=perhaps", json=REQUEST)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/faces"


def test_a_rigged_mesh_is_the_body_at_rest_with_the_pose_in_its_joints(
    client: httpx.Client, tiny_body: BodyPredictor
) -> None:
    answer = client.post("/mesh?rig=true", json=REQUEST)
    assert answer.headers["content-type"] == "model/gltf-binary"
    assert answer.headers["x-betas-padded"] == "8"
    parameters = MeshRequest.model_validate(REQUEST).parameters()
    t_pose = tiny_body.predict_batch([BodyParameters(parameters.betas)])[0]
    rig = Predictors(body=tiny_body).rig
    assert answer.content == rigged_glb(t_pose, rig, parameters)
    for query in ("rig=true&format=glb", "rig=1"):
        assert client.post(f"/mesh?{query}", json=REQUEST).content == answer.content
    accepting = {"accept": "model/obj, model/gltf-binary;q=0.1"}
    again = client.post("/mesh?rig=true", json=REQUEST, headers=accepting)
    assert again.content == answer.content
    plain = client.post("/mesh?rig=false", json=REQUEST)
    assert plain.json() == client.post("/mesh", json=REQUEST).json()


def test_a_rig_is_given_as_glb_only_and_with_its_triangles(client: httpx.Client) -> None:
    for accept in ("application/json", "model/obj", "application/x-npz"):
        response = client.post("/mesh?rig=true", json=REQUEST, headers={"accept": accept})
        assert response.status_code == 406
        assert "gives model/gltf-binary (?format=glb)" in response.json()["detail"]
    assert client.post("/mesh?rig=true&format=ply", json=REQUEST).status_code == 406
    for query, field in (("rig=true&faces=false", "#/faces"), ("rig=perhaps", "#/rig")):
        response = client.post(f"/mesh?{query}", json=REQUEST)
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == field


def test_a_rig_of_numbers_that_are_too_large_is_no_fault_of_the_server(
    client: httpx.Client,
) -> None:
    far = [1e6] * 3
    wild = {"betas": far, "body_pose": [far] * 23, "global_orient": far, "transl": far}
    assert client.post("/mesh?rig=true", json=wild).status_code in (200, 422)


def test_the_faces_alone_are_those_of_every_mesh(
    client: httpx.Client, tiny_body: BodyPredictor
) -> None:
    answer = client.get("/mesh/faces")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["faces"] == ask(client, "application/json").json()["faces"]
    assert answer.json()["num_vertices"] == len(tiny_body.part_labels)
    npy = client.get("/mesh/faces", headers={"accept": "application/x-npy"})
    faces = np.load(io.BytesIO(npy.content))
    assert faces.dtype == np.int32
    np.testing.assert_array_equal(faces, tiny_body.faces)


def test_faces_that_a_client_has_are_not_sent_again(client: httpx.Client) -> None:
    tags = {}
    for accept in ("application/json", "application/x-npy"):
        first = client.get("/mesh/faces", headers={"accept": accept})
        tags[accept] = first.headers["etag"]
        assert not tags[accept].startswith("W/")
        again = client.get("/mesh/faces", headers={"accept": accept, "if-none-match": tags[accept]})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary"):
            assert again.headers[name] == first.headers[name]
    # The tag of one format does not stand for the other.
    assert tags["application/json"] != tags["application/x-npy"]
    other = client.get("/mesh/faces", headers={"if-none-match": tags["application/x-npy"]})
    assert other.status_code == 200
    assert other.json()["faces"]


def test_other_faces_have_another_tag() -> None:
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    digests = {
        Topology(faces, 4, ()).digest,
        Topology(faces[::-1].copy(), 4, ()).digest,
        Topology(faces, 5, ()).digest,
    }
    assert len(digests) == 3
    assert Topology(faces.copy(), 4, ()).digest in digests


MEDIA_TYPES = ("application/json", "model/gltf-binary", "application/x-npz")


@pytest.mark.parametrize("accept", MEDIA_TYPES)
@pytest.mark.parametrize("num_given", [1, 2, 10, 11, 300])
def test_betas_are_padded_or_cut_to_the_asset_and_every_answer_says_how_many(
    client: httpx.Client, accept: str, num_given: int
) -> None:
    # The asset has ten.
    betas = [1.5, -1, *[0.1] * 298][:num_given]
    fitted = (betas + [0] * 9)[:10]
    answer = ask(client, accept, {"betas": betas})
    expected = ask(client, accept, {"betas": fitted})
    num_ignored, num_padded = max(0, num_given - 10), max(0, 10 - num_given)
    assert answer.headers["x-betas-ignored"] == str(num_ignored)
    assert answer.headers["x-betas-padded"] == str(num_padded)
    if accept == "application/json":
        said = answer.json()
        assert (said["num_betas_ignored"], said["num_betas_padded"]) == (num_ignored, num_padded)
        assert said["vertices"] == expected.json()["vertices"]
    else:
        assert answer.content == expected.content


def test_the_comparison_of_meshes_says_what_became_of_the_betas(client: httpx.Client) -> None:
    errors = compare(client, {"betas": [1] * 16}, {"betas": [1] * 3})
    assert errors["predicted_betas"] == {
        "num_betas": 10,
        "num_betas_ignored": 6,
        "num_betas_padded": 0,
    }
    assert errors["ground_truth_betas"] == {
        "num_betas": 10,
        "num_betas_ignored": 0,
        "num_betas_padded": 7,
    }


def compare(client: httpx.Client, predicted: object, ground_truth: object) -> dict[str, object]:
    pair = {"predicted": predicted, "ground_truth": ground_truth}
    response = client.post("/mesh/errors", json=pair)
    assert response.status_code == 200, response.text
    errors: dict[str, object] = response.json()
    return errors


def test_a_mesh_is_no_distance_from_itself(client: httpx.Client) -> None:
    errors = compare(client, REQUEST, REQUEST)
    assert errors["mean_error_mm"] == errors["max_error_mm"] == errors["hausdorff_mm"] == 0
    assert errors["pve_t_sc_mm"] == pytest.approx(0, abs=1e-9)


def test_a_moved_mesh_is_as_far_as_it_was_moved(
    client: httpx.Client, tiny_body: BodyPredictor
) -> None:
    errors = compare(client, {"betas": [1], "transl": [0, 0.003, 0.004]}, {"betas": [1]})
    assert errors["mean_error_mm"] == pytest.approx(5, abs=1e-3)
    assert errors["max_error_mm"] == pytest.approx(5, abs=1e-3)
    assert errors["pve_t_sc_mm"] == pytest.approx(0, abs=1e-3)
    assert errors["num_vertices"] == len(tiny_body.part_labels)
    parts = errors["part_mean_error_mm"]
    assert isinstance(parts, dict)
    assert parts.keys() <= set(tiny_body.part_names)
    assert list(parts.values()) == pytest.approx([5] * len(parts), abs=1e-3)


def test_the_t_pose_error_sees_the_shape_and_not_the_pose(client: httpx.Client) -> None:
    posed = compare(client, {"betas": [0, 2], "body_pose": [[0.5, 0, 0]] * 23}, {"betas": [0]})
    unposed = compare(client, {"betas": [0, 2]}, {"betas": [0]})
    assert posed["pve_t_sc_mm"] == pytest.approx(unposed["pve_t_sc_mm"], rel=1e-5)
    assert posed["mean_error_mm"] != unposed["mean_error_mm"]


def test_betas_vertices_and_files_of_the_same_meshes_have_the_same_errors(
    client: httpx.Client, tiny_body: BodyPredictor
) -> None:
    betas = [np.array(values, np.float32) for values in ([2, -1], [1])]
    meshes = [tiny_body.predict_batch([BodyParameters(b)])[0].vertices for b in betas]
    by_betas = compare(client, {"betas": [2, -1]}, {"betas": [1]})
    by_vertices = compare(
        client, {"vertices": meshes[0].tolist()}, {"vertices": meshes[1].tolist()}
    )
    files = {}
    for name, mesh in zip(("predicted", "ground_truth"), meshes, strict=True):
        buffer = io.BytesIO()
        np.save(buffer, np.asfortranarray(mesh) if name == "predicted" else mesh)
        files[name] = buffer.getvalue()
    by_files = client.post("/mesh/errors", files=files).json()
    assert by_files == by_vertices
    assert by_vertices["pve_t_sc_mm"] is None
    of_betas_only = ("pve_t_sc_mm", "predicted_betas", "ground_truth_betas")
    by_betas, by_vertices = (
        {name: value for name, value in errors.items() if name not in of_betas_only}
        for errors in (by_betas, by_vertices)
    )
    parts = by_betas.pop("part_mean_error_mm"), by_vertices.pop("part_mean_error_mm")
    # Bodies that are made in one batch may be rounded otherwise.
    assert parts[0] == pytest.approx(parts[1], rel=1e-4, abs=1e-3)
    assert by_betas == pytest.approx(by_vertices, rel=1e-4)


def test_meshes_of_another_topology_have_no_body_parts(client: httpx.Client) -> None:
    errors = compare(
        client,
        {"vertices": [[0, 0, 0], [0, 1.7, 0]]},
        {"vertices": [[0, 1.8, 0], [0, 0, 0]]},
    )
    assert errors["part_mean_error_mm"] is None
    assert errors["mean_error_mm"] == pytest.approx(1750)
    assert errors["max_error_mm"] == pytest.approx(1800)
    assert errors["hausdorff_mm"] == pytest.approx(100)
