import pytest
import torch

from model.synthesis.network import Generator, SynthesisConfig


@pytest.mark.parametrize(("name", "count"), [("vector", 2_970_496), ("drawing", 1_318_144)])
def test_the_references_networks_have_its_number_of_parameters(name: str, count: int) -> None:
    generator = Generator(SynthesisConfig(name))  # type: ignore[arg-type]
    assert sum(one.numel() for one in generator.parameters()) == count
    picture = generator(torch.rand(2, 1, 13, 2))
    assert picture.shape == (2, 3, 64, 64)
    assert picture.min() >= 0
    assert picture.max() <= 1


def conditional(num_frames: int = 2) -> Generator:
    torch.manual_seed(0)
    return Generator(SynthesisConfig("conditional", 32, (8, 16, 16), num_frames)).eval()


def test_without_a_mask_the_plate_is_seen() -> None:
    generator = conditional()
    plate = torch.rand(3, 32, 32)
    with torch.no_grad():
        generator.get_parameter("network.plate").copy_(plate)
        generator.get_parameter("network.head.weight").zero_()
        generator.get_parameter("network.head.bias").copy_(torch.tensor([0.0, 0.0, 0.0, -40.0]))
        torch.testing.assert_close(generator(torch.rand(1, 2, 13, 2))[0], plate)
        generator.get_parameter("network.head.bias").copy_(torch.tensor([0.0, 0.0, 0.0, 40.0]))
        torch.testing.assert_close(
            generator(torch.rand(1, 2, 13, 2))[0], torch.full((3, 32, 32), 0.5)
        )


def test_the_frame_before_matters_where_the_network_sees_two() -> None:
    generator, points = conditional(), torch.rand(1, 2, 13, 2)
    other = points.clone()
    other[:, 0] += 0.1
    with torch.no_grad():
        assert (generator(points) - generator(other)).abs().max() > 1e-4


def test_a_batch_is_drawn_as_its_parts_are() -> None:
    generator, points = conditional(1), torch.rand(3, 1, 13, 2)
    with torch.no_grad():
        alone = torch.cat([generator(one) for one in points.split(1)])
        torch.testing.assert_close(generator(points), alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"network": "unet"}, "there are vector, drawing, conditional"),
        ({"network": "vector", "image_size": 128}, "vector draws 64 pixels"),
        ({"network": "conditional", "image_size": 36, "widths": [4, 4, 4, 4]}, "multiple of 8"),
        ({"network": "conditional", "num_frames": 0}, "must be positive"),
    ],
)
def test_a_config_that_fits_no_network_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SynthesisConfig.from_json(values)
