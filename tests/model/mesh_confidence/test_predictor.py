import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import CheckpointHeader, TrainingPart
from model.errors import CheckpointError, InvalidInputError
from model.mesh_confidence.features import MeshObservation
from model.mesh_confidence.network import MeshConfidenceConfig, build_network
from model.mesh_confidence.predictor import (
    MeshConfidencePredictor,
    load_network,
    save_mesh_confidence_checkpoint,
)

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "made up", 3),), {}, "Apache-2.0")


def test_a_batch_gives_what_each_item_gives_alone(
    tiny_mesh_confidence: MeshConfidencePredictor, standing: MeshObservation
) -> None:
    stretched = standing.projected * np.array([1.2, 0.9], np.float32)
    wrong = dataclasses.replace(standing, projected=stretched)
    together = tiny_mesh_confidence.predict_batch([standing, wrong])
    for item, joint in zip((standing, wrong), together, strict=True):
        (alone,) = tiny_mesh_confidence.predict_batch([item])
        assert joint.mesh == pytest.approx(alone.mesh, abs=1e-6)
        np.testing.assert_allclose(joint.joints, alone.joints, atol=1e-6)
        np.testing.assert_allclose(joint.worst, alone.worst, atol=1e-6)
        assert 0 <= joint.mesh <= 1
        assert joint.worst.sum() == pytest.approx(1, abs=1e-5)
    assert together[0].mesh != pytest.approx(together[1].mesh, abs=1e-6)
    assert tiny_mesh_confidence.predict_batch([]) == []


def test_a_checkpoint_gives_the_same_judgements(
    tiny_mesh_confidence: MeshConfidencePredictor, standing: MeshObservation, tmp_path: Path
) -> None:
    path = tmp_path / "mesh_confidence.safetensors"
    save_mesh_confidence_checkpoint(path, tiny_mesh_confidence.network, HEADER)
    loaded = MeshConfidencePredictor.from_checkpoint(path)
    (expected,) = tiny_mesh_confidence.predict_batch([standing])
    (found,) = loaded.predict_batch([standing])
    assert found.mesh == pytest.approx(expected.mesh, abs=1e-6)
    assert loaded.header is not None
    assert loaded.header.lineage == HEADER.lineage


def test_a_reference_classifier_is_loaded_but_not_served(tmp_path: Path) -> None:
    path = tmp_path / "reference.safetensors"
    network = build_network(MeshConfidenceConfig("mesh_classifier"))
    save_mesh_confidence_checkpoint(path, network, HEADER)
    loaded, _ = load_network(path)
    features = torch.rand(3, 14, 5)
    torch.testing.assert_close(loaded(features).good, network.eval()(features).good)
    with pytest.raises(CheckpointError, match="a trust_ensemble is needed"):
        MeshConfidencePredictor.from_checkpoint(path)


def test_a_mesh_that_is_nowhere_is_refused(
    tiny_mesh_confidence: MeshConfidencePredictor, standing: MeshObservation
) -> None:
    nowhere = dataclasses.replace(standing, projected=np.full((14, 2), np.nan, np.float32))
    with pytest.raises(InvalidInputError, match="not finite"):
        tiny_mesh_confidence.predict_batch([standing, nowhere])
