"""Bodies that a regressor sees in stored pictures, whatever its input is.

`ReconstructionPredictor` serves photos and maps. Networks that see true silhouettes are measured in
the same way here: one photo alone, no size known, no refinement.

V vertices, N betas.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from model.body.predictor import BodyPredictor
from model.checkpoint import CheckpointHeader, load_header
from model.errors import CheckpointError
from model.reconstruction.checkpoint import Regressor, load_regressor
from model.reconstruction.decode import decode, y_up_to_camera
from model.reconstruction.inputs import PersonView, preprocess
from model.reconstruction.network import (
    LAYERS,
    NUM_KEYPOINTS,
    Estimates,
    NetworkInput,
    ReconstructionConfig,
    ReconstructionNetwork,
)
from model.reconstruction.observations import Observed, observe
from model.reconstruction.predictor import BODY_FILE, ReconstructionPredictor
from training.reconstruction.data import view_of
from training.reconstruction.stored_people import StoredPerson


class Estimate(NamedTuple):
    """One person's body, from one photo."""

    betas: np.ndarray
    """(N,) float64."""
    log_variance: np.ndarray
    """(N,) float64."""
    vertices: np.ndarray
    """(V, 3) posed, Y up, in metres."""
    joints: np.ndarray
    """(24, 3) likewise."""


class Estimator:
    """A regressor and the body asset that its betas belong to."""

    def __init__(self, regressor: Regressor, body: BodyPredictor, device: torch.device) -> None:
        self.network = regressor.network.to(device).eval()
        self.config = regressor.network.config
        self.input_size = regressor.input_size
        self.header = regressor.header
        self.regressor = regressor
        self.body = body
        self.device = device
        self.served = (
            None
            if "silhouette" in LAYERS[self.config.inputs]
            else ReconstructionPredictor(regressor, body, device)
        )
        """None where the network sees what only training knows."""

    @classmethod
    def from_checkpoint(cls, path: Path, device: torch.device) -> "Estimator":
        """Load a regressor, and the body asset beside it or the one that it was trained with.

        Raises:
            FileNotFoundError: A file is not there.
            CheckpointError: One is damaged, or the asset is another one by now.
        """
        regressor = load_regressor(path)
        body = body_of(path, regressor)
        if load_header(body).sha256 != regressor.body_sha256:
            raise CheckpointError(f"{path.name} was trained with another body than {body}")
        return cls(regressor, BodyPredictor.from_checkpoint(body, device), device)

    def estimate(self, people: Sequence[StoredPerson]) -> list[Estimate]:
        """Each person from their picture alone."""
        estimates, observed = self.look([view_of(person, self.config) for person in people])
        with torch.no_grad():
            bodies = decode(self.body.smpl, estimates, observed.cameras)
            vertices, joints = (
                y_up_to_camera(part).float().cpu().numpy()
                for part in (bodies.vertices, bodies.joints)
            )
        betas, spread = (part.double().cpu().numpy() for part in estimates[:2])
        return [Estimate(*parts) for parts in zip(betas, spread, vertices, joints, strict=True)]

    def look(self, views: Sequence[PersonView]) -> tuple[Estimates, Observed]:
        """What the network says of some people, and what is seen of them."""
        prepared = [preprocess(view, self.config, self.input_size) for view in views]
        inputs = NetworkInput.joined([part for part, _ in prepared])
        crops = [crop for _, crop in prepared]
        observed = observe(views, crops, inputs.keypoints, self.config, self.device)
        with torch.no_grad():
            estimates: Estimates = self.network(*(part.to(self.device) for part in inputs))
        return estimates, observed

    @staticmethod
    def rebuilt(header: CheckpointHeader) -> nn.Module:
        """The network that a header describes, which takes any picture (1, 3, S, S): for costs."""
        fields: dict[str, Any] = dict(header.config["network"])
        config = ReconstructionConfig(**{**fields, "widths": tuple(fields["widths"])})
        return _OnAnyPicture(ReconstructionNetwork(config))


def body_of(path: Path, regressor: Regressor) -> Path:
    """Where the body asset of a regressor's checkpoint is: beside it, or where its recipe says.

    Raises:
        CheckpointError: There is none beside it, and no recipe.
    """
    beside = path.with_name(BODY_FILE)
    if beside.is_file():
        return beside
    assert regressor.header is not None
    recipes = [part.recipe for part in regressor.header.lineage if "data" in part.recipe]
    if not recipes:
        raise CheckpointError(f"{path.name} needs {BODY_FILE} beside it; there is none")
    return Path(recipes[-1]["data"]["body"])


class _OnAnyPicture(nn.Module):
    """Gives the network what it needs beside a picture."""

    def __init__(self, network: ReconstructionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """The betas of (B, 3, S, S)."""
        batch, _, *size = images.shape
        estimates: Estimates = self.network(
            images.new_zeros(batch, self.network.config.num_channels, *size),
            images.new_zeros(batch, NUM_KEYPOINTS, 3),
            images.new_zeros(batch, 4),
            images.new_zeros(batch, 3),
        )
        return estimates.betas
