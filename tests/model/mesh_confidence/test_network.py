import dataclasses

import numpy as np
import pytest
import torch

from model.mesh_confidence.network import (
    MeshConfidenceConfig,
    NetworkName,
    TrustEnsemble,
    build_network,
)
from model.skeletons import LSP_14_MIRRORED


def features(number: int = 6) -> torch.Tensor:
    return torch.rand(number, 14, 5, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "num_parameters"), [("mesh_classifier", 299), ("worst_joint_classifier", 4046)]
)
def test_the_reference_networks_have_the_number_of_parameters_of_the_publication(
    name: NetworkName, num_parameters: int
) -> None:
    network = build_network(MeshConfidenceConfig(name))
    assert sum(p.numel() for p in network.parameters()) == num_parameters


def test_the_reference_networks_see_distances_alone() -> None:
    changed = features()
    changed[..., 1:] += 1
    for name in ("mesh_classifier", "worst_joint_classifier"):
        network = build_network(MeshConfidenceConfig(name)).eval()
        for one, other in zip(network(features()), network(changed), strict=True):
            assert (one is None and other is None) or torch.equal(one, other)


def test_the_probabilities_of_the_worst_joint_sum_to_one(tiny_network: TrustEnsemble) -> None:
    for network in (
        tiny_network.eval(),
        build_network(MeshConfidenceConfig("worst_joint_classifier")),
    ):
        sums = network(features()).worst.exp().sum(-1)
        torch.testing.assert_close(sums, torch.ones(6))


def test_a_mirror_image_is_judged_as_the_picture(tiny_network: TrustEnsemble) -> None:
    mirror = list(LSP_14_MIRRORED)
    with torch.no_grad():
        one, other = tiny_network.eval()(features()), tiny_network(features()[:, mirror])
    torch.testing.assert_close(one.good, other.good)
    torch.testing.assert_close(one.worst, other.worst[:, mirror])
    torch.testing.assert_close(one.joints, other.joints[:, mirror])
    assert one.good.std() > 1e-4


def test_the_verdict_is_the_mean_of_the_members(tiny_network: TrustEnsemble) -> None:
    mirror = list(LSP_14_MIRRORED)
    with torch.no_grad():
        found = tiny_network.eval()(features()).good.sigmoid()
        alone = [tiny_network.members(f).good for f in (features(), features()[:, mirror])]
    np.testing.assert_allclose(found, torch.cat(alone).sigmoid().mean(0), rtol=1e-5)


def test_missing_values_change_nothing_but_by_their_flags(tiny_network: TrustEnsemble) -> None:
    one = features()
    one[:, 3, 1], one[:, 3, 0] = 0, float("nan")
    other = one.clone()
    other[:, 3, 0] = 0.4  # a distance without a score is no distance
    torch.testing.assert_close(tiny_network.inputs(one), tiny_network.inputs(other))
    assert tiny_network.inputs(one).isfinite().all()
    one[..., 2:] = float("nan")
    assert tiny_network.inputs(one).isfinite().all()


def test_calibration_scales_the_odds(tiny_network: TrustEnsemble) -> None:
    network = TrustEnsemble(tiny_network.config).eval()
    network.load_state_dict(tiny_network.state_dict())
    with torch.no_grad():
        before = network(features())
        network.good_calibration.fill_(2.0)
        network.worst_calibration.fill_(0.5)
        after = network(features())
    torch.testing.assert_close(after.good, 2 * before.good)
    expected = (0.5 * before.worst).exp()
    torch.testing.assert_close(after.worst.exp(), expected / expected.sum(-1, keepdim=True))


def test_standardised_inputs_have_mean_0_and_deviation_1(tiny_network: TrustEnsemble) -> None:
    network = TrustEnsemble(tiny_network.config)
    inputs = network.inputs(features(500))
    network.standardise.measure(inputs)
    scaled = network.standardise(inputs)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(inputs.shape[1]), atol=1e-4, rtol=0)
    varying = inputs.std(0) > 1e-3
    ones = torch.ones(int(varying.sum()))
    torch.testing.assert_close(scaled[:, varying].std(0, correction=0), ones, atol=1e-3, rtol=0)
    assert scaled.isfinite().all()


@pytest.mark.parametrize("change", [{"members": 0}, {"dropout": 1.0}])
def test_a_config_out_of_range_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(MeshConfidenceConfig(), **change)  # type: ignore[arg-type]
