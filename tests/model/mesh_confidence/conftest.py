import numpy as np
import pytest

from model.mesh_confidence.features import MeshObservation
from model.mesh_confidence.network import TrustEnsemble
from model.mesh_confidence.predictor import MeshConfidencePredictor

STANDING = np.array(
    [
        *([95, 210], [97, 165], [100, 120], [124, 120], [127, 165], [129, 210]),
        *([70, 115], [78, 88], [95, 60], [129, 60], [146, 88], [154, 115], [112, 55], [112, 30]),
    ],
    np.float32,
)
"""A person of 224 x 224 pixels seen from the front, in the order of the 14 joints."""


@pytest.fixture
def standing() -> MeshObservation:
    """Keypoints where the mesh has its joints."""
    scores = np.full((14, 1), 0.9, np.float32)
    return MeshObservation(STANDING.copy(), np.hstack([STANDING, scores]))


@pytest.fixture(scope="session")
def tiny_network(tiny_mesh_confidence: MeshConfidencePredictor) -> TrustEnsemble:
    return tiny_mesh_confidence.network
