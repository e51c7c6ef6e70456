"""The tree is the one in the README: every capability has the same files, the walls stand."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

LEARNED = (
    "model/{}/network.py",
    "model/{}/predictor.py",
    "training/{}/data.py",
    "training/{}/metrics.py",
    "training/{}/losses.py",
    "training/{}/task.py",
    "training/{}/evaluate.py",
    "training/{}/capability.py",
    "training/recipes/{}/default.toml",
    "training/recipes/{}/smoke.toml",
    "app/routes/{}.py",
    "app/schemas/{}.py",
    "tests/model/{}",
    "tests/training/{}",
    "checkpoints/{}.safetensors",
    "checkpoints/{}.md",
)
CAPABILITIES = {
    "silhouette": LEARNED,
    "clothing": LEARNED,
    "synthesis": LEARNED,
    # The body is computed, not learned: it has no network and nothing to train.
    "body": (
        "model/{}/predictor.py",
        "training/assets/{}.py",
        "training/{}/evaluate.py",
        "app/routes/{}.py",
        "app/schemas/{}.py",
        "tests/model/{}",
        "tests/training/{}",
        "checkpoints/{}_neutral.safetensors",
        "checkpoints/{}_neutral.md",
    ),
}
PACKAGES = ("app", "model", "training")
MAY_UNPICKLE = {"training/assets/unpickler.py", "training/assets/torch_weights.py"}
MAY_PICKLE = MAY_UNPICKLE | {"training/datasets/shader_writer.py"}


@pytest.fixture(scope="module")
def tracked(repo_root: Path) -> list[Path]:
    """Files that git tracks, and new ones that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=repo_root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [Path(name) for name in listed if (repo_root / name).is_file()]


def sources(tracked: list[Path], repo_root: Path) -> dict[Path, ast.Module]:
    chosen = [p for p in tracked if p.suffix == ".py" and p.parts[0] in PACKAGES]
    assert len(chosen) > 50
    return {path: ast.parse((repo_root / path).read_text()) for path in chosen}


@pytest.mark.parametrize("slug", CAPABILITIES)
def test_every_capability_has_the_same_files(slug: str, repo_root: Path) -> None:
    missing = [
        path.format(slug)
        for path in CAPABILITIES[slug]
        if not (repo_root / path.format(slug)).exists()
    ]
    assert missing == []


def test_no_capability_is_there_in_part(repo_root: Path) -> None:
    found = {p.parent.name for p in (repo_root / "model").glob("*/predictor.py")}
    found |= {p.parent.name for p in (repo_root / "training").glob("*/task.py")}
    assert found == set(CAPABILITIES)


def test_no_file_is_a_drawer_for_odds_and_ends(tracked: list[Path]) -> None:
    names = re.compile(r"(utils|helpers|misc|base_\w+)\.py")
    assert [str(p) for p in tracked if names.fullmatch(p.name)] == []
    common = [p for p in tracked if p.name == "common.py"]
    assert [str(p) for p in common if p.parent != Path("app/schemas")] == []


def test_the_top_of_the_service_has_few_entries(tracked: list[Path]) -> None:
    entries = {path.parts[1] for path in tracked if path.parts[0] == "app"} - {"__init__.py"}
    assert len(entries) <= 14, sorted(entries)


def test_files_hold_one_idea(tracked: list[Path], repo_root: Path) -> None:
    long = {
        str(path): count
        for path in sources(tracked, repo_root)
        if (count := (repo_root / path).read_text().count("\n")) > 270
    }
    assert long == {}


def test_nothing_unpickles_but_the_restricted_unpickler(
    tracked: list[Path], repo_root: Path
) -> None:
    importers, loaders = set(), []
    for path, tree in sources(tracked, repo_root).items():
        for node in ast.walk(tree):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            if {"pickle", "dill", "joblib", "shelve", "marshal"} & set(modules):
                importers.add(str(path))
            if isinstance(node, ast.Attribute) and str(path) not in MAY_UNPICKLE:
                called = ast.unparse(node)
                if called in ("torch.load", "pickle.load", "pickle.loads", "pickle.Unpickler"):
                    loaders.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path
    assert importers <= MAY_PICKLE
    assert loaders == []


def test_no_tracked_file_is_too_large_or_names_a_registry(
    tracked: list[Path], repo_root: Path
) -> None:
    registries = (
        "py" + "pi.org",
        "python" + "hosted.org",
        "registry." + "npmjs",
        "deb" + "ian.org",
    )
    for path in tracked:
        content = (repo_root / path).read_bytes()
        assert len(content) < 16 * 2**20, path
        found = [name for name in registries if name.encode() in content]
        assert found == [], path


def test_the_make_targets_are_thin(repo_root: Path) -> None:
    makefile = (repo_root / "Makefile").read_text()
    for target in ("serve", "test", "check", "bench"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    recipes = re.findall(r"(?:^\t.*\n)+", makefile, re.MULTILINE)
    assert max(recipe.count("\n") for recipe in recipes) <= 4
    assert "make test" in (repo_root / ".ci" / "run").read_text()
