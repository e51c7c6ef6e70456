import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InvalidInputError
from model.image import FILL, Letterbox, image_to_tensor

sides = st.integers(16, 400)


@given(height=sides, width=sides, target=st.sampled_from([32, 64, 100]))
def test_the_content_lies_inside_the_target_and_touches_two_opposite_edges(
    height: int, width: int, target: int
) -> None:
    box = Letterbox.fit((height, width), (target, target))
    assert max(box.content) == target
    for content, offset in zip(box.content, box.offset, strict=True):
        assert content >= 1
        assert offset >= 0
        assert offset + content <= target


@given(height=sides, width=sides)
def test_the_inverse_gives_back_the_size_of_the_picture(height: int, width: int) -> None:
    box = Letterbox.fit((height, width), (64, 64))
    maps = box.apply(torch.rand(1, 1, height, width))
    assert maps.shape == (1, 1, 64, 64)
    assert box.invert(maps).shape == (1, 1, height, width)
    assert box.invert(maps[..., ::4, ::4]).shape == (1, 1, height, width)


@pytest.mark.parametrize("size", [(64, 64), (64, 40), (33, 64)])
def test_a_picture_that_needs_no_scaling_comes_back_exactly(size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size)
    box = Letterbox.fit(size, (64, 64))
    assert torch.equal(box.invert(box.apply(picture)), picture)


@pytest.mark.parametrize("size", [(128, 128), (300, 128), (96, 240), (16, 4000)])
def test_a_linear_ramp_survives_the_way_there_and_back(size: tuple[int, int]) -> None:
    """Linear functions are what linear interpolation must keep; a shift by a pixel would show."""
    rows = torch.linspace(0, 1, size[0])[:, None].expand(size)
    columns = torch.linspace(0, 1, size[1])[None].expand(size)
    ramps = torch.stack([rows, columns])[None]
    box = Letterbox.fit(size, (64, 64))
    back = box.invert(box.apply(ramps))
    for axis in (0, 1):
        # A cell of the small picture is this much of the ramp; interpolation clamps at the border.
        tolerance = 0.75 / box.content[axis] + 1e-5
        torch.testing.assert_close(back[0, axis], ramps[0, axis], atol=tolerance, rtol=0)
        inner = slice(size[axis] // 8, -size[axis] // 8)
        if box.content[axis] >= 16:
            middle = (slice(None), inner) if axis else (inner, slice(None))
            torch.testing.assert_close(
                back[0, axis][middle], ramps[0, axis][middle], atol=2e-3, rtol=0
            )


def test_the_border_is_grey_and_outside_of_the_content() -> None:
    box = Letterbox.fit((50, 100), (64, 64))
    padded = box.apply(torch.ones(1, 3, 50, 100))
    assert box.content == (32, 64)
    assert (padded[..., :16, :] == FILL).all()
    assert (padded[..., 48:, :] == FILL).all()
    torch.testing.assert_close(padded[..., 16:48, :], torch.ones(1, 3, 32, 64))


def test_scaling_down_averages_like_an_area_mean() -> None:
    picture = torch.rand(1, 1, 256, 256)
    small = Letterbox.fit((256, 256), (64, 64)).apply(picture)
    # The triangle filter is wider than the area, so they agree on a smooth picture.
    smooth = F.avg_pool2d(picture, 33, stride=1, padding=16, count_include_pad=False)
    small_smooth = Letterbox.fit((256, 256), (64, 64)).apply(smooth)
    torch.testing.assert_close(small_smooth, F.avg_pool2d(smooth, 4), atol=5e-3, rtol=0)
    assert small.std() < picture.std() / 2


def test_bytes_become_numbers_from_zero_to_one_with_channels_first() -> None:
    image = np.zeros((16, 20, 3), np.uint8)
    image[2, 3] = (255, 51, 0)
    tensor = image_to_tensor(image)
    assert tensor.shape == (1, 3, 16, 20)
    torch.testing.assert_close(tensor[0, :, 2, 3], torch.tensor([1.0, 0.2, 0.0]))


@pytest.mark.parametrize("size", [(15, 200), (200, 15), (1, 1)])
def test_a_picture_under_sixteen_pixels_is_refused_by_its_size(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInputError, match=f"{size[1]}x{size[0]}.*at least 16"):
        image_to_tensor(np.zeros((*size, 3), np.uint8))
