import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import ConvexHull

from model.body.asset import SmplAsset, load_asset
from model.body.measurements import DENSITY, MEASUREMENTS
from model.body.predictor import BodyPredictor
from model.body.smpl import Smpl
from model.body.tape import Tape
from model.errors import AssetError, InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES as JOINTS

COLUMN = {row.name: index for index, row in enumerate(MEASUREMENTS)}
GIRTHS = [row.name for row in MEASUREMENTS if row.name.endswith("_girth")]
LENGTHS = [row.name for row in MEASUREMENTS if row.unit == "metre"]
CHECKPOINT = Path(__file__).parents[3] / "checkpoints" / "body_neutral.safetensors"
UP = np.array([0.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def published() -> SmplAsset:
    return load_asset(CHECKPOINT)[1]


@pytest.fixture(scope="module")
def smpl(published: SmplAsset) -> Smpl:
    return Smpl(published)


@pytest.fixture(scope="module")
def tape(smpl: Smpl) -> Tape:
    return Tape(smpl)


@pytest.fixture(scope="module")
def people(smpl: Smpl) -> np.ndarray:
    betas = torch.randn(50, 10, generator=torch.Generator().manual_seed(4))
    bodies: np.ndarray = smpl.shape(betas).vertices.numpy()
    return bodies


@pytest.fixture(scope="module")
def measured(tape: Tape, people: np.ndarray) -> np.ndarray:
    return tape.measure(people)


class SlowTape:
    """One body, by trimesh's sections and scipy's convex hulls, with a level every millimetre."""

    def __init__(self, smpl: Smpl, vertices: np.ndarray) -> None:
        self.vertices, self.faces = vertices.astype(float), smpl.faces.numpy()
        self.labels = smpl.lbs_weights.argmax(dim=1).numpy()
        self.joints = smpl.J_regressor.double().numpy() @ self.vertices

    def joint(self, name: str) -> np.ndarray:
        joint: np.ndarray = self.joints[JOINTS.index(name)]
        return joint

    def part(self, *words: str, where: np.ndarray | bool = True) -> trimesh.Trimesh:
        """The triangles whose vertices are all moved by joints with these words in their names."""
        wanted = [i for i, name in enumerate(JOINTS) if any(word in name for word in words)]
        inside = (np.isin(self.labels, wanted) & where)[self.faces].all(axis=1)
        return trimesh.Trimesh(self.vertices, self.faces[inside], process=False)

    def around(self, part: trimesh.Trimesh, origin: np.ndarray, normal: np.ndarray) -> float:
        return ConvexHull(self._flat(part, origin, normal)).area

    def _flat(self, part: trimesh.Trimesh, origin: np.ndarray, normal: np.ndarray) -> np.ndarray:
        section = part.section(plane_origin=origin, plane_normal=normal)
        assert section is not None
        plane = np.linalg.svd(np.asarray(normal)[None])[2][1:]
        flat: np.ndarray = section.vertices @ plane.T
        return flat

    def crotch(self) -> float:
        """The lowest point of the midline above the knees."""
        middle = self.joint("pelvis")[0] + 1e-6
        mesh = trimesh.Trimesh(self.vertices, self.faces, process=False)
        heights = mesh.section(plane_origin=[middle, 0, 0], plane_normal=[1, 0, 0]).vertices[:, 1]
        return float(heights[heights > self.joint("left_knee")[1]].min())

    def trunk(self) -> trimesh.Trimesh:
        return self.part("pelvis", "hip", "spine", "collar", "neck")

    def level(self, low: float, high: float, sign: int) -> float:
        """Where the trunk reaches furthest forward (1) or back (-1)."""
        trunk = self.trunk()
        levels = np.arange(low, high, 0.001)
        reach = np.array(
            [
                (sign * trunk.section(plane_origin=[0, y, 0], plane_normal=UP).vertices[:, 2]).max()
                for y in levels
            ]
        )
        weights = np.exp(reach / 0.003)  # what is 3 mm less far counts by 1/e
        return float((weights * levels).sum() / weights.sum())


@pytest.mark.parametrize("person", [1, 2, 3, 7])
def test_the_tape_finds_what_slow_sections_and_convex_hulls_find(
    smpl: Smpl, people: np.ndarray, measured: np.ndarray, person: int
) -> None:
    slow = SlowTape(smpl, people[person])
    right = smpl.v_template[:, 0].numpy() < -1e-6
    assert slow.vertices[right, 0].max() < 0, "the thighs overlap: there is no gap to look for"
    found = dict(zip(COLUMN, measured[person], strict=True))
    floor, crotch = slow.vertices[:, 1].min(), slow.crotch()
    waist = crotch + 0.315 * (slow.joint("neck")[1] - crotch)
    hips = slow.level(crotch, waist, -1)
    belly = slow.level(crotch + 0.6 * (waist - crotch), crotch + 1.2 * (waist - crotch), 1)
    hip, knee, ankle, shoulder, elbow, wrist = (
        slow.joint(f"right_{name}")
        for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    )
    trunk, neck = slow.trunk(), slow.joint("neck")
    leg = slow.part("pelvis", "hip", "knee", "ankle", "foot", where=slow.vertices[:, 0] < -1e-6)
    arm = slow.part("right_shoulder", "right_elbow", "right_wrist", "right_hand")
    head, throat = slow.part("head"), slow.part("neck", "head", "spine3", "collar")
    nape = slow.joint("head") - neck
    top = slow.vertices[:, 1].max()
    of_head = slow.labels == JOINTS.index("head")
    nose = slow.vertices[np.where(of_head, smpl.v_template[:, 2].numpy(), -1).argmax()]
    expected = {
        "waist_girth": slow.around(trunk, waist * UP, UP),
        "hip_girth": slow.around(trunk, hips * UP, UP),
        "stomach_girth": slow.around(trunk, belly * UP, UP),
        "thigh_girth": slow.around(leg, (crotch - 0.04 * (crotch - floor)) * UP, UP),
        "knee_girth": slow.around(leg, knee, ankle - hip),
        "upper_arm_girth": slow.around(arm, (shoulder + elbow) / 2, elbow - shoulder),
        "wrist_girth": slow.around(arm, wrist, wrist - elbow),
        "calf_girth": max(
            slow.around(leg, knee + share * (ankle - knee), ankle - knee)
            for share in np.linspace(0.2, 0.5, 61)
        ),
        "neck_girth": min(
            slow.around(throat, neck + share * nape, nape) for share in np.linspace(0.05, 0.55, 51)
        ),
        "head_girth": max(
            slow.around(head, y * UP, UP)
            for y in np.linspace(nose[1] + 0.4 * (top - nose[1]), top - 0.02, 40)
        ),
    }
    expected["inside_leg"] = crotch - floor
    errors_mm = {name: 1000 * abs(found[name] - value) for name, value in expected.items()}
    assert max(errors_mm.values()) < 0.5, errors_mm


def test_heights_and_volumes_are_those_of_the_mesh(
    smpl: Smpl, people: np.ndarray, measured: np.ndarray
) -> None:
    for vertices, row in zip(people[:5], measured[:5], strict=True):
        found = dict(zip(COLUMN, row, strict=True))
        mesh = trimesh.Trimesh(vertices.astype(float), smpl.faces.numpy(), process=False)
        assert found["height"] == pytest.approx(mesh.extents[1])
        assert found["volume"] == pytest.approx(mesh.volume, rel=1e-4)
        assert found["mass"] == pytest.approx(DENSITY * mesh.volume, rel=1e-4)
        assert found["bmi"] == pytest.approx(found["mass"] / found["height"] ** 2)


def test_a_batch_is_measured_as_its_bodies_are_alone(
    tape: Tape, people: np.ndarray, measured: np.ndarray
) -> None:
    alone = np.concatenate([tape.measure(body[None]) for body in people[:12]])
    np.testing.assert_allclose(measured[:12], alone, rtol=1e-5)
    assert tape.measure(people[:0]).shape == (0, len(MEASUREMENTS))


def test_a_scaled_and_moved_body_is_scaled_in_every_measurement(
    tape: Tape, people: np.ndarray
) -> None:
    bodies = people[:4].astype(float)
    before, after = tape.measure(bodies), tape.measure(1.15 * bodies + [0.3, 0.9, -2.0])
    power = {"metre": 1, "kilogram": 3, "cubic metre": 3, "kilogram per square metre": 1}
    for row in MEASUREMENTS:
        ratio = after[:, COLUMN[row.name]] / before[:, COLUMN[row.name]]
        # Heights that are nearly the furthest are weighed in millimetres, whatever the body's size.
        tolerance = 3e-3 if row.name in ("stomach_girth", "hip_girth") else 1e-6
        np.testing.assert_allclose(ratio, 1.15 ** power[row.unit], rtol=tolerance, err_msg=row.name)


def test_measurements_do_not_depend_on_how_the_surface_is_cut_into_triangles(
    published: SmplAsset, tape: Tape, smpl: Smpl
) -> None:
    """Vertices in another order, and four triangles for each, as of another asset's topology."""
    num_vertices = len(published.v_template)
    columns = np.column_stack(
        [
            published.v_template.numpy(),
            published.shapedirs.flatten(1).numpy(),
            published.lbs_weights.numpy(),
        ]
    ).astype(float)
    finer, faces = trimesh.remesh.subdivide(columns, published.faces.numpy())
    order = np.random.default_rng(0).permutation(len(finer))
    place = np.argsort(order)
    regressor = np.zeros((24, len(finer)))
    regressor[:, :num_vertices] = published.J_regressor.numpy()
    shuffled = torch.tensor(finer[order], dtype=torch.float32)
    other = Smpl(
        dataclasses.replace(
            published,
            v_template=shuffled[:, :3],
            shapedirs=shuffled[:, 3:33].unflatten(1, (3, 10)),
            posedirs=torch.zeros(len(finer), 3, 0),
            lbs_weights=shuffled[:, 33:],
            J_regressor=torch.tensor(regressor[:, order], dtype=torch.float32),
            faces=torch.tensor(place[faces]),
        )
    )
    betas = torch.randn(3, 10, generator=torch.Generator().manual_seed(8))
    found = Tape(other).measure(other.shape(betas).vertices.numpy())
    expected = tape.measure(smpl.shape(betas).vertices.numpy())
    np.testing.assert_allclose(found, expected, rtol=5e-3)


def test_a_taller_person_is_longer_in_everything_that_is_a_length(tape: Tape, smpl: Smpl) -> None:
    betas = torch.zeros(9, 10)
    betas[:, 0] = torch.linspace(-2, 2, 9)
    measured = tape.measure(smpl.shape(betas).vertices.numpy())
    for name in LENGTHS:
        if name not in GIRTHS:
            assert (np.diff(measured[:, COLUMN[name]]) > 0).all(), name


def test_measurements_change_smoothly_with_the_shape(tape: Tape, smpl: Smpl) -> None:
    """A hundredth of a standard deviation moves none by more than 2 mm."""
    direction = torch.randn(10, generator=torch.Generator().manual_seed(1))
    betas = torch.linspace(-1, 1, 201)[:, None] * direction
    measured = tape.measure(smpl.shape(betas).vertices.numpy())
    steps = np.abs(np.diff(measured[:, [COLUMN[name] for name in LENGTHS]], axis=0))
    assert steps.max() < 0.002


RANGES = {
    # Of adults of 1.35 to 2.05 m and of every build, in metres.
    **{"height": (1.35, 2.05), "bust_girth": (0.65, 1.5), "underbust_girth": (0.55, 1.4)},
    **{"waist_girth": (0.5, 1.6), "stomach_girth": (0.5, 1.6), "hip_girth": (0.65, 1.6)},
    **{"thigh_girth": (0.38, 0.9), "knee_girth": (0.27, 0.65), "calf_girth": (0.25, 0.58)},
    **{"upper_arm_girth": (0.18, 0.52), "wrist_girth": (0.1, 0.28), "neck_girth": (0.24, 0.52)},
    **{"head_girth": (0.47, 0.65), "inside_leg": (0.58, 1.0), "arm_length": (0.36, 0.7)},
    **{"shoulder_width": (0.3, 0.5), "back_neck_to_waist": (0.36, 0.6)},
}


def test_people_have_measurements_of_people(measured: np.ndarray) -> None:
    assert set(RANGES) == set(LENGTHS)
    bmi = measured[:, COLUMN["bmi"]]
    measured = measured[(bmi > 16) & (bmi < 42)]  # what the asset was made from goes up to 45
    assert len(measured) >= 40
    for name, (low, high) in RANGES.items():
        values = measured[:, COLUMN[name]]
        assert low < values.min(), name
        assert values.max() < high, name
    named = dict(zip(COLUMN, measured.T, strict=True))
    assert (named["underbust_girth"] < named["bust_girth"]).mean() > 0.9
    assert (named["wrist_girth"] < named["upper_arm_girth"]).all()
    assert (named["calf_girth"] < named["thigh_girth"]).all()
    assert (named["neck_girth"] < named["head_girth"]).all()
    assert (named["inside_leg"] < 0.55 * named["height"]).all()


def test_a_mannequin_has_the_girths_and_lengths_that_it_was_made_with(
    tiny_body: BodyPredictor,
) -> None:
    vertices = tiny_body.smpl.v_template.numpy()
    found = dict(zip(COLUMN, tiny_body.tape.measure(vertices[None])[0], strict=True))
    # Balls of few triangles are a little smaller than the ellipsoids.
    arm = 2 * np.pi * 0.05 * np.sqrt(1 - ((0.3 - 0.47) / 0.4) ** 2)
    assert arm * 0.93 < found["upper_arm_girth"] < arm
    leg = 2 * np.pi * 0.08
    assert leg * 0.93 < found["calf_girth"] < leg
    assert found["height"] == pytest.approx(1.7, abs=1e-5)
    assert found["inside_leg"] == pytest.approx(0.8, abs=1e-5)


def test_what_is_no_body_of_the_topology_in_metres_is_refused(
    tape: Tape, people: np.ndarray
) -> None:
    body = people[:1]
    broken = body.copy()
    broken[0, 7, 1] = np.nan
    for vertices, words in (
        (body[:, :-1], r"13718, 3"),
        (body[0], r"13718, 3"),
        (broken, "not finite"),
        (1000 * body, "in metres"),
        (100 * body, "in metres"),
        (0.01 * body, "in metres"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            tape.measure(vertices)


def test_a_body_in_another_pose_is_refused(tape: Tape, smpl: Smpl) -> None:
    arms_down = torch.zeros(1, 23, 3)
    arms_down[0, [15, 16], 2] = torch.tensor([-0.8, 0.8])
    turned = torch.tensor([[0.0, np.pi / 2, 0.0]], dtype=torch.float32)
    upside_down = torch.tensor([[np.pi, 0.0, 0.0]], dtype=torch.float32)
    betas = torch.zeros(1, 10)
    for mesh in (
        smpl(betas, arms_down),
        smpl(betas, None, turned),
        smpl(betas, None, upside_down),
    ):
        with pytest.raises(InvalidInputError, match="not in the T-pose"):
            tape.measure(mesh.vertices.numpy())


def test_an_asset_without_a_body_cannot_be_measured(asset: SmplAsset) -> None:
    far_apart = dataclasses.replace(asset, v_template=10 * asset.v_template)
    with pytest.raises(AssetError, match="the body"):
        Tape(Smpl(far_apart))


def test_every_measurement_has_its_own_name_and_number() -> None:
    numbers = [row.iso_8559_1 for row in MEASUREMENTS if row.iso_8559_1]
    assert len(set(COLUMN)) == len(MEASUREMENTS) == 20
    assert len(set(numbers)) == len(numbers) == 17
