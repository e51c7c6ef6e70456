import dataclasses
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError
from training.datasets.packed import evenly_spaced, pack
from training.datasets.shader import iter_subjects
from training.datasets.splits import everyday_photo_split, subject_split
from training.engine.batches import SampleKey
from training.photos.label_photos import begun_labels, label_all
from training.photos.photo_folders import PhotoFolder
from training.photos.photo_label import LabelledPerson, PhotoLabel
from training.photos.photo_labels import PhotoLabels, record_of
from training.scenes.data_recipe import DataRecipe
from training.scenes.labelled_picture import TARGET, WEIGHT
from training.scenes.loading import (
    load_nobody,
    load_pairs,
    load_photos,
    load_places,
    photos_with_people,
    rendered_frames,
)
from training.scenes.sources import PackedLabelled, RenderedPeople
from training.silhouette.data import TrainingSamples
from training.silhouette.recipe import SilhouetteRecipe

SIDE = 32


def test_held_out_subjects_are_never_learned_from(recipe: SilhouetteRecipe) -> None:
    learned, held_out = (
        set(map(os.fsdecode, rendered_frames(recipe.data, flag).rows["folder"].tolist()))
        for flag in (False, True)
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
    assert isinstance(packed, PackedLabelled)
    assert len(packed) == len(decoded)
    assert packed[0].size == (40, 40)
    for number in range(len(packed)):
        one, other = packed[number], decoded[number]
        np.testing.assert_array_equal(one.layers, other.layers)
        np.testing.assert_array_equal(one.people[0].box, other.people[0].box)
        np.testing.assert_array_equal(one.people[0].keypoints, other.people[0].keypoints)


def test_more_pairs_than_a_recipe_packs_are_decoded_when_they_are_needed(
    recipe: SilhouetteRecipe, caplog: pytest.LogCaptureFixture
) -> None:
    gigabytes = len(load_pairs(recipe.data, False)) * 40 * 40 * 8 / 1e9
    for most, kind in ((1.01 * gigabytes, PackedLabelled), (0.99 * gigabytes, RenderedPeople)):
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


def test_photos_of_another_split_are_never_learned_from(recipe: SilhouetteRecipe) -> None:
    keys = []
    for held_out in (False, True):
        (source,) = photos_with_people(recipe.data, held_out)
        keys.append({source.key(index) for index in range(len(source))})
    assert keys[1] == {"ccp/0038"}
    assert "ccp/0019" not in keys[0]
    assert not keys[0] & keys[1]


def test_landmarks_tell_where_the_body_is_inside_cloth(recipe: SilhouetteRecipe) -> None:
    photos = load_photos(dataclasses.replace(recipe.data, photo_side=60), False)
    assert photos is not None
    layers = photos[0].layers
    body = (layers[..., TARGET] == 255) & (layers[..., WEIGHT] == 255)
    skin = np.zeros(body.shape, bool)
    skin[10:18, 15:25] = True
    assert body[skin].all()
    in_cloth = body & ~skin
    assert 20 < in_cloth.sum() < 0.2 * body.size
    assert not in_cloth[:, :12].any()
    assert not in_cloth[:, 28:].any()


def test_keypoints_of_other_photos_are_refused(recipe: SilhouetteRecipe) -> None:
    stored = dataclasses.replace(recipe.data, keypoints=None)
    with pytest.raises(InvalidInputError, match=r"photo 1 were found in a picture of|not of photo"):
        load_photos(stored, False)
    with pytest.raises(FileNotFoundError):
        load_photos(dataclasses.replace(stored, keypoints="nowhere.npz"), False)


@pytest.mark.parametrize("name", ["photo", "empty", "group", "cutout", "unvaried", "validation"])
@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_of_its_range_is_refused(name: str, share: float) -> None:
    with pytest.raises(ValueError, match=f"{name}_fraction is {share}; 0 to 1 is needed"):
        DataRecipe(**{f"{name}_fraction": share})  # type: ignore[arg-type]


def test_shares_that_are_more_than_all_and_negative_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 1\.2; 1 at most is possible"):
        DataRecipe(photo_fraction=0.5, empty_fraction=0.1, group_fraction=0.6)
    with pytest.raises(ValueError, match="body_weight is -1"):
        DataRecipe(body_weight=-1.0)


def name_in(split: str, count: int) -> list[str]:
    """Names of so many photos of a split in a folder named `people`."""
    names = (f"{number:03d}" for number in range(1000))
    return [name for name in names if everyday_photo_split("people", name) == split][:count]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Of six photos to learn from, two of them of nobody, and two held-out ones of a person."""
    root, rng = tmp_path / "people", np.random.default_rng(0)
    root.mkdir()
    labels = PhotoLabels(tmp_path / "labels", "m", "ab" * 32, {"people": str(root)}, {})
    records = {}
    for number, name in enumerate(name_in("training", 6) + name_in("validation", 2)):
        image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / f"{name}.png")
        ids, nobody = np.zeros((40, 50), np.uint8), number < 2
        people: tuple[LabelledPerson, ...] = ()
        if not nobody:
            ids[5:35, 20:30] = 1
            box = np.array([20, 5, 30, 35], np.float32)
            people = (LabelledPerson(box, np.zeros((17, 3), np.float32), 1.0, "outline"),)
        label = PhotoLabel(ids, ids * np.uint8(255), people, nobody)
        labels.write_masks(f"people/{name}.png", label)
        records[f"people/{name}.png"] = record_of(label)
    labels.with_records(records).save()
    return labels.root


def test_labelled_photos_are_learned_from_by_their_split(
    recipe: SilhouetteRecipe, labels: Path
) -> None:
    data = dataclasses.replace(recipe.data, photos=None, labels=str(labels))
    photos, held_out = load_photos(data, False), load_photos(data, True)
    places, nobody = load_places(data, photos), load_nobody(data)
    assert photos is not None
    assert nobody is not None
    assert held_out is not None
    assert places is not None
    assert (len(photos), len(held_out)) == (4, 2)
    assert all(len(photos[number].people) == 1 for number in range(4))
    assert (len(places), len(nobody)) == (4, 2)
    for source in (places, nobody):
        for number in range(len(source)):
            assert source[number].people == ()
            assert (source[number].layers[..., WEIGHT] == 255).all()


def test_without_labels_there_are_no_pictures_of_nobody(recipe: SilhouetteRecipe) -> None:
    assert load_nobody(dataclasses.replace(recipe.data, labels=None)) is None


def test_photos_of_both_sources_are_learned_from(
    recipe: SilhouetteRecipe, labels: Path, ccp_folder: Path
) -> None:
    data = dataclasses.replace(recipe.data, labels=str(labels))
    with pytest.raises(InvalidInputError, match="finds who else is in the photos"):
        load_photos(data, False)
    folder = PhotoFolder.open(ccp_folder)
    label_all([folder], begun_labels(labels, "m", "ab" * 32, [folder]), lambda _image: [])
    photos = load_photos(data, False)
    assert photos is not None
    (of_ccp, _) = photos_with_people(data, False)
    assert len(photos) == len(of_ccp) + 4
    samples = TrainingSamples.load(dataclasses.replace(recipe, data=data))
    assert samples.places is not None
    assert samples.nobody is not None
    assert (len(samples.places), len(samples.nobody)) == (len(photos), 2)
    assert len(samples.whole_photos) == len(photos)
    for index in range(10):
        assert samples[SampleKey(index, SIDE)].images.shape == (3, SIDE, SIDE)


def test_items_are_spread_evenly() -> None:
    assert evenly_spaced(range(10), 20) == tuple(range(10))
    assert evenly_spaced(range(10), 5) == (0, 2, 4, 6, 8)
    assert len(evenly_spaced(range(1000), 7)) == 7
