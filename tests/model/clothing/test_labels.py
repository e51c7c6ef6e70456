from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.io import loadmat

from model.clothing.labels import FINE, GROUP_OF, GROUPED, LABELS, SCHEMES, LabelScheme
from model.errors import InvalidInputError


@pytest.fixture(params=SCHEMES, ids=list(SCHEMES))
def scheme(request: pytest.FixtureRequest) -> LabelScheme:
    return SCHEMES[request.param]


def test_there_are_59_labels_and_19_groups_each_once() -> None:
    assert (len(FINE), len(GROUPED)) == (59, 19)
    assert len(set(FINE.labels)) == 59
    assert len(set(GROUPED.labels)) == 19
    assert FINE.labels == LABELS


@pytest.mark.shared_data
def test_labels_are_the_datasets_own_by_id(shared_data: Path) -> None:
    cells = loadmat(shared_data / "ccp" / "label_list.mat")["label_list"].ravel()
    assert tuple(str(np.asarray(cell).ravel()[0]) for cell in cells) == LABELS


def test_every_label_has_one_group_and_no_group_is_empty() -> None:
    assert GROUP_OF.shape == (59,)
    assert set(GROUP_OF.tolist()) == set(range(19))
    assert np.flatnonzero(GROUP_OF == 0).tolist() == [LABELS.index("null")]


@pytest.mark.parametrize(
    ("label", "group"),
    [
        ("blazer", "outerwear"),
        ("pumps", "footwear"),
        ("purse", "bag"),
        ("jeans", "trousers"),
        ("tights", "legwear"),
        ("romper", "dress"),
        ("tie", "neckwear"),
    ],
)
def test_near_synonyms_share_a_group(label: str, group: str) -> None:
    assert GROUPED.labels[GROUP_OF[LABELS.index(label)]] == group


def test_each_label_has_a_colour_of_its_own_and_the_first_is_black(scheme: LabelScheme) -> None:
    assert len({tuple(colour) for colour in scheme.colours.tolist()}) == len(scheme)
    assert scheme.colours[0].tolist() == [0, 0, 0]
    assert not scheme.colours.flags.writeable


def test_the_fine_colours_are_those_of_pascal_voc() -> None:
    """As the challenge prints them: aeroplane, bicycle, tv monitor."""
    found = FINE.colours[[1, 2, 20]].tolist()
    assert found == [[128, 0, 0], [0, 128, 0], [0, 64, 128]]


@given(ids=arrays(np.uint8, (7, 5), elements=st.integers(0, 18)))
def test_what_is_decoded_is_encoded_back(ids: np.ndarray) -> None:
    for scheme in SCHEMES.values():
        coloured = scheme.decode(ids)
        assert coloured.shape == (7, 5, 3)
        np.testing.assert_array_equal(scheme.encode(coloured), ids)


def test_every_id_has_its_colour(scheme: LabelScheme) -> None:
    ids = np.arange(len(scheme), dtype=np.uint8)[None]
    np.testing.assert_array_equal(scheme.decode(ids)[0], scheme.colours)
    np.testing.assert_array_equal(scheme.encode(scheme.colours[None]), ids)


def test_a_colour_of_no_label_is_named_with_its_place(scheme: LabelScheme) -> None:
    coloured = scheme.decode(np.ones((4, 6), np.uint8))
    coloured[2, 3] = (1, 2, 3)
    with pytest.raises(InvalidInputError, match=r"\(1, 2, 3\) at row 2, column 3"):
        scheme.encode(coloured)
    coloured[2, 3] = 255
    with pytest.raises(InvalidInputError, match=r"\(255, 255, 255\)"):
        scheme.encode(coloured)


def test_an_id_of_no_label_is_named(scheme: LabelScheme) -> None:
    with pytest.raises(InvalidInputError, match=f"id 200 .* 0 to {len(scheme) - 1}"):
        scheme.decode(np.full((2, 2), 200, np.uint8))


def test_an_empty_picture_stays_empty(scheme: LabelScheme) -> None:
    empty = np.zeros((0, 4), np.uint8)
    assert scheme.encode(scheme.decode(empty)).shape == (0, 4)


def test_a_scheme_whose_colours_are_ambiguous_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="same colour"):
        LabelScheme("mine", ("a", "b"), np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="2 labels have 3 colours"):
        LabelScheme("mine", ("a", "b"), np.eye(3, dtype=np.uint8))
