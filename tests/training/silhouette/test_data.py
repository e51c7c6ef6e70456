import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from model.errors import InvalidInputError
from model.silhouette.confidence import sigma_for, silhouette_confidence
from model.silhouette.predictor import preprocess
from training.datasets.photometry import vary
from training.datasets.random_crops import person_window
from training.engine.batches import SampleKey, Stage, StagedBatches, batch_loader
from training.silhouette.compositing import (
    BACKGROUND,
    BONE,
    SKIN,
    UNKNOWN,
    empty_scene,
    known_scene,
    own_background_scene,
    photo_scene,
    rendered_scene,
    street_scene,
)
from training.silhouette.data import (
    FRAMES_ON_THE_FLY,
    SilhouetteBatch,
    TrainingSamples,
    ValidationSamples,
    load_pairs,
    load_photos,
    strip_of,
    to_sample,
)
from training.silhouette.recipe import Augmentation, DataRecipe, SilhouetteRecipe
from training.synthetic.stream import RenderedStream

SIDE = 32
SETTINGS = Augmentation()


@pytest.fixture
def samples(recipe: SilhouetteRecipe) -> TrainingSamples:
    return TrainingSamples(recipe, load_pairs(recipe.data, False), load_photos(recipe.data, False))


def pair() -> np.ndarray:
    """A person of 40 x 12 pixels in cloth of 20 x 20, on grey."""
    layers = np.full((64, 64, 5), 90, np.uint8)
    naked = np.zeros((64, 64), bool)
    naked[12:52, 26:38] = True
    dressed = naked.copy()
    dressed[20:40, 22:42] = True
    layers[dressed, :3] = (200, 30, 30)
    layers[..., 3], layers[..., 4] = dressed * 255, naked * 255
    return layers


def photo() -> np.ndarray:
    layers = np.full((60, 40, 7), 150, np.uint8)
    layers[..., 3] = BACKGROUND
    layers[10:50, 10:30, 3] = UNKNOWN
    layers[12:20, 15:25, 3] = SKIN
    layers[10:50, 10:30, :3] = 20
    return layers


def test_a_sample_depends_on_its_key_alone(samples: TrainingSamples) -> None:
    keys = [SampleKey(index, SIDE) for index in range(6)]
    forwards = [samples[key] for key in keys]
    backwards = [samples[key] for key in reversed(keys)][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        torch.testing.assert_close(tuple(one), tuple(other), rtol=0, atol=0)
    assert not torch.equal(forwards[0].images, forwards[1].images)


def test_a_strip_is_a_part_of_the_whole_sample_in_every_layer(samples: TrainingSamples) -> None:
    starts = set()
    for index in range(12):
        whole, strip = samples[SampleKey(index, SIDE)], samples[SampleKey(index, SIDE, 12)]
        assert strip.is_photo == whole.is_photo
        cuts = [
            [torch.equal(part, layer[..., start : start + 12]) for start in range(SIDE - 11)]
            for part, layer in zip(strip[:-1], whole[:-1], strict=True)
        ]
        common = np.flatnonzero(np.all(cuts, axis=0))
        assert len(common)
        starts.update(common.tolist() if len(common) == 1 else [])
    assert len(starts) > 1


@pytest.mark.parametrize(
    ("left", "right"), [(0, 4), (3, 13), (20, 30), (28, 32), (10, 11), (2, 30), (0, 32)]
)
def test_a_strip_shows_the_whole_body_or_stays_within_it(left: int, right: int) -> None:
    naked = torch.zeros(1, SIDE, SIDE)
    naked[:, 4:20, left:right] = 1
    image = torch.arange(SIDE).expand(3, SIDE, SIDE).float()
    other = torch.zeros(1, SIDE, SIDE)
    sample = SilhouetteBatch(image, other, other, naked, other, torch.tensor(False))
    firsts = set()
    for seed in range(300):
        strip = strip_of(sample, 10, np.random.default_rng(seed))
        first = int(strip.images[0, 0, 0])
        assert torch.equal(strip.images, image[..., first : first + 10])
        assert int(strip.naked[0].any(0).sum()) == min(10, right - left)
        firsts.add(first)
    # Anywhere that does so.
    narrow, wide = sorted((right - 10, left))
    assert firsts == set(range(max(0, narrow), min(SIDE - 10, wide) + 1))


def test_a_strip_of_a_picture_without_a_body_is_any_part() -> None:
    image = torch.arange(SIDE).expand(3, SIDE, SIDE).float()
    empty = torch.zeros(1, SIDE, SIDE)
    sample = SilhouetteBatch(image, empty, empty, empty, empty, torch.tensor(True))
    cuts = [
        strip_of(sample, 20, np.random.default_rng(seed)).images[0, 0, 0] for seed in range(200)
    ]
    assert {int(first) for first in cuts} == set(range(SIDE - 19))


@pytest.mark.parametrize("width", [0, -1, SIDE + 1])
def test_a_strip_is_no_wider_than_the_picture(width: int) -> None:
    with pytest.raises(ValueError, match=f"strip is {width}; 1 to {SIDE} is possible"):
        Stage(SIDE, steps=1, batch_size=1, strip=width)


def test_stages_of_a_run_say_how_wide_their_strips_are() -> None:
    stages = (Stage(SIDE, steps=1, batch_size=2, strip=8), Stage(SIDE, steps=1, batch_size=1))
    keys = [[key.strip for key in batch] for batch in StagedBatches(stages)]
    assert keys == [[8, 8], [None]]


def test_unchanged_pictures_keep_every_pixel_but_for_mirroring(recipe: SilhouetteRecipe) -> None:
    """The oracle is the packed picture itself."""
    data = dataclasses.replace(recipe.data, unchanged_fraction=1.0)
    stored = load_pairs(data, False)
    samples = TrainingSamples(dataclasses.replace(recipe, data=data), stored, None)
    side = max(stored[0].shape[:2])
    pictures = {stored[number][..., :3].tobytes() for number in range(len(stored))}
    mirrored = {np.ascontiguousarray(stored[n][:, ::-1, :3]).tobytes() for n in range(len(stored))}
    seen = set()
    for index in range(12):
        shown = samples[SampleKey(index, side)].images.permute(1, 2, 0).numpy()
        pixels = np.ascontiguousarray(np.rint(shown * 255).astype(np.uint8)).tobytes()
        assert pixels in pictures | mirrored
        seen.add(pixels in pictures)
    assert seen == {True, False}


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
        kinds.add((bool(sample.is_photo), bool(sample.naked.any()), bool(sample.weight.min() > 0)))
    # A photo with unknown cloth, and a rendered person, known everywhere.
    assert {(True, True, False), (False, True, True)} <= kinds


@pytest.mark.parametrize("size", [(32, 20), (17, 32), (32, 32), (90, 41)])
def test_dataset_and_predictor_see_a_picture_alike(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    scene = rendered_scene(image, np.ones(size, bool), np.zeros(size, bool))
    expected, _ = preprocess(image, SIDE)
    torch.testing.assert_close(to_sample(scene, SIDE).images, expected[0], rtol=0, atol=0)


def test_the_letterbox_border_is_known_background(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (32, 16, 3), dtype=np.uint8)
    scene = known_scene(image, np.full((32, 16), SKIN, np.uint8), 5.0)
    sample = to_sample(scene, SIDE)
    border = torch.ones(SIDE, dtype=torch.bool)
    border[8:24] = False
    assert (sample.weight[..., border] == 1).all()
    assert (sample.confidence[..., border] == 0).all()
    assert (sample.weight[..., ~border] == 5).all()
    assert (sample.confidence[..., ~border] == 1).all()


def test_the_target_is_the_definition_at_the_scenes_own_size(rng: np.random.Generator) -> None:
    for make in (own_background_scene, lambda p, *rest: street_scene(p, photo(), *rest)):
        scene = make(pair(), 48, rng, SETTINGS)
        size = scene.confidence.shape
        expected = silhouette_confidence(scene.naked, scene.dressed, sigma_for((size[0], size[1])))
        assert np.array_equal(scene.confidence, expected)
        assert (scene.weight == 1).all()


def test_a_rendered_person_stands_where_the_masks_say(rng: np.random.Generator) -> None:
    settings = dataclasses.replace(SETTINGS, crop_probability=0.0)
    for _ in range(20):
        scene = street_scene(pair(), photo(), 64, rng, settings)
        height = np.ptp(np.flatnonzero(scene.dressed.any(1))) + 1
        assert 0.3 * len(scene.image) <= height <= len(scene.image)
        red = scene.image[..., 0].astype(int) - scene.image[..., 1]
        assert red[scene.dressed].mean() > 60
        assert abs(red[~scene.dressed].mean()) < 15
        assert (scene.naked & scene.dressed).sum() > 0.9 * scene.naked.sum()


def test_a_person_may_be_cut_but_keeps_his_proportions(rng: np.random.Generator) -> None:
    settings = dataclasses.replace(SETTINGS, crop_probability=1.0)
    for _ in range(30):
        size = (48, 40)
        box, (left, top, right, bottom) = person_window(pair()[..., 3], size, rng, settings)
        assert 0 <= left < right <= size[1]
        assert 0 <= top < bottom <= size[0]
        assert box[0] >= 22 - 1
        assert box[2] <= 42 + 1
        if right - left > 8:
            across, down = (right - left) / (box[2] - box[0]), (bottom - top) / (box[3] - box[1])
            assert across == pytest.approx(down, rel=0.15)


def test_a_photos_cloth_is_unknown_and_its_skin_counts_more(rng: np.random.Generator) -> None:
    scene = photo_scene(photo(), 40, rng, SETTINGS, DataRecipe(skin_weight=7.0))
    skin, background = scene.weight == 7, scene.weight == 1
    assert (scene.confidence[skin] == 1).all()
    assert (scene.confidence[background] == 0).all()
    assert (scene.weight[~skin & ~background] == 0).all()
    assert scene.image[background].mean() > scene.image[~background].mean() + 50


def test_an_empty_street_is_zero_everywhere(rng: np.random.Generator) -> None:
    scene = empty_scene(photo(), 40, rng, SETTINGS)
    assert scene.confidence.max() == 0
    assert (scene.weight == 1).all()
    assert (scene.image == 150).all()


def test_a_mirrored_scene_is_mirrored_in_everything(rng: np.random.Generator) -> None:
    scene = street_scene(pair(), photo(), 40, rng, SETTINGS)
    mirrored = scene.mirrored()
    for name in ("image", "confidence", "dressed", "naked", "weight"):
        assert np.array_equal(getattr(mirrored, name), getattr(scene, name)[:, ::-1])


def test_colours_vary_and_places_do_not(rng: np.random.Generator) -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 255
    for _ in range(30):
        varied = vary(image, rng, SETTINGS)
        assert varied.shape == image.shape
        assert varied.dtype == np.uint8
        assert varied[:, :17].mean() + 60 < varied[:, 23:].mean()
    still = Augmentation(
        colour=0, grey_probability=0, blur_probability=0, noise_probability=0, jpeg_probability=0
    )
    assert np.array_equal(vary(image, rng, still), image)


def test_grey_pictures_have_no_colour(rng: np.random.Generator) -> None:
    settings = dataclasses.replace(SETTINGS, grey_probability=1.0, noise_probability=0.0)
    image = rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)
    varied = vary(image, rng, dataclasses.replace(settings, jpeg_probability=0.0)).astype(int)
    assert np.ptp(varied, axis=-1).max() <= 1


def test_held_out_samples_are_whole_and_in_order(recipe: SilhouetteRecipe) -> None:
    pairs = load_pairs(recipe.data, True)
    photos = load_photos(recipe.data, True)
    assert photos is not None
    held_out = ValidationSamples(pairs, photos, SIDE)
    batches = list(DataLoader(held_out, batch_size=3))
    together = SilhouetteBatch(*(torch.cat(layers) for layers in zip(*batches, strict=True)))
    assert len(together.images) == len(held_out) == len(pairs) + len(photos)
    assert together.is_photo.tolist() == [False] * len(pairs) + [True] * len(photos)
    image = torch.from_numpy(np.array(pairs[0][..., :3])).permute(2, 0, 1)[None] / 255
    expected = torch.nn.functional.interpolate(image, SIDE, mode="bilinear", antialias=True)
    torch.testing.assert_close(together.images[:1], expected)


def test_what_is_known_counts_as_body_where_it_has_a_weight(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (1, 4, 3), dtype=np.uint8)
    known = np.array([[UNKNOWN, BACKGROUND, SKIN, BONE]], np.uint8)
    scene = known_scene(image, known, 5.0, 2.0)
    assert scene.weight.tolist() == [[0, 1, 5, 2]]
    assert scene.confidence.tolist() == [[0, 0, 1, 1]]
    assert scene.naked.tolist() == [[False, False, True, True]]
    scene = known_scene(image, known, 5.0)
    assert scene.weight.tolist() == [[0, 1, 5, 0]]
    assert scene.naked.tolist() == [[False, False, True, False]]


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
    pairs = load_pairs(recipe.data, held_out=False)
    assert isinstance(pairs, RenderedStream)
    samples = TrainingSamples(recipe, pairs, None)
    keys = [SampleKey(index, 32) for index in (4, 1, 0, 1)]
    first, second, _, again = (samples[key] for key in keys)
    torch.testing.assert_close(tuple(second), tuple(again), rtol=0, atol=0)
    assert first.dressed.any()
    assert first.naked.any()
    assert not torch.equal(first.images, second.images)
    unseen = np.random.default_rng(7)
    for index in (0, 1, 5):
        drawn = samples._pair(SampleKey(index, 32), unseen)
        np.testing.assert_array_equal(drawn, pairs[index])
    held_out = load_pairs(recipe.data, held_out=True)
    # Whole people.
    assert len(held_out) == FRAMES_ON_THE_FLY
    assert all((held_out[i] != pairs[i]).any() for i in range(4))


def test_people_on_the_fly_cannot_stand_beside_folders(tmp_path: Path) -> None:
    recipe = DataRecipe(pairs=("synthetic", str(tmp_path)))
    with pytest.raises(InvalidInputError, match="beside folders"):
        load_pairs(recipe, held_out=False)
