import numpy as np
import pytest

from model.errors import InvalidInputError
from model.synthesis.nearest import NearestFrames
from model.synthesis.skeletons import Skeletons


@pytest.fixture
def landmarks() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (12, 33, 3)).astype(np.float32)


def plain(num: int) -> np.ndarray:
    """Pictures of one grey each, by which they are told."""
    greys = np.arange(num, dtype=np.uint8) * 20
    return greys[:, None, None, None].repeat(16, 1).repeat(16, 2).repeat(3, 3)


@pytest.mark.parametrize("numbers", [26, 99])
def test_the_frame_is_the_one_that_a_search_of_all_finds(
    landmarks: np.ndarray, numbers: int
) -> None:
    known = Skeletons.of(landmarks)
    method = NearestFrames.of(known, plain(12), numbers)
    asked = Skeletons.of(
        landmarks[::-1] + np.random.default_rng(1).normal(0, 0.1, landmarks.shape).astype("f")
    )
    vectors = [one.vectors_26() if numbers == 26 else one.vectors_99() for one in (known, asked)]
    distances = np.linalg.norm(vectors[0][None] - vectors[1][:, None], axis=-1)
    found = method.render(asked)
    np.testing.assert_allclose(found[:, 8, 8, 0], distances.argmin(1) * 20, atol=2)


def test_what_a_checkpoint_holds_draws_the_same(landmarks: np.ndarray) -> None:
    known = Skeletons.of(landmarks)
    method = NearestFrames.of(known, plain(12))
    again = NearestFrames.from_tensors(method.tensors())
    assert again.files == method.files
    np.testing.assert_array_equal(again.render(known), method.render(known))
    damaged = method.tensors() | {"files": method.tensors()["files"][:-1]}
    with pytest.raises(ValueError, match="do not end"):
        NearestFrames.from_tensors(damaged)


def test_numbers_that_are_not_known_or_not_finite_are_refused(landmarks: np.ndarray) -> None:
    method = NearestFrames.of(Skeletons.of(landmarks), plain(12), 99)
    with pytest.raises(InvalidInputError, match="99 numbers"):
        method.render(Skeletons.of(landmarks[..., :2].copy()))
    landmarks[3] = np.nan
    with pytest.raises(InvalidInputError, match="not finite"):
        method.render(Skeletons.of(landmarks))
