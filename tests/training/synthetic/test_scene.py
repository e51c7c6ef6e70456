"""Rendered people: what is written down about them is what is seen."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation
from scipy.spatial.transform import Rotation

from model.body.asset import load_asset
from model.body.smpl import Smpl
from model.skeletons import SMPL_24_JOINT_NAMES
from training.assets.anny import AnnyBody
from training.synthetic.export import ShapeFitter
from training.synthetic.figures import contact_sheet
from training.synthetic.poses import ACTIVITIES, draw_poses, sample_pose
from training.synthetic.scene import Frame, Synthesizer
from training.synthetic.subjects import Subject

SIZE = (128, 128)


@pytest.fixture(scope="module")
def people(synthesizer: Synthesizer) -> list[tuple[Subject, Frame]]:
    subjects = [synthesizer.subject(index) for index in range(8)]
    return [(s, synthesizer.frame(s, (i, 0), SIZE)) for i, s in enumerate(subjects)]


def test_the_dressed_silhouette_holds_the_naked_one(people: list[tuple[Subject, Frame]]) -> None:
    cloth_seen = 0
    for _, frame in people:
        dressed, naked = frame.dressed[..., 3] == 255, frame.naked[..., 3] == 255
        assert set(np.unique(frame.dressed[..., 3])) == {0, 255}
        assert naked.sum() > 200
        assert not (naked & ~dressed).any()
        cloth_seen += int((dressed & ~naked).sum())
    assert cloth_seen > 500


def test_a_frame_depends_on_seed_subject_and_number_alone(synthesizer: Synthesizer) -> None:
    again = Synthesizer(seed=3, device="cpu")
    other = Synthesizer(seed=4, device="cpu")
    again.frame(again.subject(5), (5, 2), SIZE)  # drawing others before changes nothing
    one, two, three = (s.frame(s.subject(1), (1, 0), SIZE) for s in (synthesizer, again, other))
    np.testing.assert_array_equal(one.dressed, two.dressed)
    np.testing.assert_array_equal(one.naked, two.naked)
    np.testing.assert_array_equal(one.pose, two.pose)
    assert (one.dressed != three.dressed).any()


def test_the_asset_with_the_written_parameters_covers_the_naked_silhouette(
    people: list[tuple[Subject, Frame]], repo_root: Path
) -> None:
    """An independent way to the same body: ten betas and pose through SMPL's own equations."""
    _, asset = load_asset(repo_root / "checkpoints" / "body_neutral.safetensors")
    smpl, fitter = Smpl(asset), ShapeFitter(asset)
    unhidden = [(subject, frame) for subject, frame in people if frame.hidden == 0]
    assert len(unhidden) >= 2
    for subject, frame in unhidden:
        betas = fitter.fit(subject.vertices[: subject.num_body_vertices])
        pose = torch.from_numpy(frame.pose).reshape(1, 24, 3)
        mesh = smpl(
            betas=torch.from_numpy(betas)[None],
            body_pose=pose[:, 1:],
            global_orient=pose[:, 0],
            transl=torch.from_numpy(frame.transl)[None],
        )
        joints, vertices = mesh.joints[0].numpy(), mesh.vertices[0].numpy()
        assert np.linalg.norm(joints - frame.joints, axis=1).mean() < 0.015
        # Each joint projects to its keypoint, so the same camera serves for the vertices.
        focal = _focal(frame)
        x = 64 + focal * vertices[:, 0] / -vertices[:, 2]
        y = 64 - focal * vertices[:, 1] / -vertices[:, 2]
        seen = (x > 0) & (x < 128) & (y > 0) & (y < 128)
        mask = binary_dilation(frame.naked[..., 3] > 0, np.ones((3, 3), bool))
        assert mask[y[seen].astype(int), x[seen].astype(int)].mean() > 0.98


def _focal(frame: Frame) -> float:
    """The focal length that keypoints and joints imply; fails where they disagree."""
    across = np.concatenate([frame.keypoints[:, 0] - 64, 64 - frame.keypoints[:, 1]])
    slopes = np.concatenate([frame.joints[:, 0], frame.joints[:, 1]])
    slopes = slopes / np.tile(-frame.joints[:, 2], 2)
    focal = float(slopes @ across / (slopes @ slopes))
    np.testing.assert_allclose(across, focal * slopes, atol=0.01)
    return focal


def test_people_differ_in_build_dress_and_pose(people: list[tuple[Subject, Frame]]) -> None:
    heights = [np.ptp(s.vertices[: s.num_body_vertices, 1]) for s, _ in people]
    assert np.std(heights) > 0.02
    assert len({len(s.outfit.garments) for s, _ in people}) > 1
    assert np.std([f.pose for _, f in people], axis=0).max() > 0.3
    assert [s.body.female for s, _ in people] == [False, True] * 4


def test_elbows_and_knees_bend_one_way_only() -> None:
    rng = np.random.default_rng(0)
    poses = np.concatenate([draw_poses(rng, activity, 60) for activity in ACTIVITIES])
    knees = [SMPL_24_JOINT_NAMES.index(f"{side}_knee") for side in ("left", "right")]
    assert poses[:, knees, 0].min() > -0.06
    assert poses[:, SMPL_24_JOINT_NAMES.index("left_elbow"), 1].max() < 0.06
    assert poses[:, SMPL_24_JOINT_NAMES.index("right_elbow"), 1].min() > -0.06
    # Everybody's arms come down from the T-pose sooner or later, on their own side.
    for side, sign in (("left", 1), ("right", -1)):
        arm = Rotation.from_rotvec(poses[:, SMPL_24_JOINT_NAMES.index(f"{side}_shoulder")])
        hanging = arm.apply([sign, 0, 0])[:, 1] < -0.7
        assert hanging.mean() > 0.35


def test_no_limb_lies_inside_another(people: list[tuple[Subject, Frame]]) -> None:
    """Arms folded through the chest are refused; what is drawn is not folded so."""
    subject = people[0][0]
    folded = np.zeros((1, 24, 3), np.float32)
    folded[0, SMPL_24_JOINT_NAMES.index("left_shoulder"), 1] = -1.57  # forwards
    folded[0, SMPL_24_JOINT_NAMES.index("left_elbow"), 1] = -2.9  # and back through the shoulder
    assert subject.capsules.overlap(folded)[0] > 0
    assert subject.capsules.overlap(np.zeros((1, 24, 3), np.float32))[0] <= 0
    rng = np.random.default_rng(0)
    drawn = [sample_pose(rng, subject.capsules) for _ in range(80)]
    overlap = subject.capsules.overlap(np.stack([pose.axis_angle for pose in drawn]))
    assert (overlap <= 0).mean() > 0.97
    names = [pose.activity for pose in drawn]
    assert max(set(names), key=names.count) == "standing"


def test_anny_comes_in_smpls_conventions() -> None:
    body = AnnyBody("anny")
    phenotypes = body.sample_phenotypes(40, torch.Generator().manual_seed(0))
    vertices, joints = body.rest(phenotypes)
    heights = vertices[..., 1].amax(1) - vertices[..., 1].amin(1)
    # Raising the arms moves no foot and no crown.
    statures = body.heights(phenotypes).float()
    torch.testing.assert_close(heights, statures, atol=1e-3, rtol=0)
    torch.testing.assert_close(body.lbs_weights.sum(1), torch.ones(len(body.lbs_weights)))
    place = {name: joints[:, index] for index, name in enumerate(SMPL_24_JOINT_NAMES)}
    torch.testing.assert_close(place["pelvis"], torch.zeros(40, 3))
    assert (place["left_wrist"][:, 0] > 0.4).all()
    for name in ("elbow", "wrist", "hand"):  # the arms lie along X
        along = place[f"left_{name}"] - place["left_shoulder"]
        assert along[:, 1:].abs().max() < 1e-5
    assert (place["head"][:, 1] > 0.4).all()
    assert (place["left_ankle"][:, 1] < -0.6).all()
    assert (place["left_foot"][:, 2] > place["left_ankle"][:, 2] + 0.05).all()  # toes to the front


def test_the_full_topologys_body_is_the_default_topology(synthesizer: Synthesizer) -> None:
    used = np.unique(synthesizer._source.faces)
    np.testing.assert_array_equal(used, AnnyBody("anny").base_vertices.numpy())


def test_drawing_phenotypes_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    AnnyBody("anny").sample_phenotypes(3, torch.Generator().manual_seed(1))
    assert torch.equal(torch.rand(3), expected)


def test_the_contact_sheet_shows_each_person_above_their_map() -> None:
    sheet = contact_sheet(num_rows=1, num_columns=2, size=64, seed=0)
    assert sheet.shape == (128, 128, 3)
    assert (sheet[64:] == (0, 0, 3)).all(-1).any()  # magma's zero
    assert sheet[64:, :, 0].max() > 240
