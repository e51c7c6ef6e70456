"""An int8 network beside its checkpoint: when it runs."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from model.backend.conversion import converted
from model.backend.quantized import ARCHITECTURE, quantized_path, save_quantized
from model.checkpoint import CheckpointHeader, TrainingPart, load_header
from model.errors import CheckpointError, InvalidInputError
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "", "", 0),), {}, "")


def network(seed: int) -> StackedHourglass:
    torch.manual_seed(seed)
    made = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2)).eval()
    # Maps that are not cut off at 0 or 1.
    torch.nn.init.constant_(made.outputs[0].bias, 0.3 + 0.3 * seed)  # type: ignore[arg-type]
    return made


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint without an int8 network."""
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network(0), 64, HEADER)
    return path


def add_int8(checkpoint: Path, loss: float, of: str | None = None) -> None:
    """Another network stands for it, so that the maps tell which one ran."""
    model = converted(SilhouettePredictor.served(network(1), torch.float32), 64, None).model
    config = {"of": of or load_header(checkpoint).sha256, "input_size": 64}
    header = dataclasses.replace(
        HEADER, architecture=ARCHITECTURE, config=config, metrics={"loss": loss}
    )
    save_quantized(quantized_path(checkpoint), model, header)


def ran_int8(checkpoint: Path, precision: str) -> bool:
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    found, exact, other = (
        predictor.predict_batch([photo])[0].confidence
        for predictor in (
            SilhouettePredictor.from_checkpoint(checkpoint, "cpu", precision),
            SilhouettePredictor(network(0), 64, dtype=torch.float32),
            SilhouettePredictor(network(1), 64, dtype=torch.float32),
        )
    )
    to_exact, to_other = abs(found - exact).max(), abs(found - other).max()
    assert min(to_exact, to_other) < 0.01 < abs(exact - other).max()
    return bool(to_other < to_exact)


@pytest.mark.parametrize(
    ("precision", "loss", "expected"),
    [
        ("auto", 0.002, True),
        ("auto", 0.004, False),
        ("auto", float("nan"), False),
        ("int8", 0.004, True),
        ("float32", 0.002, False),
        ("bfloat16", 0.002, False),
    ],
)
def test_it_runs_where_it_loses_little_or_is_asked_for(
    checkpoint: Path, precision: str, loss: float, expected: bool
) -> None:
    add_int8(checkpoint, loss)
    assert ran_int8(checkpoint, precision) is expected


def test_without_one_auto_computes_as_before_and_int8_is_refused(checkpoint: Path) -> None:
    assert not ran_int8(checkpoint, "auto")
    with pytest.raises(FileNotFoundError, match=r"silhouette\.int8\.safetensors"):
        SilhouettePredictor.from_checkpoint(checkpoint, "cpu", "int8")


def test_one_of_another_checkpoint_is_refused(checkpoint: Path) -> None:
    add_int8(checkpoint, 0, of="f" * 64)
    with pytest.raises(CheckpointError, match=r"was not made from silhouette\.safetensors"):
        SilhouettePredictor.from_checkpoint(checkpoint)


def test_a_cpu_does_not_compute_in_float16(checkpoint: Path) -> None:
    with pytest.raises(InvalidInputError, match="float32, bfloat16 or int8"):
        SilhouettePredictor.from_checkpoint(checkpoint, "cpu", "float16")
