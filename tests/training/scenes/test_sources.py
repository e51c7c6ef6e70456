"""Labelled pictures of every source, as they are and packed."""

from pathlib import Path

import numpy as np
import pytest

from model.silhouette.people import Person
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import CcpKeypoints
from training.photos.ccp_people import CcpPeople
from training.scenes.labelled_picture import (
    ALPHA,
    OWNER,
    RGB,
    TARGET,
    WEIGHT,
    LabelledPicture,
)
from training.scenes.sources import (
    PaintedPlaces,
    Photos,
    PicturesOfNobody,
    StreamedPeople,
    decoded,
    encoded,
    packed,
)
from training.synthetic.stream import RenderedStream


def people(count: int) -> tuple[Person, ...]:
    rng = np.random.default_rng(count)
    return tuple(
        Person(
            rng.random(4, np.float32) * 90,
            float(np.float32(rng.random())),
            rng.normal(size=(17, 3)).astype(np.float32),
        )
        for _ in range(count)
    )


def assert_same(one: LabelledPicture, other: LabelledPicture) -> None:
    np.testing.assert_array_equal(one.layers, other.layers)
    assert len(one.people) == len(other.people)
    for here, there in zip(one.people, other.people, strict=True):
        np.testing.assert_array_equal(here.box, there.box)
        np.testing.assert_array_equal(here.keypoints, there.keypoints)
        assert here.score == there.score


@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_is_encoded_is_decoded_again(count: int, rng: np.random.Generator) -> None:
    layers = rng.integers(0, 256, (13, 29, 8), dtype=np.uint8)
    one = LabelledPicture(layers, people(count))
    content = encoded(one)
    assert content.dtype == np.uint8
    assert content.ndim == 3
    assert_same(decoded(content), one)


def test_packed_pictures_of_several_sizes_are_the_same(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pictures = [
        LabelledPicture(rng.integers(0, 256, (9 + n, 7, 8), dtype=np.uint8), people(n))
        for n in range(4)
    ]
    again = packed(pictures, str(tmp_path), "pictures", ["a"])
    assert len(again) == 4
    for number, one in enumerate(pictures):
        assert_same(again[number], one)


def test_rendered_people_know_their_keypoints() -> None:
    stream = StreamedPeople(RenderedStream(0, num_subjects=1, num_frames=2, side=64))
    assert len(stream) == 2
    one, other = stream[0], stream[1]
    assert one.size == (64, 64)
    (person,) = one.people
    assert (person.keypoints[:, 2] >= 0).all()
    assert (person.keypoints[:, 2] > 0).any()
    assert not np.array_equal(one.layers, other.layers)
    rows, columns = np.nonzero(one.layers[..., OWNER])
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert person.box.tolist() == box


@pytest.fixture
def photos(ccp_folder: Path, ccp_keypoints: Path) -> Photos:
    dataset = ClothingCoParsing.open(ccp_folder)
    keypoints = CcpKeypoints.load(ccp_keypoints)
    return Photos(
        [CcpPeople(dataset, keypoints, split) for split in ("training", "validation")], 30
    )


def test_photos_of_several_sources_follow_one_another(photos: Photos) -> None:
    assert len(photos) == 35
    one = photos[0]
    assert one.size == (30, 20)
    (person,) = one.people
    assert person.box.tolist() == [6, 5, 14, 25]
    assert one.is_one_whole_person
    assert (one.layers[10:20, 8:12, ALPHA] == 255).all()


def test_some_of_the_photos_are_from_everywhere(photos: Photos) -> None:
    assert len(photos.at_most(4)) == 4
    assert len(photos.at_most(100)) == len(photos)
    assert_same(photos.at_most(1)[0], photos[0])
    assert photos.at_most(4).parts != photos.parts


def test_other_landmarks_are_other_pictures(ccp_folder: Path, ccp_keypoints: Path) -> None:
    dataset, keypoints = ClothingCoParsing.open(ccp_folder), CcpKeypoints.load(ccp_keypoints)
    before = Photos([CcpPeople(dataset, keypoints, "training")], 30).parts
    assert Photos([CcpPeople(dataset, keypoints, "training")], 30).parts == before
    keypoints.landmarks[0] += 0.01
    assert Photos([CcpPeople(dataset, keypoints, "training")], 30).parts != before


def test_places_are_pictures_with_people_and_doubt_painted_over(
    picture: LabelledPicture, nobody: LabelledPicture
) -> None:
    nobody.layers[:20, :20, WEIGHT] = 0
    crowded = LabelledPicture(picture.layers.copy(), picture.people)
    crowded.layers[..., ALPHA] = 255
    places = PaintedPlaces([picture, crowded, nobody])
    # Of a crowd too little would remain.
    assert len(places) == 2
    for place, one in ((places[0], picture), (places[1], nobody)):
        assert place.people == ()
        assert (place.layers[..., WEIGHT] == 255).all()
        assert not place.layers[..., [ALPHA, TARGET, OWNER]].any()
        away = np.s_[:10, -10:, RGB]
        np.testing.assert_array_equal(place.layers[away], one.layers[away])
    assert not (places[0].layers[..., RGB] == (200, 100, 50)).all(-1).any()
    assert_same(places[0], PaintedPlaces([picture])[0])


def test_pictures_of_nobody_are_photos_and_then_rendered_ones(photos: Photos) -> None:
    stream = RenderedStream(3, 1, 1, 32)
    pictures = PicturesOfNobody(photos, stream, 2)
    assert len(pictures) == len(photos) + 2
    assert_same(pictures[0], photos[0])
    rendered = pictures[len(photos) + 1]
    np.testing.assert_array_equal(rendered.layers[..., RGB], stream.empty(1))
    assert rendered.people == ()
    assert (rendered.layers[..., WEIGHT] == 255).all()
    assert not rendered.layers[..., [ALPHA, TARGET, OWNER]].any()
