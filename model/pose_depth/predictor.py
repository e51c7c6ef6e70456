"""Poses of a detector in, corrected poses out.

N frames, K keypoints: COCO's 17 or MediaPipe's 33.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from model.checkpoint import (
    CheckpointHeader,
    in_half_precision,
    load_checkpoint,
    save_checkpoint,
)
from model.errors import CheckpointError, InvalidInputError
from model.pose_depth.architectures import ARCHITECTURES, RefinerNetwork, architecture_of, build
from model.pose_depth.network import Refinement
from model.pose_depth.poses import ObservedPoses, batched, mirrored, mirrored_points, observed
from model.pose_depth.skeleton import COCO_OF_MEDIAPIPE, HIPS
from model.pose_depth.smoothing import smoothed
from model.pose_depth.temporal import SPAN_S
from model.pose_depth.view import azimuth_deg, elevation_deg
from model.skeletons import COCO_17_MIRRORED, MEDIAPIPE_33_NAMES, MEDIAPIPE_OF_COCO

WINDOW = 256
"""Frames of a long sequence that are refined at a time, with those around them as context."""
SMOOTHING_S = 0.04
"""Spread of the smoothing over time that `refine_sequence` does by itself."""


@dataclass(frozen=True)
class RefinedPoses:
    """Corrected poses, hip-centred, in the camera's axes: x right, y down, z away."""

    joints: Float32[np.ndarray, "N K 3"]
    """Metres."""
    confidence: Float32[np.ndarray, "N K"]
    """Probability that a joint is within 0.1 m of where it should be, in [0, 1]."""
    azimuth_deg: Float32[np.ndarray, "N"]  # noqa: F821
    """Of the camera, in [0, 360): 0 before the person's trunk, 90 at their right, 180 behind."""
    elevation_deg: Float32[np.ndarray, "N"]  # noqa: F821
    """Of the camera above the plane across the trunk, in [-90, 90]."""

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.joints)


class DepthRefiner:
    """A network with the way from a detector's arrays and back around it."""

    def __init__(
        self,
        network: RefinerNetwork,
        device: torch.device | str = "cpu",
        header: CheckpointHeader | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.header = header

    @classmethod
    def from_checkpoint(cls, path: Path, device: torch.device | str = "cpu") -> "DepthRefiner":
        """Rebuild the network that the checkpoint describes.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: The file is damaged or holds something else.
        """
        header, tensors = load_checkpoint(path, *ARCHITECTURES)
        try:
            network = build(header.architecture, header.config["network"])
            network.load_state_dict(tensors, strict=True)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path.name} does not fit its network: {error}") from error
        return cls(network, device, header)

    def refine(
        self, poses: np.ndarray, visibility: np.ndarray | None, keypoints: np.ndarray
    ) -> RefinedPoses:
        """Correct poses that are no sequence.

        Args:
            poses: (N, K, 3) or one pose (K, 3), metres, in the camera's axes; any origin.
            visibility: (N, K) or (K,) in [0, 1]; None where the detector gives none.
            keypoints: (N, K, 2) or (K, 2) in the picture; both coordinates in the same unit.

        Raises:
            InvalidInputError: The arrays do not fit each other, or a number is not usable.
        """
        if poses.ndim == 2:
            visibility = None if visibility is None else visibility[None]
            poses, keypoints = poses[None], keypoints[None]
        (refined,) = self.predict_batch([observed(poses, keypoints, visibility)])
        return with_landmarks(refined, poses)

    def refine_sequence(
        self,
        poses: np.ndarray,
        visibility: np.ndarray | None,
        keypoints: np.ndarray,
        frame_rate: float = 30.0,
        smoothing_s: float = SMOOTHING_S,
    ) -> RefinedPoses:
        """Correct the poses of a video: frames learn from their neighbours.

        Args:
            poses: (N, K, 3) as for `refine`.
            visibility: (N, K) as for `refine`.
            keypoints: (N, K, 2) as for `refine`.
            frame_rate: Frames a second.
            smoothing_s: Spread of the smoothing over time, in seconds; 0 smooths nothing.

        Raises:
            InvalidInputError: The arrays do not fit each other, or a number is not usable.
        """
        if not (0 < frame_rate <= 1e4 and 0 <= smoothing_s <= 1):
            raise InvalidInputError(
                f"frame_rate is {frame_rate} and smoothing_s {smoothing_s}; a rate up to 10000 and "
                "a spread of 0 to 1 second are possible"
            )
        seconds = np.arange(len(poses)) / frame_rate
        (refined,) = self.predict_batch([observed(poses, keypoints, visibility, seconds)])
        joints = smoothed(refined.joints, seconds, smoothing_s)
        return with_landmarks(dataclasses.replace(refined, joints=joints), poses)

    def predict_batch(self, items: Sequence[ObservedPoses]) -> list[RefinedPoses]:
        """Corrected poses of each item, as COCO's keypoints and without smoothing."""
        if not items:
            return []
        singles = [one for one in items if one.seconds is None]
        found = iter(self._refine_singles(singles) if singles else [])
        return [next(found) if one.seconds is None else self._refine_long(one) for one in items]

    def _refine_singles(self, items: Sequence[ObservedPoses]) -> list[RefinedPoses]:
        """Each frame is a sequence of its own."""
        frames = [_cut(one, slice(i, i + 1)) for one in items for i in range(len(one))]
        joints = np.concatenate([one.joints for one in items])
        refined = self._refined(joints, self._run(frames), 0)
        starts = np.cumsum([0, *map(len, items)])
        return [_part(refined, slice(a, b)) for a, b in itertools.pairwise(starts)]

    def _refine_long(self, one: ObservedPoses) -> RefinedPoses:
        """Window by window, each with all frames around it that have an influence."""
        assert one.seconds is not None
        reach = SPAN_S * max(1, getattr(self.network.config, "num_blocks", 1)) + 1e-6
        parts = []
        for first in range(0, len(one), WINDOW):
            last = min(first + WINDOW, len(one))
            low = int(np.searchsorted(one.seconds, one.seconds[first] - reach))
            high = int(np.searchsorted(one.seconds, one.seconds[last - 1] + reach, "right"))
            part = _cut(one, slice(low, high))
            refined = self._refined(part.joints, self._run([part]), 1)
            parts.append(_part(refined, slice(first - low, last - low)))
        fields = [field.name for field in dataclasses.fields(RefinedPoses)]
        return RefinedPoses(*(np.concatenate([getattr(p, n) for p in parts]) for n in fields))

    def _run(self, sequences: Sequence[ObservedPoses]) -> Refinement:
        """Means of what the network says of the poses and of their mirror images."""
        poses = batched(sequences)
        poses = type(poses)(*(tensor.to(self.device) for tensor in poses))
        with torch.inference_mode():
            found, flipped = self.network(poses), self.network(mirrored(poses))
        direction = flipped.direction * flipped.direction.new_tensor([-1, 1, 1])
        return Refinement(
            (found.offsets + mirrored_points(flipped.offsets)) / 2,
            (found.confidence + flipped.confidence[..., list(COCO_17_MIRRORED)]) / 2,
            found.direction + direction,
            (found.distance + flipped.distance) / 2,
        )

    def _refined(self, joints: np.ndarray, found: Refinement, axis: int) -> RefinedPoses:
        """Frames of a batch along one axis, the other one having a length of 1."""

        def frames(tensor: Tensor) -> np.ndarray:
            array: np.ndarray = tensor.squeeze(1 - axis).float().cpu().numpy()
            return array

        moved = joints + frames(found.offsets)
        return RefinedPoses(
            moved - moved[:, list(HIPS)].mean(1, keepdims=True),
            frames(found.confidence.sigmoid()),
            frames(azimuth_deg(found.direction)),
            frames(elevation_deg(found.direction)),
        )


def _cut(one: ObservedPoses, frames: slice) -> ObservedPoses:
    seconds = None if one.seconds is None else one.seconds[frames]
    return ObservedPoses(one.joints[frames], one.keypoints[frames], one.visibility[frames], seconds)


def with_landmarks(refined: RefinedPoses, poses: np.ndarray) -> RefinedPoses:
    """The landmarks of the given poses, moved as their keypoints were; (N, K, 3) with K 17 or 33.

    Fingers move with the wrist, heel and toes with the ankle, the mouth with the nose.
    """
    if poses.shape[1] != len(MEDIAPIPE_33_NAMES):
        return refined
    given = poses.astype(np.float32)
    keypoints = given[:, list(MEDIAPIPE_OF_COCO)]
    follow = list(COCO_OF_MEDIAPIPE)
    return dataclasses.replace(
        refined,
        joints=given + (refined.joints - keypoints)[:, follow],
        confidence=refined.confidence[:, follow],
    )


def _part(refined: RefinedPoses, frames: slice) -> RefinedPoses:
    names = [field.name for field in dataclasses.fields(RefinedPoses)]
    return RefinedPoses(*(getattr(refined, name)[frames] for name in names))


def save_refiner_checkpoint(
    path: Path, network: RefinerNetwork, _: int, header: CheckpointHeader
) -> None:
    """Write what `DepthRefiner.from_checkpoint` reads; weights are kept in half precision.

    Args:
        path: Where to.
        network: Its weights, on any device.
        _: The side of pictures, which this network does not take.
        header: `architecture` and `config` are filled in here.

    Raises:
        ValueError: A weight is not finite in half precision.
    """
    described = {"network": dataclasses.asdict(network.config)}
    header = dataclasses.replace(header, architecture=architecture_of(network), config=described)
    save_checkpoint(path, in_half_precision(network.state_dict()), header)
