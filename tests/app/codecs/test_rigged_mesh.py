import io
import json
import shutil
import struct
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from app.capabilities import Predictors
from app.codecs.faces import Topology
from app.codecs.rigged_mesh import Rig, rigged_glb
from model.body.asset import load_asset
from model.body.predictor import BodyMesh, BodyParameters, BodyPredictor
from model.body.smpl import Smpl
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS

DTYPES = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
SHAPES = {"SCALAR": (), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}
MEAN = BodyParameters(np.zeros(10, np.float32))


def somebody(seed: int) -> BodyParameters:
    """Any shape, bent at every joint, turned and moved."""
    random = np.random.default_rng(seed)
    return BodyParameters(
        betas=random.normal(size=10).astype(np.float32),
        body_pose=random.normal(0, 0.4, (23, 3)).astype(np.float32),
        global_orient=random.normal(0, 1, 3).astype(np.float32),
        transl=random.normal(0, 1, 3).astype(np.float32),
    )


@dataclass(frozen=True)
class File:
    """A GLB, read by the letter of the specification."""

    document: dict[str, Any]
    binary: bytes

    @classmethod
    def of(cls, data: bytes) -> "File":
        json_length = struct.unpack_from("<I", data, 12)[0]
        start = 20 + json_length
        head = struct.unpack_from("<4sII", data) + struct.unpack_from("<I4s", data, start)
        assert head == (b"glTF", 2, len(data), len(data) - start - 8, b"BIN\0")
        return cls(json.loads(data[20:start]), data[start + 8 :])

    def array(self, number: int) -> np.ndarray:
        accessor = self.document["accessors"][number]
        view = self.document["bufferViews"][accessor["bufferView"]]
        shape = (accessor["count"], *SHAPES[accessor["type"]])
        flat = np.frombuffer(
            self.binary, DTYPES[accessor["componentType"]], int(np.prod(shape)), view["byteOffset"]
        )
        assert flat.nbytes == view["byteLength"]
        return flat.reshape(shape)

    @property
    def mesh(self) -> dict[str, Any]:
        (mesh,) = self.document["meshes"]
        assert len(mesh["primitives"]) == 1
        return dict(mesh)

    def attribute(self, name: str) -> np.ndarray:
        return self.array(self.mesh["primitives"][0]["attributes"][name])

    def targets(self) -> dict[str, np.ndarray]:
        """The displacements, by name."""
        targets = self.mesh["primitives"][0]["targets"]
        assert all(target.keys() == {"POSITION"} for target in targets)
        arrays = [self.array(target["POSITION"]) for target in targets]
        return dict(zip(self.mesh["extras"]["targetNames"], arrays, strict=True))

    def joint_transforms(self) -> np.ndarray:
        """Of each joint to the scene, from the translations and rotations of the nodes."""
        nodes = self.document["nodes"]
        found: dict[int, np.ndarray] = {}

        def walk(number: int, above: np.ndarray) -> None:
            node = nodes[number]
            x, y, z, w = node.get("rotation", (0, 0, 0, 1))
            local = np.eye(4)
            local[:3, :3] = [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
            local[:3, 3] = node.get("translation", (0, 0, 0))
            found[number] = above @ local
            for child in node.get("children", ()):
                walk(child, found[number])

        for root in self.document["scenes"][0]["nodes"]:
            walk(root, np.eye(4))
        return np.stack([found[number] for number in self.document["skins"][0]["joints"]])

    def skinned(self) -> np.ndarray:
        """The vertices that a viewer shows. Source: glTF 2.0, section 3.7.3."""
        # A matrix is stored column by column.
        to_joints = self.array(self.document["skins"][0]["inverseBindMatrices"]).swapaxes(1, 2)
        moves = self.joint_transforms() @ to_joints
        joints, weights = self.attribute("JOINTS_0"), self.attribute("WEIGHTS_0")
        points = np.pad(self.attribute("POSITION"), ((0, 0), (0, 1)), constant_values=1)
        moved = np.zeros((len(points), 4))
        for influence in range(4):
            turned = np.einsum("vij,vj->vi", moves[joints[:, influence]], points)
            moved += weights[:, influence, None] * turned
        return moved[:, :3]


@pytest.fixture(scope="module")
def asset_file(repo_root: Path) -> Path:
    return repo_root / "checkpoints" / "body_neutral.safetensors"


@pytest.fixture(scope="module")
def body(asset_file: Path) -> BodyPredictor:
    return BodyPredictor.from_checkpoint(asset_file)


@pytest.fixture(scope="module")
def rig(body: BodyPredictor) -> Rig:
    return Predictors(body=body).rig


def rigged(body: BodyPredictor, rig: Rig, parameters: BodyParameters, **options: Any) -> bytes:
    t_pose = body.predict_batch([BodyParameters(parameters.betas)])[0]
    return rigged_glb(t_pose, rig, parameters, **options)


def issues(data: bytes, repo_root: Path, tmp_path: Path) -> dict[str, Any]:
    """What the Khronos validator has to say."""
    package = repo_root / ".cache" / "npm" / "node_modules" / "gltf-validator"
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not package.is_dir():
        pytest.skip("gltf-validator is not in .cache/npm; CONTRIBUTING.md says how to install it")
    (tmp_path / "body.glb").write_bytes(data)
    script = Path(__file__).with_name("validate_gltf.cjs")
    done = subprocess.run(
        [node, script, package, tmp_path / "body.glb"], capture_output=True, check=True, timeout=60
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("coloured", [False, True], ids=["plain", "coloured"])
@pytest.mark.parametrize("person", [MEAN, somebody(0), somebody(1)], ids=["mean", "0", "1"])
def test_the_khronos_validator_has_nothing_to_say(
    body: BodyPredictor,
    rig: Rig,
    person: BodyParameters,
    coloured: bool,
    repo_root: Path,
    tmp_path: Path,
) -> None:
    colours = np.full((rig.topology.num_vertices, 3), 200, np.uint8) if coloured else None
    data = rigged(body, rig, person, vertex_colours=colours)
    found = issues(data, repo_root, tmp_path)
    assert found["messages"] == []
    assert [found[f"num{kind}"] for kind in ("Errors", "Warnings", "Infos", "Hints")] == [0] * 4


def test_the_validator_sees_a_matrix_that_is_none(
    body: BodyPredictor, rig: Rig, repo_root: Path, tmp_path: Path
) -> None:
    data = rigged(body, rig, MEAN)
    found = issues(data[:-4] + bytes(4), repo_root, tmp_path)
    assert [message["code"] for message in found["messages"]] == ["ACCESSOR_INVALID_IBM"]


def test_skinning_by_the_files_own_arrays_gives_smpls_posed_body(
    body: BodyPredictor, rig: Rig, asset_file: Path
) -> None:
    _, asset = load_asset(asset_file)
    num_joints = (asset.lbs_weights > 0).sum(dim=1).numpy()
    assert (num_joints > 4).sum() == 497
    weights = asset.lbs_weights.clone()
    for row in weights:
        row[row.argsort(descending=True, stable=True)[4:]] = 0
    weights /= weights.sum(dim=1, keepdim=True)
    truncated = BodyPredictor(Smpl(replace(asset, lbs_weights=weights)))
    for seed in range(5):
        person = somebody(seed)
        file = File.of(rigged(body, rig, person))
        shown = file.skinned() - [0, file.mesh["extras"]["lift"], 0]
        expected = truncated.predict_batch([person])[0]
        np.testing.assert_allclose(shown, expected.vertices, atol=1e-5)
        lifted = expected.joints + np.array([0, file.mesh["extras"]["lift"], 0])
        np.testing.assert_allclose(file.joint_transforms()[:, :3, 3], lifted, atol=1e-5)
        # What four influences leave out: 497 of 13,718 vertices follow more joints.
        error = np.linalg.norm(shown - body.predict_batch([person])[0].vertices, axis=1)
        assert error[num_joints <= 4].max() < 1e-5
        assert error.max() < 0.03
        assert error.mean() < 1e-4


def test_without_a_pose_the_mesh_is_shown_as_it_rests(body: BodyPredictor, rig: Rig) -> None:
    file = File.of(rigged(body, rig, BodyParameters(somebody(2).betas)))
    np.testing.assert_allclose(file.skinned(), file.attribute("POSITION"), atol=1e-6)


def test_a_pose_changes_the_joints_and_nothing_else(body: BodyPredictor, rig: Rig) -> None:
    person = somebody(3)
    posed, resting = (
        File.of(rigged(body, rig, parameters))
        for parameters in (person, BodyParameters(person.betas))
    )
    assert posed.binary == resting.binary
    assert posed.document["meshes"] == resting.document["meshes"]
    assert posed.document["nodes"] != resting.document["nodes"]


def test_targets_lead_to_the_asset_of_other_betas(body: BodyPredictor, rig: Rig) -> None:
    random = np.random.default_rng(0)
    betas = random.normal(size=10).astype(np.float32)
    file = File.of(rigged(body, rig, BodyParameters(betas)))
    base, targets, extras = file.attribute("POSITION"), file.targets(), file.mesh["extras"]
    np.testing.assert_array_equal(np.float32(extras["betas"]), betas)
    assert file.mesh["weights"] == [0] * 20
    for sign, name in ((1, "plus"), (-1, "minus")):
        weights = random.random(10)
        shown = base + sum(
            weight * targets[f"beta_{beta}_{name}"] for beta, weight in enumerate(weights)
        )
        others = betas + sign * extras["betas_per_target"] * weights
        expected = body.predict_batch([BodyParameters(others.astype(np.float32))])[0].vertices
        np.testing.assert_allclose(shown - [0, extras["lift"], 0], expected, atol=1e-5)
        assert np.abs(targets[f"beta_0_{name}"]).max() > 0.05
    assert extras["betas_per_target"] == 3


def test_the_bounds_of_positions_are_those_of_their_arrays(body: BodyPredictor, rig: Rig) -> None:
    file = File.of(rigged(body, rig, somebody(4)))
    primitive = file.mesh["primitives"][0]
    numbers = [part["POSITION"] for part in (primitive["attributes"], *primitive["targets"])]
    assert len(set(numbers)) == 21
    for number in numbers:
        accessor, array = file.document["accessors"][number], file.array(number)
        np.testing.assert_array_equal(np.float32(accessor["min"]), array.min(axis=0))
        np.testing.assert_array_equal(np.float32(accessor["max"]), array.max(axis=0))


@pytest.mark.parametrize("seed", range(3))
def test_a_person_stands_on_the_ground_and_looks_along_z(
    body: BodyPredictor, rig: Rig, seed: int
) -> None:
    file = File.of(rigged(body, rig, BodyParameters(somebody(seed).betas)))
    vertices = file.attribute("POSITION")
    assert vertices[:, 1].min() == 0
    assert 1.2 < vertices[:, 1].max() < 2.3
    places = dict(zip(SMPL_24_JOINT_NAMES, file.joint_transforms()[:, :3, 3], strict=True))
    assert places["left_foot"][2] > places["left_ankle"][2]
    assert places["left_wrist"][0] > 0.3 > -0.3 > places["right_wrist"][0]


def test_at_most_four_joints_move_a_vertex_and_their_weights_sum_to_one(
    body: BodyPredictor, rig: Rig
) -> None:
    file = File.of(rigged(body, rig, MEAN))
    joints, weights = file.attribute("JOINTS_0"), file.attribute("WEIGHTS_0")
    assert joints.shape == weights.shape == (13718, 4)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1, dtype=np.float64), 1, atol=3e-7)
    assert (joints[weights == 0] == 0).all()
    assert all(
        len(set(row[used])) == used.sum() for row, used in zip(joints, weights > 0, strict=True)
    )


def test_the_skeleton_is_smpls_and_the_mesh_lies_untouched_beside_it(
    body: BodyPredictor, rig: Rig
) -> None:
    document = File.of(rigged(body, rig, somebody(5))).document
    nodes = document["nodes"]
    (skin,) = document["skins"]
    assert [nodes[number]["name"] for number in skin["joints"]] == list(SMPL_24_JOINT_NAMES)
    children = {
        parent: [child for child, above in enumerate(SMPL_24_PARENTS) if above == parent]
        for parent in range(24)
    }
    assert {number: nodes[number].get("children", []) for number in range(24)} == children
    body_node, root = document["scenes"][0]["nodes"]
    assert root == skin["skeleton"] == 0
    assert nodes[body_node] == {"name": "body", "mesh": 0, "skin": 0}


def test_trimesh_reads_the_surface(body: BodyPredictor, rig: Rig) -> None:
    data = rigged(body, rig, somebody(6))
    scene = trimesh.load_scene(io.BytesIO(data), file_type="glb", process=False)
    ((name, mesh),) = scene.geometry.items()
    assert name == "body"
    np.testing.assert_array_equal(mesh.faces, body.faces)
    vertices = File.of(data).attribute("POSITION")
    np.testing.assert_array_equal(mesh.vertices, vertices)
    expected = trimesh.Trimesh(vertices, body.faces, process=False).vertex_normals
    np.testing.assert_allclose(mesh.vertex_normals, expected, atol=5e-3)
    np.testing.assert_array_equal(mesh.visual.material.main_color, [204, 190, 180, 255])


def test_colours_are_linear_and_replace_the_materials(body: BodyPredictor, rig: Rig) -> None:
    colours = np.zeros((rig.topology.num_vertices, 3), np.uint8)
    colours[1], colours[2] = 255, (10, 128, 188)
    file = File.of(rigged(body, rig, MEAN, vertex_colours=colours))
    expected = np.array([[0, 0, 0], [1, 1, 1], [0.003035, 0.215861, 0.502886]])
    np.testing.assert_allclose(file.attribute("COLOR_0")[:3], expected, atol=1e-6)
    (material,) = file.document["materials"]
    assert material["pbrMetallicRoughness"]["baseColorFactor"] == [1, 1, 1, 1]
    assert "COLOR_0" not in File.of(rigged(body, rig, MEAN)).mesh["primitives"][0]["attributes"]


def test_one_persons_file_leaves_no_trace_in_anothers(body: BodyPredictor, rig: Rig) -> None:
    first = rigged(body, rig, somebody(7))
    assert rigged(body, rig, somebody(8)) != first
    assert rigged(body, rig, somebody(7)) == first


def test_betas_are_padded_and_cut_as_in_the_mesh(body: BodyPredictor, rig: Rig) -> None:
    for betas in ([1, 2], [1, 2, *[0] * 8, 5]):
        file = File.of(rigged(body, rig, BodyParameters(np.array(betas, np.float32))))
        assert file.mesh["extras"]["betas"] == [1, 2, *[0] * 8]


@pytest.mark.parametrize(
    ("num_vertices", "num_betas", "dtype", "num_targets"),
    [(3, 33, np.uint16, 64), (65_535, 1, np.uint16, 2), (65_536, 1, np.uint32, 2)],
)
def test_a_large_asset_has_wide_indices_and_no_more_targets_than_phones_show(
    num_vertices: int, num_betas: int, dtype: type, num_targets: int
) -> None:
    faces = np.array([[0, 1, num_vertices - 1]], np.int32)
    rig = Rig(
        Topology(faces, num_vertices, SMPL_24_JOINT_NAMES),
        SMPL_24_PARENTS,
        np.eye(1, 24, dtype=np.float32).repeat(num_vertices, axis=0),
        np.ones((num_vertices, 3, num_betas), np.float32),
    )
    vertices, joints = np.ones((num_vertices, 3), np.float32), np.ones((24, 3), np.float32)
    t_pose, parameters = BodyMesh(vertices, joints, num_betas), BodyParameters(np.zeros(1, "f4"))
    file = File.of(rigged_glb(t_pose, rig, parameters))
    indices = file.array(file.mesh["primitives"][0]["indices"])
    assert indices.dtype == dtype
    np.testing.assert_array_equal(indices, faces[0])
    assert len(file.targets()) == len(file.mesh["weights"]) == num_targets


def test_the_file_is_small_enough_to_send(body: BodyPredictor, rig: Rig) -> None:
    assert len(rigged(body, rig, MEAN)) < 5e6
