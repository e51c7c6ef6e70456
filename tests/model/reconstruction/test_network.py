from collections.abc import Callable
from typing import Any

import pytest
import torch

from model.body.rotation import rotation_6d_to_matrix
from model.reconstruction.inputs import PersonView, preprocess
from model.reconstruction.network import (
    LOG_VARIANCES,
    SMALL,
    TYPICAL_SCALE,
    NetworkInput,
    ReconstructionConfig,
    ReconstructionNetwork,
)


def made_for(config: ReconstructionConfig, views: list[PersonView]) -> NetworkInput:
    return NetworkInput.joined([preprocess(view, config, 64)[0] for view in views])


@pytest.mark.parametrize("variant", [SMALL, 0])
def test_an_unlearned_network_answers_with_the_mean_body_and_that_it_knows_nothing(
    person_view: Callable[..., PersonView], variant: int
) -> None:
    torch.manual_seed(0)
    config = ReconstructionConfig(variant=variant, widths=(4, 8), hidden_width=16)
    network = ReconstructionNetwork(config).eval()
    with torch.no_grad():
        found = network(*made_for(config, [person_view(0), person_view(1)]))
    assert found.betas.abs().max() < 0.1
    assert found.log_variance.abs().max() < 0.1
    identity = torch.eye(3).expand(2, 24, 3, 3)
    torch.testing.assert_close(rotation_6d_to_matrix(found.rotations), identity, atol=0.1, rtol=0)
    torch.testing.assert_close(
        found.camera, torch.tensor([[TYPICAL_SCALE, 0, 0]] * 2), atol=0.1, rtol=0
    )


def test_the_answer_depends_on_everything_that_is_told(
    person_view: Callable[..., PersonView], tiny_regressor: Any
) -> None:
    network = tiny_regressor.network
    inputs = made_for(network.config, [person_view()])
    with torch.no_grad():
        plain = network(*inputs).betas
        for name in NetworkInput._fields:
            other = inputs._replace(**{name: getattr(inputs, name) + 0.5})
            assert not torch.equal(network(*other).betas, plain), name


def test_without_keypoints_as_input_they_are_ignored(
    person_view: Callable[..., PersonView],
) -> None:
    config = ReconstructionConfig(variant=SMALL, widths=(4,), keypoints=False, hidden_width=16)
    network = ReconstructionNetwork(config).eval()
    inputs = made_for(config, [person_view()])
    with torch.no_grad():
        other = inputs._replace(keypoints=inputs.keypoints + 1)
        assert torch.equal(network(*other).betas, network(*inputs).betas)


def test_deviations_and_scales_stay_within_bounds_whatever_was_learned(
    person_view: Callable[..., PersonView],
) -> None:
    config = ReconstructionConfig(variant=SMALL, widths=(4,), hidden_width=16)
    network = ReconstructionNetwork(config).eval()
    inputs = made_for(config, [person_view()])
    with torch.no_grad():
        for bias in (-1e4, 1e4):
            network.results.bias.fill_(bias)
            found = network(*inputs)
            assert LOG_VARIANCES[0] <= found.log_variance.min()
            assert found.log_variance.max() <= LOG_VARIANCES[1]
            assert 0 < found.camera[0, 0] < 100


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"inputs": "thermal"}, "inputs is 'thermal'; photo, weighted_photo"),
        ({"variant": 5}, "variant is 5"),
        ({"grid": 0}, "grid is 0; at least 1"),
        ({"variant": SMALL, "widths": ()}, "widths"),
        ({"field_of_view_deg": 180.0}, "field_of_view_deg is 180"),
    ],
)
def test_a_configuration_that_means_nothing_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ReconstructionConfig(**fields)
