import numpy as np
import pytest
import torch

from model.body.predictor import BodyParameters, BodyPredictor
from model.body.rotation import axis_angle_to_matrix, matrix_to_rotation_6d
from model.reconstruction.decode import Cameras, decode, y_up_to_camera
from model.reconstruction.network import Estimates


def cameras(dtype: torch.dtype = torch.float64) -> Cameras:
    return Cameras(
        torch.tensor([500.0, 800.0], dtype=dtype),
        torch.tensor([[320.0, 240.0], [200.0, 400.0]], dtype=dtype),
        torch.tensor([[400.0, 200.0], [150.0, 420.0]], dtype=dtype),
        torch.tensor([300.0, 700.0], dtype=dtype),
    )


def test_the_pelvis_is_where_the_network_says_and_a_metre_there_as_large_as_it_says() -> None:
    camera = torch.tensor([[0.9, 0.2, -0.1], [1.4, -0.5, 0.3]], dtype=torch.float64)
    seen_by = cameras()
    pelvis = seen_by.pelvis(camera)
    places = seen_by.over_crop(seen_by.project(pelvis[:, None]))[:, 0]
    torch.testing.assert_close(places, camera[:, 1:])
    aside = pelvis + torch.tensor([1.0, 0, 0], dtype=torch.float64)
    moved = seen_by.over_crop(seen_by.project(aside[:, None]))[:, 0]
    torch.testing.assert_close(moved[:, 0] - places[:, 0], camera[:, 0])
    torch.testing.assert_close(seen_by.camera(pelvis), camera)


def test_cameras_of_some_photos_are_theirs() -> None:
    chosen = cameras().of(torch.tensor([1]))
    assert chosen.focal.tolist() == [800]
    assert chosen.crop_centre.tolist() == [[150, 420]]


def test_the_decoded_body_is_the_body_of_its_parameters(tiny_body: BodyPredictor) -> None:
    generator = torch.Generator().manual_seed(0)
    axis_angle = 0.4 * torch.randn(2, 24, 3, generator=generator)
    estimates = Estimates(
        torch.randn(2, 10, generator=generator),
        torch.zeros(2, 10),
        matrix_to_rotation_6d(axis_angle_to_matrix(axis_angle)),
        torch.tensor([[0.9, 0.1, 0.0], [0.7, -0.2, 0.1]]),
    )
    seen_by = cameras(torch.float32)
    people = decode(tiny_body.smpl, estimates, seen_by)
    for index in range(2):
        parameters = BodyParameters(
            estimates.betas[index].numpy(),
            axis_angle[index, 1:].numpy(),
            axis_angle[index, 0].numpy(),
            people.transl[index].numpy(),
        )
        [mesh] = tiny_body.predict_batch([parameters])
        turned = mesh.vertices * np.array([1, -1, -1])
        np.testing.assert_allclose(people.vertices[index].numpy(), turned, atol=1e-4)
        turned = mesh.joints * np.array([1, -1, -1])
        np.testing.assert_allclose(people.joints[index].numpy(), turned, atol=1e-4)
    torch.testing.assert_close(
        people.joints[:, 0], seen_by.pelvis(estimates.camera), atol=1e-4, rtol=0
    )


def test_a_person_of_no_rotation_stands_upright_and_faces_the_camera(
    tiny_body: BodyPredictor,
) -> None:
    identity = torch.eye(3).expand(1, 24, 3, 3)
    estimates = Estimates(
        torch.zeros(1, 10),
        torch.zeros(1, 10),
        matrix_to_rotation_6d(identity),
        torch.tensor([[0.9, 0, 0]]),
    )
    people = decode(tiny_body.smpl, estimates, cameras(torch.float32).of(torch.tensor([0])))
    head, foot, left_hand = (people.joints[0, index] for index in (15, 10, 22))
    assert head[1] < foot[1]  # y points down
    assert foot[2] < people.joints[0, 7, 2]  # toes are nearer to the camera than the ankle
    assert left_hand[0] > 0.5  # a person who faces the camera has the left hand on its right


def test_the_axes_of_the_camera_are_their_own_inverse() -> None:
    points = torch.randn(4, 3)
    torch.testing.assert_close(y_up_to_camera(y_up_to_camera(points)), points)


@pytest.mark.parametrize("part", [0, 2, 3])
def test_gradients_reach_shape_pose_and_camera(tiny_body: BodyPredictor, part: int) -> None:
    generator = torch.Generator().manual_seed(1)
    values = [
        torch.randn(1, 10, generator=generator),
        torch.zeros(1, 10),
        matrix_to_rotation_6d(axis_angle_to_matrix(0.3 * torch.randn(1, 24, 3))),
        torch.tensor([[0.9, 0.1, 0.2]]),
    ]
    values[part].requires_grad_()
    seen_by = cameras(torch.float32).of(torch.tensor([0]))
    people = decode(tiny_body.smpl, Estimates(*values), seen_by)
    seen_by.project(people.vertices).square().mean().backward()
    gradient = values[part].grad
    assert gradient is not None
    assert gradient.abs().sum() > 0
