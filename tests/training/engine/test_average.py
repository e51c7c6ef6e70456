"""The mean of several checkpoints' weights."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import (
    CheckpointHeader,
    TrainingPart,
    load_checkpoint,
    load_header,
    save_checkpoint,
)
from model.silhouette.architectures import ARCHITECTURES
from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint
from training.__main__ import main

SMALL = LiteConfig(0, (16, 8, 8, 8))
HEADER = CheckpointHeader(
    "",
    {},
    (TrainingPart({"seed": 1, "command": "fit it"}, "abc", "pictures", 0),),
    {"iou_body": 0.5},
    "Apache-2.0",
)


def checkpoint(
    path: Path, seed: int, config: LiteConfig = SMALL, side: int = 64, **header: object
) -> LiteSilhouette:
    torch.manual_seed(seed)
    network = LiteSilhouette(config)
    for name, buffer in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.fill_(seed)
        else:
            buffer.uniform_(0.5, 1.5)
    save_silhouette_checkpoint(
        path,
        network,
        side,
        dataclasses.replace(HEADER, **header),  # type: ignore[arg-type]
    )
    return network


def average(folder: Path, *names: str, options: tuple[str, ...] = ()) -> int:
    paths = [str(folder / name) for name in names]
    out = ["--out", str(folder / "mean")]
    return main(["average", "silhouette", "--checkpoint", *paths, *out, *options])


def test_every_weight_and_statistic_is_the_mean_and_counts_are_the_last_ones(
    tmp_path: Path,
) -> None:
    states = [checkpoint(tmp_path / str(n), n).state_dict() for n in range(3)]
    assert average(tmp_path, "0", "1", "2") == 0
    _, mean = load_checkpoint(tmp_path / "mean", *ARCHITECTURES)
    assert set(mean) == set(states[0])
    for name, tensor in mean.items():
        if name.endswith("num_batches_tracked"):
            assert tensor.item() == 2
            continue
        assert tensor.dtype is torch.float16
        expected = np.mean([state[name].numpy() for state in states], axis=0)
        # Half precision has eleven bits; each of the three was kept in it too.
        np.testing.assert_allclose(tensor.float().numpy(), expected, rtol=2e-3, atol=1e-3)


def test_the_last_checkpoint_has_its_share_and_keeps_a_head_that_the_others_lack(
    tmp_path: Path,
) -> None:
    before = checkpoint(tmp_path / "before", 0).state_dict()
    after = checkpoint(tmp_path / "after", 1, dataclasses.replace(SMALL, head_width=8)).state_dict()
    assert average(tmp_path, "before", "after", options=("--last-share", "0.75")) == 0
    header, mean = load_checkpoint(tmp_path / "mean", *ARCHITECTURES)
    assert "--last-share 0.75" in header.lineage[-1].recipe["command"]
    assert set(mean) == set(after) > set(before)
    for name, tensor in mean.items():
        if name.endswith("num_batches_tracked"):
            continue
        wanted = after[name].numpy()
        if name in before:
            wanted = 0.25 * before[name].numpy() + 0.75 * wanted
        np.testing.assert_allclose(tensor.float().numpy(), wanted, rtol=2e-3, atol=1e-3)
    assert average(tmp_path, "after", "before") == 1, "the last one has no head"


@pytest.mark.parametrize("share", ["1.5", "-1", "half"])
def test_a_share_is_between_0_and_1(
    share: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        average(tmp_path, "one", "other", options=(f"--last-share={share}",))
    assert "argument --last-share" in capsys.readouterr().err


def test_the_mean_of_a_checkpoint_with_itself_is_that_checkpoint_and_is_served(
    tmp_path: Path,
) -> None:
    checkpoint(tmp_path / "one", 1)
    assert average(tmp_path, "one", "one") == 0
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    one, mean = (
        SilhouettePredictor.from_checkpoint(tmp_path / name).predict_batch([picture])[0].confidence
        for name in ("one", "mean")
    )
    np.testing.assert_allclose(one, mean, atol=1e-5)


def test_the_header_has_every_part_of_every_training_once_and_then_the_mean(tmp_path: Path) -> None:
    first = TrainingPart({"seed": 1}, "abc", "pictures", 3)
    second, third = (TrainingPart({"seed": n}, "def", "people", 5) for n in (2, 3))
    checkpoint(tmp_path / "one", 1, lineage=(first, second))
    checkpoint(tmp_path / "other", 2, lineage=(first, second, third))
    assert average(tmp_path, "one", "other") == 0
    header = load_header(tmp_path / "mean")
    assert header.lineage[:-1] == (first, second, third)
    mean = header.lineage[-1]
    assert mean.recipe["command"].startswith("python -m training average silhouette ")
    digests = [load_header(tmp_path / name).sha256 for name in ("one", "other")]
    assert mean.recipe["average_of"] == digests
    assert mean.steps == 0
    # Nothing that was measured of one of them is said of the mean.
    assert header.metrics == {}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["one"], "two or more checkpoints are needed"),
        (["one", "wide"], "one holds another network than"),
        (["one", "large"], "one holds another network than"),
        (["one", "differing"], "one holds another network than"),
        (["one", "closed"], "closed has another licence"),
        (["one", "absent"], "no such file"),
    ],
)
def test_what_has_no_mean_is_refused(
    names: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint(tmp_path / "one", 1)
    checkpoint(tmp_path / "wide", 1, LiteConfig(0, (16, 16, 8, 8)))
    checkpoint(tmp_path / "large", 1, side=96)
    checkpoint(tmp_path / "closed", 1, licence="MIT")
    header, tensors = load_checkpoint(tmp_path / "one", *ARCHITECTURES)
    other = header.config | {"network": header.config["network"] | {"variant": 1}}
    save_checkpoint(tmp_path / "differing", tensors, dataclasses.replace(header, config=other))
    assert average(tmp_path, *names) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()
