import pytest
import torch

from model.body.predictor import BodyPredictor
from model.body.rotation import axis_angle_to_matrix
from model.body.smpl import Smpl
from tests.training.reconstruction.people_world import asset_of
from training.reconstruction.reduced_body import reduced_asset


@pytest.mark.parametrize("num_vertices", [1, 37, 10_000])
def test_the_reduced_body_moves_as_the_whole_one(
    tiny_body: BodyPredictor, num_vertices: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    betas = torch.randn(3, 10, generator=generator)
    pose = 0.4 * torch.randn(3, 24, 3, generator=generator)
    whole = tiny_body.smpl(betas, pose[:, 1:], pose[:, 0])
    small = Smpl(reduced_asset(asset_of(tiny_body), num_vertices))
    found = small.skin(small.rotate(small.shape(betas), axis_angle_to_matrix(pose)))
    torch.testing.assert_close(found.joints, whole.joints, atol=1e-4, rtol=0)
    total = len(tiny_body.smpl.v_template)
    kept = min(num_vertices, total)
    assert found.vertices.shape[1] == kept + 24
    wanted = whole.vertices[:, [n * total // kept for n in range(kept)]]
    torch.testing.assert_close(found.vertices[:, :kept], wanted, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.vertices[:, kept:], whole.joints, atol=1e-4, rtol=0)


def test_a_body_without_vertices_is_refused(tiny_body: BodyPredictor) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        reduced_asset(asset_of(tiny_body), 0)
