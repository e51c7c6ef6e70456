import io
import json
import struct
import zipfile

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from app.codecs import encoding
from app.codecs.faces import Topology
from app.codecs.media_types import GLB, JSON, NPZ, OBJ, PLY
from app.codecs.meshes import ENCODERS, WITHOUT_FACES, Surface
from app.schemas.body import BetasUse
from model.body.predictor import BodyMesh

NAMES = ("pelvis", "left_hip", "head")


def surface_of(mesh: trimesh.Trimesh, with_faces: bool = True) -> Surface:
    vertices = np.asarray(mesh.vertices, np.float32)
    body = BodyMesh(vertices, np.arange(72, dtype=np.float32).reshape(24, 3), num_betas=10)
    topology = Topology(np.asarray(mesh.faces, np.int32), len(vertices), NAMES)
    return Surface(body, topology, BetasUse.of(10, 10), with_faces)


@pytest.fixture(scope="module")
def lumpy() -> trimesh.Trimesh:
    """Long and short edges, sharp and flat corners, faces of very different sizes."""
    mesh = trimesh.creation.capsule(height=1.4, radius=0.15, count=[12, 10])
    mesh.vertices += np.random.default_rng(0).normal(0, 0.01, mesh.vertices.shape)
    return trimesh.Trimesh(mesh.vertices.astype(np.float32), mesh.faces, process=False)


def unpack_glb(data: bytes) -> tuple[dict[str, object], bytes]:
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    json_length, json_kind = struct.unpack_from("<I4s", data, 12)
    assert json_kind == b"JSON"
    start = 20 + json_length
    binary_length, binary_kind = struct.unpack_from("<I4s", data, start)
    assert binary_kind == b"BIN\0"
    assert json_length % 4 == binary_length % 4 == 0
    assert start + 8 + binary_length == len(data)
    return json.loads(data[20:start]), data[start + 8 :]


@pytest.mark.parametrize("num_extra", [0, 70_000])
def test_a_glb_keeps_the_rules_of_gltf(lumpy: trimesh.Trimesh, num_extra: int) -> None:
    vertices = np.vstack([lumpy.vertices, np.full((num_extra, 3), 0.1)])
    mesh = trimesh.Trimesh(vertices, lumpy.faces[:-1], process=False)
    document, binary = unpack_glb(ENCODERS[GLB](surface_of(mesh)))
    assert document["asset"]["version"] == "2.0"  # type: ignore[index]
    views, accessors = document["bufferViews"], document["accessors"]
    assert document["buffers"] == [{"byteLength": len(binary)}]
    primitive = document["meshes"][0]["primitives"][0]  # type: ignore[index]
    names = {**primitive["attributes"], "indices": primitive["indices"]}
    assert names.keys() == {"POSITION", "NORMAL", "indices"}
    arrays = {}
    for name, number in names.items():
        accessor = accessors[number]  # type: ignore[index]
        view = views[accessor["bufferView"]]  # type: ignore[index]
        dtype = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[accessor["componentType"]]
        width = {"VEC3": 3, "SCALAR": 1}[accessor["type"]]
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] + view["byteLength"] <= len(binary)
        assert view["byteLength"] == accessor["count"] * width * np.dtype(dtype).itemsize
        arrays[name] = np.frombuffer(
            binary, dtype, accessor["count"] * width, view["byteOffset"]
        ).reshape(-1, width)
        if name == "POSITION":
            np.testing.assert_array_equal(np.float32(accessor["min"]), arrays[name].min(axis=0))
            np.testing.assert_array_equal(np.float32(accessor["max"]), arrays[name].max(axis=0))
    np.testing.assert_array_equal(arrays["POSITION"], np.float32(vertices))
    np.testing.assert_array_equal(arrays["indices"].reshape(-1, 3), mesh.faces)
    np.testing.assert_allclose(np.linalg.norm(arrays["NORMAL"], axis=1), 1, atol=1e-6)
    used = np.unique(mesh.faces)
    np.testing.assert_allclose(arrays["NORMAL"][used], mesh.vertex_normals[used], atol=1e-4)


@pytest.mark.parametrize(
    ("media_type", "file_type"),
    [(GLB, "glb"), (PLY, "ply"), (OBJ, "obj")],
)
def test_trimesh_reads_the_surface_back(
    lumpy: trimesh.Trimesh, media_type: str, file_type: str
) -> None:
    data = ENCODERS[media_type](surface_of(lumpy))
    read = trimesh.load_mesh(io.BytesIO(data), file_type=file_type, process=False)
    np.testing.assert_allclose(read.vertices, lumpy.vertices, atol=1e-7)
    np.testing.assert_array_equal(read.faces, lumpy.faces)


def test_a_ply_is_read_by_its_own_header(lumpy: trimesh.Trimesh) -> None:
    data = ENCODERS[PLY](surface_of(lumpy))
    header, _, body = data.partition(b"end_header\n")
    assert f"element vertex {len(lumpy.vertices)}\n".encode() in header
    assert f"element face {len(lumpy.faces)}\n".encode() in header
    size = len(lumpy.vertices) * 6 * 4
    assert len(body) == size + len(lumpy.faces) * (1 + 3 * 4)
    rows = np.frombuffer(body[:size], "<f4").reshape(-1, 6)
    np.testing.assert_allclose(rows[:, 3:], lumpy.vertex_normals, atol=1e-4)


def test_an_obj_has_the_normals_too(lumpy: trimesh.Trimesh) -> None:
    lines = ENCODERS[OBJ](surface_of(lumpy)).decode().splitlines()
    normals = [[float(x) for x in line.split()[1:]] for line in lines if line.startswith("vn ")]
    np.testing.assert_allclose(normals, lumpy.vertex_normals, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.floats(1e-3, 1e12))
def test_normals_are_those_of_trimesh_at_any_size(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    mesh = trimesh.creation.icosphere(subdivisions=2)
    points = mesh.vertices + random.normal(0, 0.05, mesh.vertices.shape)
    expected = trimesh.Trimesh(points, mesh.faces, process=False).vertex_normals
    topology = Topology(np.asarray(mesh.faces, np.int32), len(points), NAMES)
    normals = topology.vertex_normals((points * scale).astype(np.float32))
    assert normals.dtype == np.float32
    np.testing.assert_allclose(normals, expected, atol=1e-4)


def test_a_vertex_without_area_has_a_normal_all_the_same() -> None:
    flat = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]], np.float32)
    topology = Topology(np.array([[0, 1, 2]], np.int32), 4, NAMES)
    np.testing.assert_array_equal(topology.vertex_normals(flat), [[0, 1, 0]] * 4)
    np.testing.assert_array_equal(topology.vertex_normals(flat * 0), [[0, 1, 0]] * 4)


def test_numpy_reads_an_npz_and_zip_finds_no_fault_in_it(lumpy: trimesh.Trimesh) -> None:
    data = ENCODERS[NPZ](surface_of(lumpy))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        assert set(arrays) == {"vertices", "faces", "joints", "joint_names"}
        np.testing.assert_array_equal(arrays["vertices"], np.float32(lumpy.vertices))
        np.testing.assert_array_equal(arrays["faces"], lumpy.faces)
        assert arrays["joints"].shape == (24, 3)
        assert tuple(arrays["joint_names"]) == NAMES


@pytest.mark.parametrize("media_type", WITHOUT_FACES)
def test_without_faces_everything_else_stays(lumpy: trimesh.Trimesh, media_type: str) -> None:
    def read(data: bytes) -> dict[str, object]:
        if media_type == JSON:
            loaded: dict[str, object] = json.loads(data)
            return loaded
        with np.load(io.BytesIO(data)) as arrays:
            return {name: arrays[name].tolist() for name in arrays}

    whole = read(ENCODERS[media_type](surface_of(lumpy)))
    short = read(ENCODERS[media_type](surface_of(lumpy, with_faces=False)))
    assert whole.pop("faces") == lumpy.faces.tolist()
    assert whole == short


@pytest.mark.parametrize("media_type", [m for m in ENCODERS if m != NPZ])
def test_vertices_may_lie_in_memory_in_any_order(lumpy: trimesh.Trimesh, media_type: str) -> None:
    straight = surface_of(lumpy)
    turned = np.asfortranarray(straight.mesh.vertices)
    mesh = BodyMesh(turned, np.asfortranarray(straight.mesh.joints), num_betas=10)
    other = Surface(mesh, straight.topology, straight.betas)
    assert ENCODERS[media_type](other) == ENCODERS[media_type](straight)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.zeros((0, 3)),
        np.array(["pelvis", "head"]),
        np.array(1.5),
    ],
)
def test_numpy_reads_an_npy(array: np.ndarray) -> None:
    read = np.load(io.BytesIO(encoding.npy(array)), allow_pickle=False)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
