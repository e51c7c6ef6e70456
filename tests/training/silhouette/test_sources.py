import dataclasses
import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from model.errors import InvalidInputError
from model.skeletons import MEDIAPIPE_33_NAMES
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import CcpKeypoints, Pose
from training.datasets.packed import PackedPictures, evenly_spaced, pack
from training.datasets.shader import iter_subjects
from training.datasets.splits import subject_split
from training.engine.batches import SampleKey
from training.silhouette.compositing import BONE, UNKNOWN, RenderedPairs
from training.silhouette.data import (
    TrainingSamples,
    ValidationSamples,
    load_pairs,
    load_photos,
    rendered_frames,
)
from training.silhouette.recipe import DataRecipe, SilhouetteRecipe

SIDE = 32


def test_held_out_subjects_are_never_learned_from(recipe: SilhouetteRecipe) -> None:
    learned, held_out = (
        set(rendered_frames(recipe.data, flag).folders.tolist()) for flag in (False, True)
    )
    assert learned
    assert held_out
    assert not learned & held_out
    # `evaluate` asks by subject: the same people, by the same rule, and others to report.
    (root,) = recipe.data.pairs
    by_split = {
        split: {
            str(s.folder) for s in iter_subjects(Path(root)) if subject_split(s.key, 0.5) == split
        }
        for split in ("training", "validation", "test")
    }
    assert by_split["training"] == learned
    assert by_split["validation"] == held_out
    assert by_split["test"]
    assert len(learned | held_out | by_split["test"]) == 8


def test_packed_pictures_are_the_decoded_ones(recipe: SilhouetteRecipe) -> None:
    unpacked = dataclasses.replace(recipe.data, max_packed_gb=0.0)
    packed, decoded = load_pairs(recipe.data, False), load_pairs(unpacked, False)
    assert isinstance(packed, PackedPictures)
    assert len(packed) == len(decoded)
    assert packed[0].shape == (40, 40, 5)
    for number in range(len(packed)):
        assert np.array_equal(packed[number], decoded[number])


def test_more_pairs_than_a_recipe_packs_are_decoded_when_they_are_needed(
    recipe: SilhouetteRecipe, caplog: pytest.LogCaptureFixture
) -> None:
    gigabytes = len(load_pairs(recipe.data, False)) * 40 * 40 * 5 / 1e9
    for most, kind in ((1.01 * gigabytes, PackedPictures), (0.99 * gigabytes, RenderedPairs)):
        cache = f"{recipe.data.cache}-{most}"
        data = dataclasses.replace(recipe.data, max_packed_gb=most, cache=cache)
        with caplog.at_level(logging.INFO):
            assert isinstance(load_pairs(data, False), kind)
    assert "are decoded as needed" in caplog.text
    assert not list(Path(cache).glob("pairs-*"))


def test_pictures_are_packed_once_and_again_when_they_change(tmp_path: Path) -> None:
    made: list[int] = []

    def make(value: int) -> Callable[[int], np.ndarray]:
        def picture(number: int) -> np.ndarray:
            made.append(number)
            return np.full((number + 1, 2, 3), value, np.uint8)

        return picture

    pack(3, make(1), tmp_path, "a", "packing")
    again = pack(3, make(2), tmp_path, "a", "packing")
    assert len(made) == 3
    assert [again[n].shape for n in range(3)] == [(1, 2, 3), (2, 2, 3), (3, 2, 3)]
    assert again[2].max() == 1
    travelled = pickle.loads(pickle.dumps(again))
    assert np.array_equal(travelled[1], again[1])
    assert len(pickle.dumps(again)) < 300
    assert pack(3, make(2), tmp_path, "b", "packing")[2].max() == 2


def with_bones(folder: Path, recipe: DataRecipe, weight: float) -> DataRecipe:
    """Everybody in the photos stands upright, with arms along the body."""
    points = {"shoulder": 0.36, "elbow": 0.5, "wrist": 0.6, "hip": 0.56, "knee": 0.68, "ankle": 0.8}
    landmarks = np.full((33, 2), 0.5, np.float32)
    for name, y in points.items():
        for side, x in (("left", 0.55), ("right", 0.45)):
            landmarks[MEDIAPIPE_33_NAMES.index(f"{side}_{name}")] = x, y
    numbers = list(ClothingCoParsing.open(Path(recipe.photos or "")).numbers)
    pose = Pose(landmarks, np.ones(33, np.float32))
    keypoints = CcpKeypoints.empty("model.task", "0" * 64)
    path = folder / "keypoints.npz"
    keypoints.extended(numbers, [(60, 40)] * len(numbers), [pose] * len(numbers)).save(path)
    return dataclasses.replace(recipe, bone_weight=weight, keypoints=str(path))


def test_bones_are_known_inside_cloth_and_nowhere_else(
    recipe: SilhouetteRecipe, tmp_path: Path
) -> None:
    data = dataclasses.replace(recipe.data, photo_side=60)
    plain = load_photos(data, False)
    boned = load_photos(with_bones(tmp_path, data, 2.0), False)
    assert plain is not None
    assert boned is not None
    before, after = plain[0], boned[0]
    bones = after[..., 3] == BONE
    assert 20 < bones.sum() < 0.2 * bones.size
    assert (before[..., 3][bones] == UNKNOWN).all()
    assert np.array_equal(before[..., 3][~bones], after[..., 3][~bones])
    assert np.array_equal(before[..., [0, 1, 2, 4, 5, 6]], after[..., [0, 1, 2, 4, 5, 6]])


def test_bones_never_count_as_skin_when_photos_are_judged(
    recipe: SilhouetteRecipe, tmp_path: Path
) -> None:
    plain, boned = recipe.data, with_bones(tmp_path, recipe.data, 2.0)
    labelled, also = (load_photos(data, True) for data in (plain, boned))
    assert labelled is not None
    assert also is not None
    assert also.folder == labelled.folder
    learned = load_photos(boned, False)
    assert learned is not None
    assert (learned[0][..., 3] == BONE).any()
    # Even if bones were in there.
    judged = ValidationSamples((), learned, SIDE)[0]
    whole = ValidationSamples((), labelled, SIDE)[0]
    torch.testing.assert_close(judged.naked, whole.naked, rtol=0, atol=0)


def test_samples_with_bones_say_more_about_the_same_pictures(
    recipe: SilhouetteRecipe, tmp_path: Path
) -> None:
    data = dataclasses.replace(recipe.data, photo_fraction=1.0)
    boned = with_bones(tmp_path, data, 2.0)
    plain_samples, boned_samples = (
        TrainingSamples(dataclasses.replace(recipe, data=chosen), (), load_photos(chosen, False))
        for chosen in (data, boned)
    )
    gained = 0
    for index in range(8):
        plain, more = (s[SampleKey(index, SIDE)] for s in (plain_samples, boned_samples))
        torch.testing.assert_close(plain.images, more.images, rtol=0, atol=0)
        assert (more.weight > 0)[plain.weight > 0].all()
        new = (more.weight == 2) & (plain.weight == 0)
        assert (more.confidence[new] == 1).all()
        gained += int(new.sum())
    assert gained > 50


def test_keypoints_of_other_photos_are_refused(recipe: SilhouetteRecipe) -> None:
    stored = dataclasses.replace(recipe.data, bone_weight=1.0)
    with pytest.raises(InvalidInputError, match=r"photo 1 were found in a picture of|not of photo"):
        load_photos(stored, False)
    with pytest.raises(FileNotFoundError):
        load_photos(dataclasses.replace(stored, keypoints="nowhere.npz"), False)
    with pytest.raises(ValueError, match="bone_weight is -1"):
        DataRecipe(bone_weight=-1.0)


def test_items_are_spread_evenly() -> None:
    assert evenly_spaced(range(10), 20) == tuple(range(10))
    assert evenly_spaced(range(10), 5) == (0, 2, 4, 6, 8)
    assert len(evenly_spaced(range(1000), 7)) == 7
