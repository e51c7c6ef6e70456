"""Factors for groups that are given too rarely."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import CheckpointHeader, TrainingPart, load_checkpoint
from model.clothing.labels import GROUP_OF, GROUPED, LABELS
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ARCHITECTURE, ClothingPredictor, save_clothing_checkpoint
from training.__main__ import main
from training.clothing.label_factors import BIASES, choose_factors

HEADER = CheckpointHeader(
    "", {}, (TrainingPart({"seed": 1}, "abc", "photos", 0),), {}, "Apache-2.0"
)


def cells(rows: list[tuple[str, dict[str, float], int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Truth, probabilities by label, and how many such cells."""
    probabilities, truth = [], []
    for name, given, times in rows:
        row = torch.zeros(len(LABELS))
        for label, probability in given.items():
            row[LABELS.index(label)] = probability
        probabilities += [row] * times
        truth += [LABELS.index(name)] * times
    return torch.stack(probabilities), torch.tensor(truth)


def test_a_group_that_is_never_given_is_made_as_likely_as_serves_all() -> None:
    probabilities, truth = cells(
        [
            ("coat", {"coat": 0.9, "scarf": 0.1}, 90),
            # The group is found from a factor of 1.25 on, the label itself from 2.5 on.
            ("scarf", {"coat": 0.55, "scarf": 0.25, "tie": 0.2}, 10),
            ("skin", {"skin": 1.0}, 50),
        ]
    )
    factors = dict(zip(GROUPED.labels, choose_factors(probabilities, truth), strict=True))
    assert factors.pop("neckwear") == 2.5
    assert set(factors.values()) == {1.0}


def test_what_is_given_often_enough_stays_as_it_is() -> None:
    probabilities, truth = cells(
        [
            ("scarf", {"scarf": 0.9, "coat": 0.1}, 8),
            ("scarf", {"coat": 0.6, "scarf": 0.4}, 2),
            ("coat", {"coat": 1.0}, 50),
        ]
    )
    assert set(choose_factors(probabilities, truth)) == {1.0}


def test_a_group_that_is_nowhere_in_truth_is_not_made_likelier() -> None:
    probabilities, truth = cells([("coat", {"coat": 0.6, "scarf": 0.4}, 10)])
    assert set(choose_factors(probabilities, truth)) == {1.0}


def test_the_factors_go_into_the_biases_and_the_header(
    clothing_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    given, made = tmp_path / "given.safetensors", tmp_path / "made.safetensors"
    config = ClothingConfig("efficientnet_lite_unet", lite_variant=0, decoder_widths=(16, 8, 8, 8))
    save_clothing_checkpoint(given, ClothingNetwork(config), 64, HEADER)
    command = ["balance", "clothing", "--checkpoint", str(given), "--ccp", str(clothing_folder)]
    assert main([*command, "--out", str(made), "--photos", "3"]) == 0
    (_, before), (header, after) = (load_checkpoint(path, ARCHITECTURE) for path in (given, made))
    before_it, part = header.lineage
    chosen = part.recipe["balance"]
    assert before_it == HEADER.lineage[0]
    assert part.steps == 0
    said = capsys.readouterr().out
    assert chosen
    assert all(f"{name:<12} {factor:g}\n" in said for name, factor in chosen.items())
    for name, tensor in before.items():
        if name != BIASES:
            assert torch.equal(after[name], tensor)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pictures = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    plain, moved = (
        ClothingPredictor.from_checkpoint(path).network(pictures) for path in (given, made)
    )
    factors = torch.tensor([chosen.get(name, 1.0) for name in GROUPED.labels])
    expected = plain * factors[torch.from_numpy(GROUP_OF.astype(np.int64))][:, None, None]
    expected = expected / expected.sum(1, keepdim=True)
    torch.testing.assert_close(moved, expected, atol=2e-3, rtol=2e-2)


def test_another_network_is_refused(
    clothing_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "unet.safetensors"
    config = ClothingConfig("deeplabv3_mobilenet_v3_large")
    save_clothing_checkpoint(path, ClothingNetwork(config), 64, HEADER)
    command = ["balance", "clothing", "--checkpoint", str(path), "--ccp", str(clothing_folder)]
    assert main([*command, "--out", str(tmp_path / "made.safetensors")]) == 1
    assert BIASES in capsys.readouterr().err
