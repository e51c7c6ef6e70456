"""Networks that judge a mesh by its disagreement with detected keypoints.

`MeshClassifier` and `WorstJointClassifier` are those of Jafarian, Qureshi, Error Estimation for
Single-Image Human Body Mesh Reconstruction, arXiv 2305.17245. `TrustEnsemble` is our own.

B batch, J = 14 joints, C = 5 channels of `features.CHANNELS`, M members, F inputs of a member.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.skeletons import LSP_14_MIRRORED, LSP_14_NAMES

NetworkName = Literal["mesh_classifier", "worst_joint_classifier", "trust_ensemble"]
NUM_JOINTS, NUM_CHANNELS = len(LSP_14_NAMES), 5
MESH_WIDTHS = (10, 8, 6)
WORST_WIDTHS = (28, 56, 28)
LEAST_DISTANCE, MOST_DISTANCE = 0.003, 3.0
LOG_ERROR_CENTRE = -3.0
"""About the mean logarithm of a joint's error."""
_LARGEST = 4
"""So many of the largest distances are inputs by rank too."""


class Judgement(NamedTuple):
    """What a network says of meshes; None of what it does not judge."""

    good: Float[Tensor, "B"] | None  # noqa: F821
    """Logarithmic odds that no joint's error is above 0.1."""
    worst: Float[Tensor, "B 14"] | None
    """Logarithms of the probabilities of each joint to have the largest error; they sum to one."""
    joints: Float[Tensor, "B 14"] | None
    """Logarithmic odds that the joint's error is at most 0.1."""


@dataclass(frozen=True)
class MeshConfidenceConfig:
    """Everything that rebuilds a network."""

    name: NetworkName = "trust_ensemble"
    members: int = 8
    """Of the ensemble."""
    width: int = 128
    """Of each hidden layer of a member."""
    depth: int = 2
    """Hidden layers of a member."""
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A number is out of its range.
        """
        for field in ("members", "width", "depth"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} is {getattr(self, field)}; it must be positive")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; 0 <= dropout < 1 is needed")


class Standardise(nn.Module):
    """Subtracts the mean of the training data and divides by its deviation; not learned."""

    def __init__(self, num_inputs: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(num_inputs))
        self.register_buffer("deviation", torch.ones(num_inputs))

    @torch.no_grad()
    def measure(self, inputs: Float[Tensor, "N F"]) -> None:
        """Take mean and deviation of the training data; inputs that never vary stay unscaled."""
        self.mean.copy_(inputs.mean(0))
        deviation = inputs.std(0, correction=0)
        self.deviation.copy_(torch.where(deviation > 1e-4, deviation, 1.0))

    def forward(self, inputs: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        """Standardised inputs."""
        return (inputs - self.mean) / self.deviation


def _perceptron(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class _OnDistances(nn.Module):
    """A perceptron that sees the 14 distances and nothing else."""

    def __init__(self, config: MeshConfidenceConfig, *widths: int) -> None:
        super().__init__()
        self.config = config
        self.standardise = Standardise(NUM_JOINTS)
        self.layers = _perceptron(NUM_JOINTS, *widths)

    def inputs(self, features: Float[Tensor, "B 14 5"]) -> Float[Tensor, "B 14"]:
        """Distances; that of a joint that was not found is the longest."""
        return features[..., 0].nan_to_num(MOST_DISTANCE).clamp(max=MOST_DISTANCE)

    def outputs(self, features: Float[Tensor, "B 14 5"]) -> Tensor:
        """Of the last layer."""
        found: Tensor = self.layers(self.standardise(self.inputs(features)))
        return found


class MeshClassifier(_OnDistances):
    """14-10-8-6-1: whether the mesh is good."""

    def __init__(self, config: MeshConfidenceConfig) -> None:
        super().__init__(config, *MESH_WIDTHS, 1)

    def forward(self, features: Float[Tensor, "B 14 5"]) -> Judgement:
        """Judge meshes."""
        return Judgement(self.outputs(features)[:, 0], None, None)


class WorstJointClassifier(_OnDistances):
    """14-28-56-28-14: which joint has the largest error."""

    def __init__(self, config: MeshConfidenceConfig) -> None:
        super().__init__(config, *WORST_WIDTHS, NUM_JOINTS)

    def forward(self, features: Float[Tensor, "B 14 5"]) -> Judgement:
        """Judge meshes."""
        return Judgement(None, self.outputs(features).log_softmax(-1), None)


class MemberOutputs(NamedTuple):
    """What the members of an ensemble say, each for itself."""

    good: Float[Tensor, "M B"]
    worst: Float[Tensor, "M B 14"]
    joints: Float[Tensor, "M B 14"]
    log_errors: Float[Tensor, "M B 14"]
    """Natural logarithm of each joint's error, less `LOG_ERROR_CENTRE`."""


class TrustEnsemble(nn.Module):
    """Several small perceptrons on distances, scores and what is made of them.

    Each member judges the mesh, the worst joint and every joint, and estimates every joint's error.
    The verdict is the mean of all members' probabilities for the mesh and for its mirror image. It
    is then calibrated by temperatures (Guo et al., On Calibration of Modern Neural Networks, ICML
    2017), which change no verdict and no order.
    """

    def __init__(self, config: MeshConfidenceConfig) -> None:
        super().__init__()
        self.config = config
        blank = torch.zeros(1, NUM_JOINTS, NUM_CHANNELS)
        num_inputs = self.inputs(blank).shape[1]
        self.standardise = Standardise(num_inputs)
        widths = [num_inputs, *[config.width] * config.depth, 1 + 3 * NUM_JOINTS]
        pairs = list(itertools.pairwise(widths))
        self.weights = nn.ParameterList(
            torch.randn(config.members, before, after) * math.sqrt(gain / before)
            for (before, after), gain in zip(pairs, [*[2.0] * config.depth, 0.02], strict=True)
        )
        self.biases = nn.ParameterList(torch.zeros(config.members, after) for _, after in pairs)
        self.good_calibration: Tensor
        self.joint_calibration: Tensor
        self.worst_calibration: Tensor
        for name in ("good", "joint", "worst"):
            self.register_buffer(f"{name}_calibration", torch.ones(1))

    def inputs(self, features: Float[Tensor, "B 14 5"]) -> Float[Tensor, "B F"]:
        """Distances, their logarithms and ranks, scores, and means; with flags for what is missing.

        Missing values are 0, so that a flag alone tells them.
        """
        distance, score, residual, low, deviation = features.unbind(-1)
        found = (distance.isfinite() & (score > 0)).float()
        near = distance.nan_to_num(0.0).clamp(0, 1) * found
        logs = distance.nan_to_num(1.0).clamp(LEAST_DISTANCE, MOST_DISTANCE).log() * found
        ranked = torch.where(found > 0, logs, math.log(LEAST_DISTANCE))
        largest = ranked.sort(-1, descending=True).values[:, :_LARGEST]
        number = found.sum(-1).clamp(min=1)
        weights = score / (score.sum(-1, keepdim=True) + 1e-3)
        means = [logs.sum(-1) / number, (logs * weights).sum(-1), near.sum(-1) / number]
        means += [(near * weights).sum(-1), score.mean(-1), score.amin(-1), number / NUM_JOINTS]
        parts = [logs, score, near * score, near, found, largest, torch.stack(means, -1)]
        for optional in (residual, low, deviation):
            known = optional.isfinite()
            values = torch.where(known, optional, 0.0)
            count = known.sum(-1, keepdim=True)
            parts += [values.clamp(0, 1), values.sum(-1, keepdim=True) / count.clamp(min=1)]
            parts += [count / NUM_JOINTS]
        return torch.cat(parts, -1)

    def members(self, features: Float[Tensor, "B 14 5"]) -> MemberOutputs:
        """Of every member, uncalibrated."""
        hidden = self.standardise(self.inputs(features)).expand(self.config.members, -1, -1)
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias[:, None], hidden, weight)
            if number < last:
                hidden = F.dropout(F.silu(hidden), self.config.dropout, self.training)
        good, worst, joints, errors = hidden.split([1, *[NUM_JOINTS] * 3], -1)
        return MemberOutputs(good[..., 0], worst, joints, errors)

    def uncalibrated(self, features: Float[Tensor, "B 14 5"]) -> Judgement:
        """Means over the members and the mirror image."""
        mirror = list(LSP_14_MIRRORED)
        seen = self.members(features)
        mirrored = self.members(features[:, mirror])

        def mean(one: Tensor, other: Tensor) -> Tensor:
            return ((one.mean(0) + other.mean(0)) / 2).clamp(1e-6, 1 - 1e-6)

        good = mean(seen.good.sigmoid(), mirrored.good.sigmoid())
        joints = mean(seen.joints.sigmoid(), mirrored.joints.sigmoid()[..., mirror])
        worst = mean(seen.worst.softmax(-1), mirrored.worst.softmax(-1)[..., mirror])
        return Judgement(good.logit(), worst.log(), joints.logit())

    def forward(self, features: Float[Tensor, "B 14 5"]) -> Judgement:
        """Judge meshes; the probabilities are calibrated."""
        good, worst, joints = self.uncalibrated(features)
        assert good is not None
        assert worst is not None
        assert joints is not None
        return Judgement(
            good * self.good_calibration,
            (worst * self.worst_calibration).log_softmax(-1),
            joints * self.joint_calibration,
        )


MeshConfidenceNetwork = MeshClassifier | WorstJointClassifier | TrustEnsemble
NETWORKS: dict[NetworkName, type[MeshConfidenceNetwork]] = {
    "mesh_classifier": MeshClassifier,
    "worst_joint_classifier": WorstJointClassifier,
    "trust_ensemble": TrustEnsemble,
}


def build_network(config: MeshConfidenceConfig) -> MeshConfidenceNetwork:
    """A network with drawn weights."""
    return NETWORKS[config.name](config)
