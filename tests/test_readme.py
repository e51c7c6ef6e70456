"""The README is true: its commands run, its answers come back, its numbers are the checkpoints'."""

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from model.checkpoint import load_checkpoint, load_header
from model.clothing.predictor import ARCHITECTURE as CLOTHING
from model.silhouette.predictor import ARCHITECTURES
from training.__main__ import build_parser

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = {"pip", "make"}
"""Commands that would install; `make test` has run one of them already."""


@pytest.fixture(scope="module")
def readme(repo_root: Path) -> str:
    return (repo_root / "README.md").read_text()


@pytest.fixture(scope="module")
def blocks(readme: str) -> list[tuple[str, str]]:
    found = BLOCK.findall(readme)
    assert len(found) > 10
    return found


@pytest.fixture(scope="module")
def port(repo_root: Path) -> Iterator[int]:
    """The service as `make serve` starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    command = [sys.executable, "-m", "app"]
    environment = {"HABITUS_PORT": str(number), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=repo_root, env=environment) as server:
        try:
            for _ in range(240):
                try:
                    httpx.get(f"http://127.0.0.1:{number}/health/live")
                    break
                except httpx.TransportError:
                    assert server.poll() is None
                    time.sleep(0.25)
            yield number
        finally:
            server.terminate()


def test_every_curl_gives_the_answer_that_is_printed(
    blocks: list[tuple[str, str]], port: int, repo_root: Path, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    shutil.copy(repo_root / "docs" / "photo.jpg", tmp_path / "photo.jpg")
    num_answers = num_files = 0
    for (language, text), (following, answer) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language != "sh" or not text.startswith("curl "):
            continue
        arguments = shlex.split(text.replace("localhost:8000", f"127.0.0.1:{port}"))
        done = subprocess.run(
            [arguments[0], "-sS", "--fail-with-body", *arguments[1:]],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if following == "json":
            assert_matches(json.loads(answer), json.loads(done.stdout), text)
            num_answers += 1
        else:
            check_file(tmp_path / arguments[arguments.index("-o") + 1], repo_root)
            num_files += 1
    assert num_answers >= 5
    assert num_files >= 3


def check_file(path: Path, repo_root: Path) -> None:
    if path.suffix == ".png":
        with Image.open(path) as answer, Image.open(repo_root / "docs" / "photo.jpg") as photo:
            assert answer.size == photo.size
            assert answer.getextrema() != ((0, 0),)
    else:
        assert path.read_bytes()[:4] == b"glTF"


def assert_matches(printed: Any, found: Any, where: str) -> None:
    """The README shortens: an ellipsis stands for the rest of a list, object or text."""
    if isinstance(printed, dict):
        for key, value in printed.items():
            if key != "…":
                assert key in found, f"{key} of {where}"
                assert_matches(value, found[key], f"{key} of {where}")
        assert "…" in printed or printed.keys() == found.keys(), where
    elif isinstance(printed, list):
        whole = [item for item in printed if item != "…"]
        assert len(whole) < len(printed) or len(whole) == len(found), where
        for one, other in zip(whole, found, strict=False):
            assert_matches(one, other, where)
    elif isinstance(printed, str) and printed.endswith("…"):
        assert found.startswith(printed[:-1]), where
    elif isinstance(printed, int) and not isinstance(printed, bool):
        # Another processor may round a pixel to the other side of a box's edge.
        assert found == pytest.approx(printed, abs=3), where
    elif isinstance(printed, float):
        assert found == pytest.approx(printed, rel=0.02, abs=0.005), where
    else:
        assert printed == found, where


def test_every_command_of_the_training_side_is_one_that_it_takes(
    blocks: list[tuple[str, str]],
) -> None:
    checked = 0
    for language, text in blocks:
        if language != "sh":
            continue
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:3] == ["python", "-m", "training"]:
                parser, _ = build_parser(words[3:])
                parser.parse_args(words[3:])
                checked += 1
            else:
                assert words[0] in ELSEWHERE | {"curl"}, line
    assert checked >= 10


def test_every_file_that_it_shows_or_names_exists(readme: str, repo_root: Path) -> None:
    for path in re.findall(r"\]\(((?!http)[^)#]+)\)", readme):
        assert (repo_root / path).is_file(), path
    for path in re.findall(r"`((?:training|checkpoints|docs)/[\w./]+\.\w+)`", readme):
        assert (repo_root / path).is_file(), path
    assert "@" not in re.sub(r"image=@photo\.jpg", "", readme)


def test_its_numbers_are_those_of_the_checkpoint(readme: str, repo_root: Path) -> None:
    header, _ = load_checkpoint(
        repo_root / "checkpoints" / "silhouette.safetensors", *ARCHITECTURES
    )
    measured = header.metrics
    rendered, photos = measured["rendered"], measured["photos"]
    people = measured["people"]["network"]
    assert measured["split"] == "test"
    for number in (
        *(f"{value:.3f}" for value in rendered["network"].values()),
        *(f"{value:.3f}" for value in measured["rendered_standard_errors"].values()),
        f"{rendered['dressed silhouette']['mae_cloth']:.3f}",
        f"{rendered['body and a constant in cloth']['mae_cloth']:.3f}",
        f"{photos['median_skin']:.3f}",
        f"{photos['median_background']:.3f}",
        f"{photos['auroc']:.3f}",
        *(f"{people[name]:.3f}" for name in ("recall", "mass_on_person", "iou", "iou_below_half")),
    ):
        assert number in readme
        assert number in (repo_root / "checkpoints" / "silhouette.md").read_text()


@pytest.mark.parametrize("name", ["silhouette", "clothing", "body_neutral"])
def test_a_checkpoint_says_every_part_of_its_training(name: str, repo_root: Path) -> None:
    header = load_header(repo_root / "checkpoints" / f"{name}.safetensors")
    assert all(part.data and part.recipe["command"] for part in header.lineage)
    words = (repo_root / "checkpoints" / f"{name}.md").read_text() + header.trained_on
    assert "began with weights" not in words
    assert words.startswith("---\nlicense: ")


def test_its_numbers_about_clothing_are_those_of_the_checkpoint(
    readme: str, repo_root: Path
) -> None:
    header, _ = load_checkpoint(repo_root / "checkpoints" / "clothing.safetensors", CLOTHING)
    card = (repo_root / "checkpoints" / "clothing.md").read_text()
    for scheme in ("fine", "grouped"):
        for name in ("pixel_accuracy", "foreground_accuracy", "mean_iou", "label_f1"):
            number = f"{header.metrics[scheme]['network'][name]:.3f}"
            assert number in readme
            assert number in card


def test_the_committed_clothing_checkpoint_meets_its_issues_accuracies(repo_root: Path) -> None:
    header, _ = load_checkpoint(repo_root / "checkpoints" / "clothing.safetensors", CLOTHING)
    fine, grouped = header.metrics["fine"]["network"], header.metrics["grouped"]["network"]
    assert fine["pixel_accuracy"] >= 0.88
    assert fine["foreground_accuracy"] >= 0.55
    assert grouped["mean_iou"] >= 0.40


def test_no_common_group_has_an_overlap_of_zero(repo_root: Path) -> None:
    card = (repo_root / "checkpoints" / "clothing.md").read_text()
    assert "No group that is in 50 or more photos to learn from has an IoU of zero." in card


def test_the_committed_silhouette_checkpoint_beats_the_baselines_and_knows_real_photos(
    repo_root: Path,
) -> None:
    header, _ = load_checkpoint(
        repo_root / "checkpoints" / "silhouette.safetensors", *ARCHITECTURES
    )
    rendered, photos = header.metrics["rendered"], header.metrics["photos"]
    assert rendered["network"]["iou_target"] >= 0.94
    for baseline in ("dressed silhouette", "body and a constant in cloth"):
        assert rendered["network"]["iou_body"] > rendered[baseline]["iou_body"]
        assert rendered["network"]["mae_cloth"] <= 0.6 * rendered[baseline]["mae_cloth"]
    assert photos["median_skin"] >= 0.85
    assert photos["median_background"] <= 0.03
    assert photos["auroc"] >= 0.985
    assert photos["garment_edge_lower"] >= 0.9
