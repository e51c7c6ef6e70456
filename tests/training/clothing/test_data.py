import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from model.clothing.labels import FINE, LABELS
from model.clothing.predictor import preprocess
from model.errors import InvalidInputError
from model.image import FILL, image_to_tensor
from training.clothing.data import (
    UNKNOWN,
    ClothingBatch,
    TrainingSamples,
    ValidationSamples,
    count_labels,
    load_photos,
    open_photos,
    photo_repeats,
    place_at_random,
    place_of,
    sample_size,
)
from training.clothing.recipe import Augmentation, ClothingRecipe, DataRecipe
from training.datasets.shrinking import shrink
from training.datasets.splits import photo_split
from training.engine.batches import SampleKey

PLAIN = Augmentation(
    flip_probability=0,
    zoom=(1, 1),
    stretch=0,
    rotation_deg=0,
    colour=0,
    grey_probability=0,
    blur_probability=0,
    noise_probability=0,
    jpeg_probability=0,
)
"""Nothing is changed."""


def samples(recipe: ClothingRecipe, augmentation: Augmentation | None = None) -> TrainingSamples:
    photos = load_photos(recipe.data, held_out=False)
    repeats = np.ones(len(photos))
    return TrainingSamples(photos, repeats, augmentation or recipe.augmentation, recipe.seed)


@pytest.mark.parametrize(
    ("height", "size"),
    [(320, (320, 224)), (192, (192, 128)), (384, (384, 256)), (64, (64, 32)), (32, (32, 32))],
)
def test_samples_are_upright_and_about_two_thirds_as_wide(
    height: int, size: tuple[int, int]
) -> None:
    assert sample_size(height) == size


def test_a_sample_has_the_shapes_and_ranges_that_its_fields_say(recipe: ClothingRecipe) -> None:
    image, labels = samples(recipe)[SampleKey(3, 96)]
    assert (image.shape, image.dtype) == ((3, 96, 64), torch.float32)
    assert 0 <= float(image.min()) < float(image.max()) <= 1
    assert (labels.shape, labels.dtype) == ((96, 64), torch.uint8)
    assert set(labels.unique().tolist()) <= {*range(len(LABELS)), UNKNOWN}


def test_the_key_and_the_seed_decide_a_sample(recipe: ClothingRecipe) -> None:
    key = SampleKey(5, 64)
    one, same = samples(recipe)[key], samples(recipe)[key]
    torch.testing.assert_close(one, same, rtol=0, atol=0)
    torch.manual_seed(99)
    torch.testing.assert_close(samples(recipe)[key], one, rtol=0, atol=0)
    other = samples(dataclasses.replace(recipe, seed=1))[key]
    assert not torch.equal(one.images, other.images)


def test_every_photo_comes_once_before_any_comes_again() -> None:
    once = np.ones(50)
    turns = [[place_of(turn * 50 + k, once, seed=3) for k in range(50)] for turn in range(2)]
    assert sorted(turns[0]) == sorted(turns[1]) == list(range(50))
    assert turns[0] != turns[1]
    assert [place_of(place, once, seed=4) for place in range(50)] != turns[0]


def test_a_photo_comes_as_often_as_it_repeats() -> None:
    repeats = np.array([1.0, 2.5, 1.0, 1.25, 3.0])
    length = round(repeats.sum())
    drawn = [place_of(index, repeats, seed=3) for index in range(400 * length)]
    turns = np.array(drawn).reshape(400, length)
    counts = np.array([np.bincount(turn, minlength=5) for turn in turns])
    expected = repeats * length / repeats.sum()
    assert ((counts == np.floor(expected)) | (counts == np.ceil(expected))).all()
    assert counts.mean(0) == pytest.approx(expected, abs=0.1)


def test_photos_with_rare_groups_come_more_often() -> None:
    pixels = np.zeros((100, len(LABELS)), np.int64)
    pixels[:, LABELS.index("skin")] = 10
    pixels[:40, LABELS.index("coat")] = 10
    # Two labels of one group count as one.
    pixels[0, LABELS.index("scarf")] = pixels[1, LABELS.index("tie")] = 1
    pixels[1, LABELS.index("coat")] = 0
    repeats = photo_repeats(pixels, 0.5)
    # By hand: sqrt(0.5 / 0.02), sqrt(0.5 / 0.39); skin is in all.
    assert repeats[:2] == pytest.approx(5)
    assert repeats[2:40] == pytest.approx(1.13228, abs=1e-5)
    assert (repeats[40:] == 1).all()
    assert (photo_repeats(pixels, 0) == 1).all()


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"repeat_threshold is 1\.5"):
        DataRecipe(repeat_threshold=1.5)


def test_labels_stay_upon_what_they_label(recipe: ClothingRecipe) -> None:
    strong = Augmentation(rotation_deg=20, zoom=(0.5, 1.2), stretch=0.3)
    rng = np.random.default_rng(0)
    # A picture that is its own labels: both must come out alike wherever they are sharp.
    labels = torch.zeros(1, 120, 80, dtype=torch.uint8)
    labels[:, 30:90, 20:50] = 200
    for _ in range(10):
        image, placed = place_at_random(labels.expand(3, -1, -1), labels, (96, 64), rng, strong)
        known = placed != UNKNOWN
        differing = (image[0].float() - placed[0].float()).abs() > 110
        assert (differing & known[0]).float().mean() < 0.02
        assert ((placed == 0) | (placed == 200) | ~known).all()


def test_nearest_labels_are_not_moved_by_half_a_pixel() -> None:
    rng = np.random.default_rng(0)
    columns = torch.arange(90, dtype=torch.uint8).expand(1, 135, 90)
    _, placed = place_at_random(columns.expand(3, -1, -1), columns, (45, 30), rng, PLAIN)
    # Each new pixel is three wide: the label is that of the one in the middle.
    assert placed[0, 0].tolist() == list(range(1, 90, 3))


def test_what_lies_outside_of_the_photo_is_grey_and_unknown(recipe: ClothingRecipe) -> None:
    far = dataclasses.replace(PLAIN, zoom=(2, 2))
    image, labels = samples(recipe, far)[SampleKey(0, 96)]
    outside = labels == UNKNOWN
    assert 0.6 < outside.float().mean() < 0.85
    inner = torch.nn.functional.max_pool2d((~outside).float()[None], 5, 1, 2)[0] == 0
    assert (image[:, inner] - FILL).abs().max() < 0.01


def test_held_out_photos_are_placed_as_the_predictor_places_pictures(
    recipe: ClothingRecipe,
) -> None:
    photos = load_photos(recipe.data, held_out=True)
    held_out = ValidationSamples(photos, 96)
    (batch,) = DataLoader(held_out, batch_size=100)
    assert len(batch.images) == len(photos) == len(held_out)
    picture = np.array(photos[0][..., :3])
    whole = image_to_tensor(picture)[0]
    assert whole.shape == (3, 90, 60)
    inside = batch.labels[0] != UNKNOWN
    rows, columns = inside.any(1).nonzero().flatten(), inside.any(0).nonzero().flatten()
    content = (len(rows), len(columns))
    assert content == (96, 64)
    expected = torch.nn.functional.interpolate(
        whole[None], content, mode="bilinear", antialias=True
    )
    torch.testing.assert_close(batch.images[0], expected[0])


def test_in_a_square_the_network_sees_what_the_predictor_shows_it(recipe: ClothingRecipe) -> None:
    photos = load_photos(recipe.data, held_out=True)
    assert sample_size(32) == (32, 32)
    shown, _ = preprocess(np.array(photos[0][..., :3]), 32)
    learned = ValidationSamples(photos, 32)[0].images
    torch.testing.assert_close(learned, shown[0], rtol=0, atol=0)


def test_the_kaggle_re_pack_gives_what_the_original_gives(
    recipe: ClothingRecipe,
    clothing_folder: Path,
    labels_of: Callable[[int], np.ndarray],
    tmp_path: Path,
) -> None:
    root = tmp_path / "kaggle"
    coloured = root / "labels" / "pixel_level_labels_colored"
    coloured.mkdir(parents=True)
    (clothing_folder / "photos").rename(root / "images")
    rows = [
        f"{'none' if name == 'null' else name},{r},{g},{b}"
        for name, (r, g, b) in zip(LABELS, FINE.colours.tolist(), strict=True)
    ]
    (root / "class_dict.csv").write_text("\n".join(["class_name,r,g,b", *rows]) + "\n")
    for number in range(1, 41):
        pixels = FINE.decode(labels_of(number))
        Image.fromarray(pixels).save(coloured / f"{number:04d}.png")
    data = dataclasses.replace(recipe.data, photos=str(root))
    for held_out in (False, True):
        numbers = (
            open_photos(data.photos).numbers_of("validation")
            if held_out
            else open_photos(data.photos).numbers_of("training")
        )
        photos = load_photos(data, held_out)
        assert len(photos) == len(numbers)
        for place, number in enumerate(numbers):
            assert np.array_equal(photos[place][..., 3], labels_of(number))


def test_held_out_photos_that_do_not_fit_have_an_unknown_border(recipe: ClothingRecipe) -> None:
    held_out = ValidationSamples(load_photos(recipe.data, held_out=True), 320)
    image, labels = held_out[0]
    assert image.shape == (3, 320, 224)
    assert (labels[:, 0] == UNKNOWN).all()
    assert (labels[:, 10:-10] != UNKNOWN).all()
    torch.testing.assert_close(image[:, :, 0], torch.full((3, 320), FILL))


def test_photos_and_labels_are_paired_by_number(recipe: ClothingRecipe) -> None:
    dataset = open_photos(recipe.data.photos)
    photos = load_photos(recipe.data, held_out=False)
    assert len(photos) == len(dataset.numbers_of("training"))
    for place, number in enumerate(dataset.numbers_of("training")):
        assert photo_split(number) == "training"
        photo = dataset.read(number)
        assert np.array_equal(photos[place][..., :3], photo.image)
        assert np.array_equal(photos[place][..., 3], photo.labels)


def test_labels_are_counted(recipe: ClothingRecipe) -> None:
    dataset = open_photos(recipe.data.photos)
    expected = sum(
        np.bincount(dataset.read(number).labels.ravel(), minlength=59)
        for number in dataset.numbers_of("training")
    )
    counted = count_labels(load_photos(recipe.data, held_out=False))
    assert np.array_equal(counted.sum(0), expected)
    assert len(counted) == len(dataset.numbers_of("training"))


def test_shrinking_keeps_proportions_and_makes_no_new_label() -> None:
    labels = np.zeros((800, 500), np.uint8)
    labels[:, 250:] = 58
    image = np.repeat(labels[..., None] * 4, 3, axis=-1)
    small = shrink(np.dstack([image, labels]), 200, num_labels=1)
    assert small.shape == (200, 125, 4)
    assert set(np.unique(small[..., 3])) == {0, 58}
    assert shrink(np.dstack([image, labels]), 1000, num_labels=1).shape == (800, 500, 4)


def test_other_labels_than_the_networks_are_refused(ccp_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"4 labels .* the 59 of Clothing Co-Parsing"):
        load_photos(DataRecipe(photos=str(ccp_folder), cache=str(tmp_path)), held_out=False)


def test_without_a_folder_of_photos_nothing_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no photos: name their folder"):
        load_photos(DataRecipe(cache=str(tmp_path)), held_out=False)
    with pytest.raises(FileNotFoundError):
        load_photos(DataRecipe(photos=str(tmp_path / "no"), cache=str(tmp_path)), False)


def test_a_batch_is_its_samples(recipe: ClothingRecipe) -> None:
    photos = load_photos(recipe.data, held_out=False)
    held_out = ValidationSamples(photos, 64)
    batches = list(DataLoader(held_out, batch_size=2))
    assert sum(len(batch.images) for batch in batches) == len(held_out) == len(photos)
    assert isinstance(batches[0], ClothingBatch)
    torch.testing.assert_close(batches[0].labels[1], held_out[1].labels)


@pytest.mark.shared_data
def test_the_real_labels_are_the_networks(shared_data: Path) -> None:
    dataset = open_photos(shared_data / "ccp")
    photo = dataset.read(dataset.numbers[0])
    assert Image.fromarray(photo.image).width == 550
