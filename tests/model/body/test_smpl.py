import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from scipy.spatial.transform import Rotation
from torch import Tensor

from model.body.asset import SmplAsset, load_asset
from model.body.smpl import Smpl


def _parameters(
    num: int, dtype: torch.dtype = torch.float32, num_betas: int = 10
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(num)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    return {
        "betas": random(num, num_betas),
        "body_pose": 0.6 * random(num, 23, 3),
        "global_orient": random(num, 3),
        "transl": random(num, 3),
    }


def _smplx(asset: SmplAsset, dtype: torch.dtype) -> Any:
    """The same asset in the smplx package, whose vertex joints lie outside a small body."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from smplx import SMPL
        from smplx.utils import Struct
        from smplx.vertex_ids import vertex_ids
    tensors = {name: tensor.numpy() for name, tensor in asset.tensors().items()}
    struct = Struct(
        v_template=tensors["v_template"],
        shapedirs=tensors["shapedirs"],
        posedirs=tensors["posedirs"],
        J_regressor=tensors["J_regressor"],
        kintree_table=np.stack([tensors["parents"], np.arange(24)]),
        weights=tensors["lbs_weights"],
        f=tensors["faces"],
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it remarks on the number of betas
        return SMPL(
            "", data_struct=struct, vertex_ids=dict.fromkeys(vertex_ids["smplh"], 0), dtype=dtype
        )


def _by_loops(asset: SmplAsset, parameters: dict[str, Tensor], body: int) -> np.ndarray:
    """One body, spelled out vertex by vertex."""
    tensors = {name: tensor.double().numpy() for name, tensor in asset.tensors().items()}
    betas, pose, orient, transl = (
        parameters[name][body].double().numpy()
        for name in ("betas", "body_pose", "global_orient", "transl")
    )
    shaped = tensors["v_template"].copy()
    for index, beta in enumerate(betas):
        shaped += beta * tensors["shapedirs"][:, :, index]
    joints = [row @ shaped for row in tensors["J_regressor"]]
    rotations = [Rotation.from_rotvec(v).as_matrix() for v in [orient, *pose]]
    feature = np.concatenate([(rotation - np.eye(3)).ravel() for rotation in rotations[1:]])
    corrected = shaped + tensors["posedirs"] @ feature
    carried = np.zeros_like(corrected)
    for vertex, point in enumerate(corrected):
        for joint in range(24):
            moved, at = point, joint
            while at >= 0:
                moved = rotations[at] @ (moved - joints[at]) + joints[at]
                at = int(tensors["parents"][at])
            carried[vertex] += tensors["lbs_weights"][vertex, joint] * moved
    placed: np.ndarray = carried + transl
    return placed


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_body_is_what_loops_over_vertices_make(asset: SmplAsset, dtype: torch.dtype) -> None:
    parameters = _parameters(2, dtype)
    vertices = Smpl(asset).to(dtype)(**parameters).vertices
    assert vertices.dtype == dtype
    for body in range(2):
        np.testing.assert_allclose(
            vertices[body].numpy(),
            _by_loops(asset, parameters, body),
            atol=1e-5 if dtype == torch.float32 else 1e-12,
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_body_is_what_smplx_makes(asset: SmplAsset, dtype: torch.dtype) -> None:
    parameters = _parameters(32, dtype)
    ours = Smpl(asset).to(dtype)(**parameters)
    pose = parameters["body_pose"].flatten(start_dim=1)
    theirs = _smplx(asset, dtype)(**{**parameters, "body_pose": pose})
    assert (ours.vertices - theirs.vertices).abs().max() < 1e-5
    assert (ours.joints - theirs.joints[:, :24]).abs().max() < 1e-5


def test_the_committed_body_is_what_smplx_makes_of_it(committed_asset: Path) -> None:
    _, asset = load_asset(committed_asset)
    parameters = _parameters(4)
    ours = Smpl(asset)(**parameters)
    # smplx cannot do without pose correctives; zeros are the same as none.
    filled = SmplAsset.from_tensors(
        {**asset.tensors(), "posedirs": torch.zeros(len(asset.v_template), 3, 207)}
    )
    pose = parameters["body_pose"].flatten(start_dim=1)
    theirs = _smplx(filled, torch.float32)(**{**parameters, "body_pose": pose})
    assert (ours.vertices - theirs.vertices).abs().max() < 1e-5
    assert (ours.joints - theirs.joints[:, :24]).abs().max() < 1e-5


def test_a_rest_pose_is_the_shape_itself(asset: SmplAsset) -> None:
    smpl = Smpl(asset)
    betas = _parameters(3)["betas"]
    mesh, shaped = smpl(betas), smpl.shape(betas)
    torch.testing.assert_close(mesh.vertices, shaped.vertices, atol=1e-6, rtol=0)
    torch.testing.assert_close(mesh.joints, shaped.joints, atol=1e-6, rtol=0)


def test_no_betas_are_the_mean_body(asset: SmplAsset) -> None:
    mesh = Smpl(asset)(torch.zeros(1, 10))
    torch.testing.assert_close(mesh.vertices[0], asset.v_template, atol=1e-6, rtol=0)


def test_a_root_rotation_moves_the_body_rigidly_about_its_pelvis(asset: SmplAsset) -> None:
    smpl = Smpl(asset).double()
    parameters = _parameters(5, torch.float64)
    turned = smpl(**{**parameters, "transl": None})
    straight = smpl(parameters["betas"], parameters["body_pose"])
    rotation = torch.from_numpy(Rotation.from_rotvec(parameters["global_orient"]).as_matrix())
    pelvis = straight.joints[:, :1]
    expected = (straight.vertices - pelvis) @ rotation.mT + pelvis
    torch.testing.assert_close(turned.vertices, expected)


def test_few_betas_are_padded_and_many_are_cut(asset: SmplAsset) -> None:
    smpl = Smpl(asset)
    betas = _parameters(2, num_betas=300)["betas"]
    short = torch.cat([betas[:, :4], torch.zeros(2, 6)], dim=1)
    torch.testing.assert_close(smpl(betas[:, :4]).vertices, smpl(short).vertices)
    torch.testing.assert_close(smpl(betas).vertices, smpl(betas[:, :10]).vertices)


def test_a_batch_is_its_bodies_one_by_one_and_may_be_empty(asset: SmplAsset) -> None:
    smpl = Smpl(asset)
    parameters = _parameters(6)
    together = smpl(**parameters).vertices
    for body in range(6):
        alone = smpl(**{name: values[body : body + 1] for name, values in parameters.items()})
        torch.testing.assert_close(alone.vertices[0], together[body], atol=1e-5, rtol=0)
    empty = smpl(**{name: values[:0] for name, values in parameters.items()})
    assert empty.vertices.shape == (0, 60, 3)
    assert empty.joints.shape == (0, 24, 3)


def test_one_shape_takes_many_poses(asset: SmplAsset) -> None:
    smpl = Smpl(asset)
    parameters = _parameters(4)
    one = smpl(parameters["betas"][:1], parameters["body_pose"], parameters["global_orient"])
    many = smpl(
        parameters["betas"][:1].expand(4, -1), parameters["body_pose"], parameters["global_orient"]
    )
    torch.testing.assert_close(one.vertices, many.vertices)
    none = smpl(parameters["betas"][:1], parameters["body_pose"][:0])
    assert none.vertices.shape == (0, 60, 3)


def test_one_pose_stands_in_many_places(asset: SmplAsset) -> None:
    """More of them than are carried at once."""
    smpl = Smpl(asset)
    p = _parameters(11)
    one = smpl.pose(smpl.shape(p["betas"][:1]), p["body_pose"][:1], p["global_orient"][:1])
    here, there = smpl.skin(one), smpl.skin(one, p["transl"])
    torch.testing.assert_close(there.vertices, here.vertices + p["transl"][:, None])
    torch.testing.assert_close(there.joints, here.joints + p["transl"][:, None])


def test_the_asset_can_be_read_back_from_the_body(asset: SmplAsset) -> None:
    smpl = Smpl(asset)
    for name in ("v_template", "shapedirs", "posedirs", "J_regressor", "lbs_weights", "faces"):
        torch.testing.assert_close(getattr(smpl, name), getattr(asset, name), rtol=0, atol=0)


def test_gradients_reach_every_parameter(asset: SmplAsset) -> None:
    smpl = Smpl(asset).double()
    parameters = _parameters(1, torch.float64)
    # Zero is where a careless Rodrigues formula has no gradient.
    parameters["body_pose"][:, ::2] = 0
    inputs = tuple(value.requires_grad_() for value in parameters.values())

    def some(*values: Tensor) -> tuple[Tensor, Tensor]:
        mesh = smpl(*values)
        return mesh.vertices[:, ::20], mesh.joints[:, ::6]

    assert torch.autograd.gradcheck(some, inputs)


def test_the_stages_make_what_the_whole_makes(asset: SmplAsset) -> None:
    smpl = Smpl(asset)
    p = _parameters(2)
    shaped = smpl.shape(p["betas"])
    posed = smpl.pose(shaped, p["body_pose"], p["global_orient"])
    staged = smpl.skin(posed, p["transl"])
    whole = smpl(**p)
    torch.testing.assert_close(staged.vertices, whole.vertices)
    torch.testing.assert_close(staged.joints, whole.joints)


def test_a_wrong_shape_is_caught(asset: SmplAsset) -> None:
    """Canary: without the shape checker this pose would be read as something else."""
    with pytest.raises(TypeCheckError):
        Smpl(asset)(torch.zeros(1, 10), body_pose=torch.zeros(1, 69))
    with pytest.raises(TypeCheckError):
        Smpl(asset)(torch.zeros(10))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_makes_the_same_body(asset: SmplAsset) -> None:
    parameters = _parameters(3)
    expected = Smpl(asset)(**parameters).vertices
    on_gpu = {name: values.cuda() for name, values in parameters.items()}
    found = Smpl(asset).cuda()(**on_gpu).vertices
    torch.testing.assert_close(found.cpu(), expected, atol=1e-5, rtol=0)
