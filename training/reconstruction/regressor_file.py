"""The checkpoint of a trained regressor, before its intervals are calibrated."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from torch import Tensor, from_numpy

from model.body.asset import SmplAsset
from model.body.measurements import MEASUREMENTS
from model.checkpoint import CheckpointHeader, load_header
from model.errors import InvalidInputError
from model.reconstruction.checkpoint import Regressor, save_regressor
from model.reconstruction.intervals import FEATURES, NUM_KNOWN, IntervalParameters
from model.reconstruction.network import ReconstructionNetwork
from training.engine.atomic import replacing
from training.recipe import parse_recipe
from training.reconstruction.recipe import ReconstructionRecipe

KEYPOINTS_FILE = "keypoints.safetensors"
"""In a folder of prepared people: where COCO's keypoints are on the body."""
NORMAL_90 = 1.645
"""Standard deviations on either side of a normal distribution's mean that hold 90 % of it."""
UNKNOWN_CORRELATION = 1.0
"""Of the errors of a person's photos: until it is calibrated, more photos say no more."""


def write_keypoints(folder: Path, asset: SmplAsset) -> None:
    """Write where COCO's keypoints are, by Anny's own regressor.

    Raises:
        InvalidInputError: The asset has another topology than Anny's body.
        StorageError: The disk is full or read-only.
    """
    from training.synthetic.bodies import BodySource  # here: it takes seconds to load

    weights = BodySource().coco_weights
    if weights.shape[1] != len(asset.v_template):
        raise InvalidInputError(
            f"the asset has {len(asset.v_template)} vertices and Anny's body {weights.shape[1]}; "
            "the asset that `python -m training assets body` makes is needed"
        )
    save_keypoints(folder, weights / weights.sum(1, keepdims=True))


def save_keypoints(folder: Path, weights: np.ndarray) -> None:
    """Write weights (17, V) whose rows sum to one."""
    with replacing(folder / KEYPOINTS_FILE) as temporary:
        # `save_file` writes the memory of an array as it lies, transposed or not.
        save_file({"keypoint_weights": np.ascontiguousarray(weights, np.float32)}, temporary)


def read_keypoints(folders: Sequence[str]) -> Tensor:
    """(17, V) from the first of the folders.

    Raises:
        FileNotFoundError: It is not there.
    """
    path = Path(folders[0]) / KEYPOINTS_FILE
    if not path.is_file():
        raise FileNotFoundError(path)
    return from_numpy(load_file(path)["keypoint_weights"])


def normal_intervals() -> IntervalParameters:
    """Those that follow from the network's own deviations, of one group; not calibrated."""
    coefficients = np.zeros((NUM_KNOWN, len(MEASUREMENTS), len(FEATURES)))
    coefficients[..., FEATURES.index("deviation")] = NORMAL_90
    return IntervalParameters(
        edges=np.zeros(0),
        low=coefficients,
        high=coefficients.copy(),
        widening=np.zeros((NUM_KNOWN, 1, len(MEASUREMENTS))),
    )


def save_trained(
    path: Path, network: ReconstructionNetwork, input_size: int, header: CheckpointHeader
) -> None:
    """Write a trained network with what its recipe names: the body, and the keypoints on it.

    Args:
        path: Where to.
        network: Its weights, on any device.
        input_size: Side of the crops.
        header: Of the run; its newest part holds the recipe.

    Raises:
        FileNotFoundError: The body or the prepared people of the recipe are not there any more.
        ValueError: A weight is not finite in half precision.
    """
    content: dict[str, Any] = dict(header.lineage[-1].recipe)
    content.pop("command")
    recipe = parse_recipe(content, ReconstructionRecipe, str(path))
    regressor = Regressor(
        network=network,
        input_size=input_size,
        body_sha256=load_header(Path(recipe.data.body)).sha256,
        keypoint_weights=read_keypoints(recipe.data.people),
        intervals=normal_intervals(),
        error_correlation=UNKNOWN_CORRELATION,
    )
    save_regressor(path, regressor, header)
