"""The README and the pages are true: their commands run, their answers and numbers are right."""

import importlib.util
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

import benchmarks.__main__ as bench
from model.checkpoint import load_checkpoint, load_header
from model.clothing.predictor import ARCHITECTURE as CLOTHING
from model.silhouette.predictor import ARCHITECTURES
from training.__main__ import build_parser

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/api.md",
    "docs/python.md",
    "docs/training.md",
    "docs/reproduce.md",
    "docs/evaluation.md",
    "docs/data.md",
    "docs/performance.md",
    "docs/operations.md",
)
MAX_README_LINES = 200
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = {"pip", "make", "docker", "python -c", ".venv/bin/pytest"}
"""Commands that would install something or start containers, or that are the tests themselves;
reproduce.md prints a header by `python -c`."""
LAUNCHERS = (
    ["python", "-m", "training"],
    ["torchrun", "--nproc-per-node", "4", "-m", "training"],
)


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    page: str
    language: str
    text: str
    following: str
    """The text of the next block where it is JSON, otherwise empty."""

    @property
    def commands(self) -> list[list[str]]:
        """Of a shell block: the words of each line."""
        if self.language != "sh":
            return []
        lines = (shlex.split(line, comments=True) for line in self.text.splitlines())
        return [words for words in lines if words]


@pytest.fixture(scope="module")
def readme(repo_root: Path) -> str:
    return (repo_root / "README.md").read_text()


@pytest.fixture(scope="module")
def blocks(repo_root: Path) -> list[Block]:
    found = []
    for page in PAGES:
        parts = [*BLOCK.findall((repo_root / page).read_text()), ("", "")]
        for (language, text), (next_language, answer) in pairwise(parts):
            found.append(Block(page, language, text, answer if next_language == "json" else ""))
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


@pytest.fixture(scope="module")
def folder(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the one that the pages assume: a photo, and the checkpoints."""
    path = tmp_path_factory.mktemp("user")
    shutil.copy(repo_root / "docs" / "photo.jpg", path / "photo.jpg")
    (path / "checkpoints").symlink_to(repo_root / "checkpoints")
    return path


def test_every_curl_gives_the_answer_that_is_printed(
    blocks: list[Block], port: int, repo_root: Path, folder: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    num_answers = num_files = 0
    for block in blocks:
        for words in block.commands:
            if words[0] != "curl":
                continue
            done = subprocess.run(
                [word.replace("localhost:8000", f"127.0.0.1:{port}") for word in words]
                + ["-sS", "--fail-with-body"],
                cwd=folder,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            if "-o" in words:
                check_file(folder / words[words.index("-o") + 1], repo_root)
                num_files += 1
            else:
                assert block.following, f"{block.page} does not print the answer of {words}"
                assert_matches(json.loads(block.following), json.loads(done.stdout), block.text)
                num_answers += 1
    assert num_answers >= 5
    assert num_files >= 6


def check_file(path: Path, repo_root: Path) -> None:
    if path.suffix == ".png":
        with Image.open(path) as answer, Image.open(repo_root / "docs" / "photo.jpg") as photo:
            assert answer.size == photo.size
            assert answer.getextrema() != ((0, 0),)
    else:
        signature = {".glb": b"glTF", ".npy": b"\x93NUMPY", ".webp": b"RIFF"}[path.suffix]
        assert path.read_bytes().startswith(signature)


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


def test_every_python_block_runs(blocks: list[Block], repo_root: Path, folder: Path) -> None:
    texts = [block.text for block in blocks if block.language == "python"]
    assert len(texts) >= 4
    if importlib.util.find_spec("onnxruntime") is None:
        texts = [text for text in texts if "onnxruntime" not in text]
    # Each block has its own names; one process, because importing PyTorch takes seconds.
    script = "\n".join(f"exec({text!r}, {{}})" for text in texts)
    environment = {**os.environ, "PYTHONPATH": str(repo_root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_other_command_is_one_that_its_program_takes(
    blocks: list[Block], capsys: pytest.CaptureFixture[str]
) -> None:
    checked = 0
    for block in blocks:
        for words in block.commands:
            if words[0] == "curl" or words[0] in NOT_RUN or " ".join(words[:2]) in NOT_RUN:
                continue
            checked += 1
            if words[:3] == ["python", "-m", "benchmarks"]:
                bench.build_parser().parse_args(words[3:])
                continue
            launcher = next((known for known in LAUNCHERS if words[: len(known)] == known), None)
            assert launcher is not None, f"{block.page}: {words}"
            rest = words[len(launcher) :]
            if "--help" in rest:
                with pytest.raises(SystemExit) as stopped:
                    build_parser(rest)[0].parse_args(rest)
                assert stopped.value.code == 0
                assert "usage: python -m training" in capsys.readouterr().out
            else:
                build_parser(rest)[0].parse_args(rest)
    assert checked >= 30


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md", "deploy/README.md"])
def test_every_file_that_a_page_shows_or_names_exists(page: str, repo_root: Path) -> None:
    text = (repo_root / page).read_text()
    for path in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert (repo_root / page).parent.joinpath(path).is_file(), path
    for path in re.findall(r"`((?:training|checkpoints|docs|deploy)/[\w./]+\.\w+)`", text):
        assert (repo_root / path).is_file(), path
    assert "@" not in re.sub(r"@photo\.jpg", "", text)


def test_the_readme_is_short_and_leads_to_every_page(readme: str) -> None:
    assert readme.count("\n") < MAX_README_LINES
    for page in PAGES[1:]:
        assert page.removeprefix("docs/").removesuffix(".md") in readme, page


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


@pytest.mark.parametrize("name", ["silhouette", "clothing", "body_neutral", "synthesis"])
def test_a_checkpoint_says_every_part_of_its_training(name: str, repo_root: Path) -> None:
    header = load_header(repo_root / "checkpoints" / f"{name}.safetensors")
    assert all(part.data and part.recipe["command"] for part in header.lineage)
    words = (repo_root / "checkpoints" / f"{name}.md").read_text() + header.trained_on
    assert "began with weights" not in words
    assert words.startswith("---\nlicense: ")


def test_its_numbers_about_synthesis_are_those_of_the_checkpoint(
    readme: str, repo_root: Path
) -> None:
    header = load_header(repo_root / "checkpoints" / "synthesis.safetensors")
    card = (repo_root / "checkpoints" / "synthesis.md").read_text()
    for frames in ("held_out", "poses"):
        (content,) = header.metrics[frames].values()
        for method in ("conditional", "nearest of 26"):
            for name, digits in (("l1", 4), ("ssim", 3), ("flicker", 4)):
                number = f"{content['methods'][method][name]:.{digits}f}"
                assert number in readme
                assert number in card


def test_the_committed_performer_is_nearer_to_the_truth_than_the_nearest_frame(
    repo_root: Path,
) -> None:
    header = load_header(repo_root / "checkpoints" / "synthesis.safetensors")
    assert header.metrics["split"] == "test"
    for frames in ("held_out", "poses"):
        (content,) = header.metrics[frames].values()
        network, nearest = (content["methods"][n] for n in ("conditional", "nearest of 26"))
        # The nearest frame has the very background: its L1 in poses near to known ones is as low.
        for name in ("flicker", *(["l1"] if frames == "poses" else [])):
            assert network[name] < nearest[name]
        for name in ("psnr", "ssim", "ms_ssim"):
            assert network[name] > nearest[name]


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
    assert rendered["network"]["iou_target"] >= 0.90
    for baseline in ("dressed silhouette", "body and a constant in cloth"):
        assert rendered["network"]["iou_body"] > rendered[baseline]["iou_body"]
        assert rendered["network"]["mae_cloth"] <= 0.6 * rendered[baseline]["mae_cloth"]
    assert photos["median_skin"] >= 0.85
    assert photos["median_background"] <= 0.03
    assert photos["auroc"] >= 0.985
    assert photos["garment_edge_lower"] >= 0.9
