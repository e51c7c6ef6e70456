import math

import pytest
import torch

from model.mesh_confidence.network import MeshConfidenceConfig, build_network
from model.skeletons import LSP_14_MIRRORED
from training.mesh_confidence.data import TrustBatch
from training.mesh_confidence.losses import is_good, trust_loss, varied, worst_joint
from training.mesh_confidence.recipe import Augmentation, LossRecipe


@pytest.fixture
def batch() -> TrustBatch:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(8, 14, 5, generator=generator)
    return TrustBatch(features, torch.rand(8, 14, generator=generator) * 0.3)


def test_a_mesh_is_good_up_to_an_error_of_a_tenth_everywhere() -> None:
    errors = torch.full((3, 14), 0.1)
    errors[1, 13], errors[2, 6] = 0.1001, 0.05
    assert is_good(errors).tolist() == [1, 0, 1]
    errors[0, 9] = 0.3
    assert worst_joint(errors).tolist()[:2] == [9, 13]


def test_the_loss_of_a_classifier_is_the_mean_cross_entropy(batch: TrustBatch) -> None:
    network = build_network(MeshConfidenceConfig("mesh_classifier"))
    odds = network(batch.features).good
    expected = [
        -math.log(1 / (1 + math.exp(-o if e.max() <= 0.1 else o)))
        for o, e in zip(odds.tolist(), batch.errors, strict=True)
    ]
    found = trust_loss(network, batch, LossRecipe())
    assert found["loss"].item() == pytest.approx(sum(expected) / 8, rel=1e-5)
    worst = build_network(MeshConfidenceConfig("worst_joint_classifier"))
    logs = worst(batch.features).worst
    expected = [-logs[row, joint].item() for row, joint in enumerate(batch.errors.argmax(1))]
    found = trust_loss(worst, batch, LossRecipe())
    assert found["loss"].item() == pytest.approx(sum(expected) / 8, rel=1e-5)


def test_the_loss_of_an_ensemble_is_the_mean_of_its_members_weighted(batch: TrustBatch) -> None:
    config = MeshConfidenceConfig(members=3, width=8, dropout=0.0)
    network = build_network(config)
    weights = LossRecipe(good=2.0, worst=0.5, joints=0.0, errors=0.1)
    found = trust_loss(network, batch, weights)
    outputs = network.members(batch.features)
    losses = torch.nn.functional.binary_cross_entropy_with_logits
    each = [losses(member, is_good(batch.errors)) for member in outputs.good]
    torch.testing.assert_close(found["good"], torch.stack(each).mean())
    nll = torch.nn.functional.cross_entropy
    each = [nll(member, batch.errors.argmax(1)) for member in outputs.worst]
    torch.testing.assert_close(found["worst"], torch.stack(each).mean())
    expected = 2 * found["good"] + 0.5 * found["worst"] + 0.1 * found["errors"]
    torch.testing.assert_close(found["loss"], expected)


def test_a_mirrored_row_is_mirrored_in_features_and_errors(batch: TrustBatch) -> None:
    mirror = list(LSP_14_MIRRORED)
    found = varied(batch, Augmentation(mirror_probability=1.0))
    torch.testing.assert_close(found.features, batch.features[:, mirror])
    torch.testing.assert_close(found.errors, batch.errors[:, mirror])
    assert varied(batch, Augmentation()) == batch


def test_hidden_channels_are_missing_and_distances_stay(batch: TrustBatch) -> None:
    found = varied(batch, Augmentation(hidden_probability=1.0))
    assert found.features[..., 2:].isnan().all()
    torch.testing.assert_close(found.features[..., :2], batch.features[..., :2])


def test_noise_changes_distances_and_scores_alone(batch: TrustBatch) -> None:
    torch.manual_seed(0)
    found = varied(batch, Augmentation(noise=0.1))
    ratios = (found.features / batch.features)[..., :2].log()
    assert 0.05 < float(ratios.std()) < 0.2
    torch.testing.assert_close(found.features[..., 2:], batch.features[..., 2:])
