"""Disagreements with keypoints, and true errors, of meshes: read from arrays, split, and sampled.

A folder holds `train.npz`, `train_occluded.npz`, `test.npz` and `test_occluded.npz`, each with

    predicted_to_detected  (N, 14)  distances as in `model.mesh_confidence.features`
    detector_confidence    (N, 14)  scores; 0 where the joint was not found
    predicted_to_truth     (N, 14)  the same distances to the true joints

and, where they are known, `residual`, `low_confidence` and `deviation` (N, 14), `sequence` (N,),
the number of the video or person, and `occluded` (N,), the joint under the occluder or -1. Row n of
a file and row n of its occluded twin show the same picture.

N rows, B batch.
"""

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from model.errors import InvalidInputError
from model.mesh_confidence.features import CHANNELS
from model.mesh_confidence.joints import LEFT_HIP, NECK, NUM_JOINTS, RIGHT_HIP
from training.engine.batches import SampleKey
from training.mesh_confidence.recipe import FilterRecipe

DISTANCES, SCORES, ERRORS = "predicted_to_detected", "detector_confidence", "predicted_to_truth"
KNOWN = (DISTANCES, SCORES, "residual", "low_confidence", "deviation")
"""Arrays of a file, in the order of `CHANNELS`."""
BLOCK = 1105
"""Rows of one block of a file without sequences, which is then split by blocks: frames of a video
follow each other."""
VALIDATION_FOLD, NUM_FOLDS = 2, 5
"""One sequence in five chooses the best step."""
Part = Literal["train", "test"]


@dataclass(frozen=True)
class MeshErrors:
    """Rows of one or several files."""

    features: np.ndarray
    """(N, 14, 5) float32, `CHANNELS` of each joint; NaN where unknown."""
    errors: np.ndarray
    """(N, 14) float32."""
    sequence: np.ndarray
    """(N,) int64."""
    occluded: np.ndarray
    """(N,) int64, the joint under the occluder; -1 for none or unknown."""

    def __len__(self) -> int:
        return len(self.errors)

    def where(self, chosen: np.ndarray) -> "MeshErrors":
        """Some of the rows."""
        return MeshErrors(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def joined(cls, parts: "list[MeshErrors]") -> "MeshErrors":
        """The rows of all parts."""
        columns = ([getattr(part, field.name) for part in parts] for field in fields(cls))
        return cls(*map(np.concatenate, columns))

    def held_out(self, is_held_out: bool) -> "MeshErrors":
        """The rows of the sequences that choose, or of all others."""
        return self.where((self.sequence % NUM_FOLDS == VALIDATION_FOLD) == is_held_out)

    def filtered(self, recipe: FilterRecipe) -> "MeshErrors":
        """Without rows whose spine was hardly found, and without those of absurd errors."""
        spine = self.features[:, [RIGHT_HIP, LEFT_HIP, NECK], CHANNELS.index("score")]
        kept = (spine >= recipe.least_spine_score).all(1)
        kept &= (self.errors <= recipe.most_error).all(1)
        return self.where(kept)


def read_errors(path: Path) -> MeshErrors:
    """One file.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It is damaged, or holds something else.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    for name in (DISTANCES, SCORES, ERRORS):
        if name not in arrays:
            raise InvalidInputError(f"{path} holds {', '.join(sorted(arrays))}, and no {name}")
    number = len(arrays[ERRORS])
    for name, array in arrays.items():
        wanted = (number,) if name in ("sequence", "occluded") else (number, NUM_JOINTS)
        if name in (*KNOWN, ERRORS, "sequence", "occluded") and array.shape != wanted:
            raise InvalidInputError(f"{path}: {name} is {array.shape}; {wanted} is needed")
    if not number or not np.isfinite(arrays[ERRORS]).all():
        raise InvalidInputError(f"{path}: {ERRORS} is empty, or not finite")
    nothing = np.full((number, NUM_JOINTS), np.nan, np.float32)
    features = np.stack([arrays.get(name, nothing) for name in KNOWN], -1).astype(np.float32)
    features[..., 1] = np.nan_to_num(features[..., 1])
    return MeshErrors(
        features,
        arrays[ERRORS].astype(np.float32),
        np.asarray(arrays.get("sequence", np.arange(number) // BLOCK), np.int64),
        np.asarray(arrays.get("occluded", np.full(number, -1)), np.int64),
    )


def save_errors(path: Path, rows: MeshErrors) -> None:
    """Write what `read_errors` reads, to a path that is replaced by the caller."""
    arrays = {name: rows.features[..., channel] for channel, name in enumerate(KNOWN)}
    arrays |= {ERRORS: rows.errors, "sequence": rows.sequence, "occluded": rows.occluded}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def files_of(folder: Path, part: Part) -> dict[str, Path]:
    """The files of a part that are there: `plain` and `occluded`.

    Raises:
        FileNotFoundError: The plain one is not there.
    """
    plain, occluded = folder / f"{part}.npz", folder / f"{part}_occluded.npz"
    if not plain.is_file():
        raise FileNotFoundError(plain)
    return {"plain": plain} | ({"occluded": occluded} if occluded.is_file() else {})


def load_errors(folders: list[Path], part: Part) -> MeshErrors:
    """Everything that folders hold of a part, plain and occluded.

    Raises:
        FileNotFoundError: A folder lacks its plain file.
        InvalidInputError: No folder is named, or a file is damaged.
    """
    if not folders:
        raise InvalidInputError("no data: name folders in data.errors, or by --data")
    files = [path for folder in folders for path in files_of(folder, part).values()]
    return MeshErrors.joined([read_errors(path) for path in files])


class TrustBatch(NamedTuple):
    """A batch of rows, or one row without the first axis."""

    features: Tensor
    """(B, 14, 5) float32."""
    errors: Tensor
    """(B, 14) float32."""


class TrainingSamples(Dataset[TrustBatch]):
    """Rows in a new order in each pass over them."""

    def __init__(self, rows: MeshErrors, seed: int) -> None:
        self._features = torch.from_numpy(rows.features)
        self._errors = torch.from_numpy(rows.errors)
        self._seed = seed
        self._pass, self._order = -1, np.empty(0, np.int64)

    def __getitem__(self, key: SampleKey) -> TrustBatch:
        """The row of a sample's number in the run."""
        current, place = divmod(key.index, len(self._errors))
        if current != self._pass:
            generator = np.random.default_rng(np.random.SeedSequence((self._seed, current)))
            self._pass, self._order = current, generator.permutation(len(self._errors))
        row = int(self._order[place])
        return TrustBatch(self._features[row], self._errors[row])


def in_batches(rows: MeshErrors, size: int = 2048) -> list[TrustBatch]:
    """All rows in order."""
    features, errors = torch.from_numpy(rows.features), torch.from_numpy(rows.errors)
    return [
        TrustBatch(*both) for both in zip(features.split(size), errors.split(size), strict=True)
    ]
