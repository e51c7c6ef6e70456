import matplotlib as mpl
import numpy as np

from model.body.predictor import BodyPredictor
from model.mesh_confidence.colours import SMPL_SHARES, legend, trust_colours, vertex_values
from model.mesh_confidence.joints import JOINT_NAMES
from model.skeletons import SMPL_24_JOINT_NAMES


def test_the_colours_are_viridis() -> None:
    values = np.linspace(0, 1, 301)
    expected = mpl.colormaps["viridis"](values)[:, :3] * 255
    assert np.abs(trust_colours(values) - expected).max() < 6


def test_more_trust_is_brighter_in_grey() -> None:
    luminance = trust_colours(np.linspace(0, 1, 50)).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_values_beyond_the_ends_take_the_ends_colour() -> None:
    ends = trust_colours(np.array([0.0, 1.0]))
    np.testing.assert_array_equal(trust_colours(np.array([-3.0, 7.0])), ends)


def test_the_legend_runs_from_0_to_1() -> None:
    steps = legend(3)
    assert [value for value, _ in steps] == [0, 0.5, 1]
    for value, colour in steps:
        assert colour == "#" + bytes(trust_colours(np.array([value]))[0]).hex()


def test_every_joint_of_smpl_takes_a_mean_of_the_14() -> None:
    np.testing.assert_allclose(SMPL_SHARES.sum(1), 1, rtol=1e-6)
    for row, name in enumerate(SMPL_24_JOINT_NAMES):
        if name in JOINT_NAMES:
            assert SMPL_SHARES[row, JOINT_NAMES.index(name)] == 1


def test_an_untrusted_wrist_colours_the_hand_and_leaves_the_legs(tiny_body: BodyPredictor) -> None:
    trust = np.ones(14, np.float32)
    trust[JOINT_NAMES.index("left_wrist")] = 0
    values = vertex_values(trust, tiny_body.smpl.lbs_weights.numpy())
    labels = tiny_body.part_labels
    for part, expected in (("left_wrist", 0), ("left_hand", 0), ("right_hand", 1), ("left_hip", 1)):
        at_part = labels == SMPL_24_JOINT_NAMES.index(part)
        np.testing.assert_allclose(values[at_part], expected, atol=1e-6)
