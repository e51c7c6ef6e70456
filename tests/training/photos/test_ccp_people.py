from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.errors import InvalidInputError
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import CcpKeypoints, Pose
from training.photos.body_evidence import BACKGROUND, SKIN
from training.photos.ccp_people import CcpPeople, add_bystanders
from training.photos.labelled_photos import LabelledPhoto
from training.photos.photo_label import NOBODY, UNKNOWN_PERSON, LabelledPerson
from training.photos.photo_labels import PhotoLabels


@pytest.fixture
def dataset(ccp_folder: Path) -> ClothingCoParsing:
    return ClothingCoParsing.open(ccp_folder)


@pytest.fixture
def keypoints(dataset: ClothingCoParsing) -> CcpKeypoints:
    pose = Pose(np.full((33, 2), 0.5, np.float32), np.ones(33, np.float32))
    count = len(dataset.numbers)
    return CcpKeypoints.empty("model.task", "0" * 64).extended(
        list(dataset.numbers), [(60, 40)] * count, [pose] * count
    )


def test_the_labelled_person_is_known_from_the_labels(
    dataset: ClothingCoParsing, keypoints: CcpKeypoints
) -> None:
    people = CcpPeople(dataset, keypoints, "training")
    photo = people[0]
    (person,) = photo.people
    assert person.box.tolist() == [12, 10, 28, 50]
    np.testing.assert_allclose(person.keypoints[0], [20, 30, 1])
    assert (photo.evidence()[10:18, 15:25] == SKIN).all()
    assert photo.evidence()[0, 0] == BACKGROUND
    assert people.key(0) == f"ccp/{dataset.numbers_of('training')[0]:04d}"


def test_bystanders_are_added_and_doubt_away_from_the_person_is_kept(
    figure: Callable[..., np.ndarray],
) -> None:
    labelled, found = np.zeros((60, 80), np.uint8), np.zeros((60, 80), np.uint8)
    labelled[10:50, 10:30] = 1
    found[9:51, 9:31] = UNKNOWN_PERSON
    found[11:49, 11:29] = 1
    found[20:25, 20:40] = 1
    found[19:41, 49:61] = UNKNOWN_PERSON
    found[20:40, 50:60] = 2
    found[5:10, 70:75] = UNKNOWN_PERSON
    person = LabelledPerson(np.zeros(4, np.float32), figure((0, 0, 9, 9)), 1.0, "labels")
    photo = LabelledPhoto(
        np.zeros((60, 80, 3), np.uint8), labelled, labelled * np.uint8(255), (person,), False
    )
    both = add_bystanders(photo, found, np.full((60, 80), 200, np.uint8), (person, person))
    assert len(both.people) == 2
    np.testing.assert_array_equal(both.ids[:, :33], labelled[:, :33])
    # An arm that the labels miss.
    assert (both.ids[20:25, 34:40] == UNKNOWN_PERSON).all()
    assert (both.ids[20:40, 50:60] == 2).all()
    assert (both.alpha[20:40, 50:60] == 200).all()
    assert both.ids[19, 49] == both.ids[7, 72] == UNKNOWN_PERSON
    assert both.ids[55, 70] == NOBODY


def test_photos_without_a_label_are_named(
    dataset: ClothingCoParsing, keypoints: CcpKeypoints, tmp_path: Path
) -> None:
    labels = PhotoLabels(tmp_path, "model.task", "ab" * 32, {}, {})
    with pytest.raises(InvalidInputError, match=r"no label of ccp/\d{4}\.jpg"):
        CcpPeople(dataset, keypoints, "training", labels)[0]
