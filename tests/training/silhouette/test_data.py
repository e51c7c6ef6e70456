import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from model.errors import InvalidInputError
from model.silhouette.people import Person
from model.silhouette.predictor import preprocess
from training.engine.batches import SampleKey, Stage, StagedBatches, batch_loader
from training.scenes.composition import SceneRecipe
from training.scenes.data_recipe import DataRecipe
from training.scenes.labelled_picture import (
    NAKED,
    NUM_LAYERS,
    OWNER,
    RGB,
    TARGET,
    WEIGHT,
    LabelledPicture,
)
from training.scenes.loading import FRAMES_ON_THE_FLY, load_pairs, load_photos
from training.scenes.sources import StreamedPeople
from training.silhouette.data import (
    SilhouetteBatch,
    TrainingSamples,
    ValidationSamples,
    to_sample,
)
from training.silhouette.recipe import SilhouetteRecipe

SIDE = 32
STILL = SceneRecipe(whole_fraction=1, close_fraction=0, turned_fraction=0, quarter_fraction=0)
"""Scenes that are whole pictures, mirrored or not."""


@pytest.fixture
def samples(recipe: SilhouetteRecipe) -> TrainingSamples:
    return TrainingSamples.load(recipe)


def of_kind(recipe: SilhouetteRecipe, kind: str, **values: Any) -> TrainingSamples:
    """Samples of one kind alone: `photo`, `empty`, `group`, or `pair`."""
    shares: dict[str, Any] = {
        f"{name}_fraction": float(name == kind) for name in ("photo", "empty", "group")
    }
    data = dataclasses.replace(recipe.data, **shares, **values)
    return TrainingSamples.load(dataclasses.replace(recipe, data=data))


def known_picture(image: np.ndarray) -> LabelledPicture:
    """Nobody, known everywhere."""
    layers = np.zeros((*image.shape[:2], NUM_LAYERS), np.uint8)
    layers[..., RGB], layers[..., WEIGHT] = image, 255
    return LabelledPicture(layers, ())


def test_a_sample_depends_on_its_key_alone(samples: TrainingSamples) -> None:
    keys = [SampleKey(index, SIDE) for index in range(8)]
    forwards = [samples[key] for key in keys]
    backwards = [samples[key] for key in reversed(keys)][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        torch.testing.assert_close(tuple(one), tuple(other), rtol=0, atol=0)
    assert not torch.equal(forwards[0].images, forwards[1].images)


def test_unvaried_pictures_keep_every_pixel_but_for_mirroring(recipe: SilhouetteRecipe) -> None:
    """The oracle is the packed picture itself."""
    data = dataclasses.replace(recipe.data, unvaried_fraction=1.0, photos=None)
    still = dataclasses.replace(recipe, data=data, scenes=STILL)
    samples = TrainingSamples.load(still)
    stored = load_pairs(data, False)
    side = max(stored[0].size)
    images = [stored[number].layers[..., RGB] for number in range(len(stored))]
    pictures = {np.ascontiguousarray(image).tobytes() for image in images}
    mirrored = {np.ascontiguousarray(image[:, ::-1]).tobytes() for image in images}
    seen = set()
    for index in range(12):
        shown = samples[SampleKey(index, side)].images.permute(1, 2, 0).numpy()
        pixels = np.ascontiguousarray(np.rint(shown * 255).astype(np.uint8)).tobytes()
        assert pixels in pictures | mirrored
        seen.add(pixels in pictures)
    assert seen == {True, False}


# On a machine with one core torch advises against two workers.
@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes:UserWarning")
def test_the_number_of_workers_changes_nothing(
    samples: TrainingSamples, recipe: SilhouetteRecipe
) -> None:
    alone, helped = (
        list(batch_loader(samples, StagedBatches(recipe.stages), workers, torch.device("cpu")))
        for workers in (0, 2)
    )
    assert [len(batch.images) for batch in alone] == [4, 4, 4, 2, 2]
    for one, other in zip(alone, helped, strict=True):
        torch.testing.assert_close(tuple(one), tuple(other), rtol=0, atol=0)


def test_samples_are_what_the_network_needs(samples: TrainingSamples) -> None:
    kinds = set()
    for index in range(60):
        sample = samples[SampleKey(index, SIDE)]
        assert sample.images.shape == (3, SIDE, SIDE)
        assert sample.images.dtype == torch.float32
        for layer in sample[:5]:
            assert torch.isfinite(layer).all()
            assert layer.min() >= 0
        for layer in (sample.images, sample.confidence, sample.dressed, sample.naked):
            assert layer.max() <= 1
        people = sample.people
        cells = (SIDE // 4, SIDE // 4)
        assert people.heat.shape == people.known.shape == (18, *cells)
        assert people.distances.shape == (4, *cells)
        assert people.has_box.shape == cells
        assert torch.isfinite(people.distances).all()
        kinds.add((bool(sample.is_photo), bool(sample.naked.any()), bool(sample.weight.min() > 0)))
    # A photo with unknown cloth, and a rendered person, known everywhere.
    assert {(True, True, False), (False, True, True)} <= kinds


@pytest.mark.parametrize("size", [(32, 20), (17, 32), (32, 32), (90, 41)])
def test_dataset_and_predictor_see_a_picture_alike(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    expected, _ = preprocess(image, SIDE)
    sample = to_sample(known_picture(image), SIDE)
    torch.testing.assert_close(sample.images, expected[0], rtol=0, atol=0)


def test_the_letterbox_border_is_known_background(rng: np.random.Generator) -> None:
    picture = known_picture(rng.integers(0, 256, (32, 16, 3), dtype=np.uint8))
    picture.layers[..., [NAKED, TARGET]] = 255
    picture.layers[:4, :, WEIGHT] = 0
    sample = to_sample(picture, SIDE, body_weight=5.0)
    border = torch.ones(SIDE, dtype=torch.bool)
    border[8:24] = False
    assert sample.is_photo
    assert (sample.weight[..., border] == 1).all()
    assert (sample.confidence[..., border] == 0).all()
    assert (sample.weight[:, 4:, ~border] == 5).all()
    assert (sample.weight[:, :4, ~border] == 0).all()
    assert (sample.confidence[..., ~border] == 1).all()
    known = sample.people.known[0]
    assert known[:, :2].all()
    assert not known[0, 2:6].any()
    assert known[1:].all()


def test_what_is_known_everywhere_has_the_same_weight_everywhere() -> None:
    picture = known_picture(np.zeros((32, 32, 3), np.uint8))
    picture.layers[:, 8:16, [NAKED, TARGET]] = 255
    sample = to_sample(picture, SIDE, body_weight=5.0)
    assert not sample.is_photo
    assert (sample.weight == 1).all()


def test_people_are_where_the_letterbox_puts_their_pixels() -> None:
    picture = known_picture(np.zeros((64, 32, 3), np.uint8))
    picture.layers[16:56, 8:24, OWNER] = 1
    keypoints = np.ones((17, 3), np.float32)
    keypoints[:, :2] = 14, 30
    person = Person(np.array([8, 16, 24, 56], np.float32), 1.0, keypoints)
    people = to_sample(LabelledPicture(picture.layers, (person,)), SIDE).people
    # Half as large, and 8 pixels to the right.
    row, column = (people.heat[0] == 1).nonzero()[0].tolist()
    assert (row, column) == (15 // 4, (7 + 8) // 4)
    row, column = (people.heat[-1] == 1).nonzero()[0].tolist()
    assert (row, column) == (18 // 4, 16 // 4)
    sides = people.distances[:, row, column].exp() * 4
    centre = torch.tensor([column + 0.5, row + 0.5]) * 4
    assert (centre - sides[:2]).tolist() == pytest.approx([12, 8])
    assert (centre + sides[2:]).tolist() == pytest.approx([20, 28])


def test_who_is_labelled_is_known_whatever_is_known_of_their_cloth() -> None:
    picture = known_picture(np.zeros((32, 32, 3), np.uint8))
    picture.layers[:, :16, WEIGHT] = 0
    picture.layers[:, :8, OWNER] = 1
    known = to_sample(picture, SIDE).people.known[0]
    assert known[:, :2].all()
    assert not known[:, 2:4].any()
    assert known[:, 4:].all()


def test_places_of_nobody_are_known_and_empty(recipe: SilhouetteRecipe) -> None:
    samples = of_kind(recipe, "empty")
    for index in range(10):
        sample = samples[SampleKey(index, SIDE)]
        assert sample.confidence.max() == 0
        assert (sample.weight == 1).all()
        assert not sample.is_photo
        assert not sample.people.heat.any()
        assert sample.people.known.all()


def test_the_body_counts_more_in_photos(recipe: SilhouetteRecipe) -> None:
    samples = of_kind(recipe, "photo", body_weight=7.0)
    largest = []
    for index in range(10):
        sample = samples[SampleKey(index, SIDE)]
        assert sample.is_photo
        assert (sample.weight[sample.confidence == 0] <= 1).all()
        assert (sample.weight == 0).any()
        largest.append(float(sample.weight.max()))
    assert max(largest) == pytest.approx(7)


def test_groups_are_of_one_or_several_people_before_a_place(recipe: SilhouetteRecipe) -> None:
    samples = of_kind(recipe, "group", cutout_fraction=0.0)
    counts = set()
    for index in range(40):
        sample = samples[SampleKey(index, 64)]
        # Rendered people before a place of nobody: all is known.
        assert (sample.weight == 1).all()
        counts.add(int((sample.people.heat[-1] == 1).sum()))
    assert 1 in counts
    assert max(counts) > 1


def test_of_people_cut_out_of_photos_cloth_is_unknown(recipe: SilhouetteRecipe) -> None:
    samples = of_kind(recipe, "group", cutout_fraction=1.0)
    kinds = [bool(samples[SampleKey(index, 64)].is_photo) for index in range(20)]
    assert sum(kinds) > 15


def test_without_photos_rendered_people_are_before_their_own_backgrounds(
    recipe: SilhouetteRecipe,
) -> None:
    data = dataclasses.replace(recipe.data, photos=None)
    samples = TrainingSamples.load(dataclasses.replace(recipe, data=data))
    assert samples.photos is None
    for index in range(10):
        sample = samples[SampleKey(index, SIDE)]
        assert not sample.is_photo
        assert sample.naked.any()


def test_held_out_samples_are_whole_and_in_order(recipe: SilhouetteRecipe) -> None:
    pairs = load_pairs(recipe.data, True)
    photos = load_photos(recipe.data, True)
    assert photos is not None
    held_out = ValidationSamples([pairs, photos], SIDE)
    batches = list(DataLoader(held_out, batch_size=3))
    together = SilhouetteBatch(*(torch.cat(layers) for layers in zip(*batches, strict=True)))
    assert len(together.images) == len(held_out) == len(pairs) + len(photos)
    assert together.is_photo.tolist() == [False] * len(pairs) + [True] * len(photos)
    image = torch.from_numpy(np.array(pairs[0].layers[..., RGB])).permute(2, 0, 1)[None] / 255
    expected = torch.nn.functional.interpolate(image, SIDE, mode="bilinear", antialias=True)
    torch.testing.assert_close(together.images[:1], expected)
    with pytest.raises(IndexError):
        held_out[len(held_out)]


def test_people_on_the_fly_come_one_after_the_other_and_depend_on_their_number_alone(
    tmp_path: Path,
) -> None:
    recipe = SilhouetteRecipe(
        stages=(Stage(32, steps=2, batch_size=3),),
        data=DataRecipe(
            pairs=("synthetic",),
            max_validation=3,
            pair_side=48,
            cache=str(tmp_path / "cache"),
        ),
    )
    samples = TrainingSamples.load(recipe)
    pairs = samples.pairs
    assert isinstance(pairs, StreamedPeople)
    keys = [SampleKey(index, 32) for index in (4, 1, 0, 1)]
    first, second, _, again = (samples[key] for key in keys)
    torch.testing.assert_close(tuple(second), tuple(again), rtol=0, atol=0)
    assert not torch.equal(first.images, second.images)
    unseen = np.random.default_rng(7)
    for index in (0, 1, 5):
        drawn = samples._pair(SampleKey(index, 32), unseen)
        np.testing.assert_array_equal(drawn.layers, pairs[index].layers)
    held_out = load_pairs(recipe.data, held_out=True)
    # Whole people.
    assert len(held_out) == FRAMES_ON_THE_FLY
    assert all((held_out[i].layers != pairs[i].layers).any() for i in range(4))


def test_people_on_the_fly_cannot_stand_beside_folders(tmp_path: Path) -> None:
    recipe = DataRecipe(pairs=("synthetic", str(tmp_path)))
    with pytest.raises(InvalidInputError, match="beside folders"):
        load_pairs(recipe, held_out=False)
