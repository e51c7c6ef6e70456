"""The committed bundle is the build of the sources, and small."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

MAX_BUNDLE_BYTES = 400_000
MAX_PAGE_BYTES = 500_000


@pytest.fixture(scope="module")
def web(repo_root: Path) -> Path:
    return repo_root / "app" / "web"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_bundle_is_the_build_of_the_sources(web: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (web / "node_modules" / "esbuild").is_dir():
        pytest.skip("app/web/node_modules is not there: npm ci --prefix app/web")
    subprocess.run([node, web / "build.mjs", tmp_path / "built"], check=True, timeout=120)
    built, committed = contents(tmp_path / "built"), contents(web / "page")
    assert built.keys() == committed.keys(), (
        "run `npm run build --prefix app/web`, and commit page/"
    )
    for name, data in built.items():
        assert data == committed[name], name


def test_the_page_is_small(web: Path) -> None:
    sizes = {
        path: len(gzip.compress(path.read_bytes(), mtime=0))
        for path in (web / "page").iterdir()
        if path.name != "licences.txt"
    }
    pictures = sum(size for path, size in sizes.items() if path.suffix == ".jpg")
    assert sum(sizes.values()) - pictures < MAX_BUNDLE_BYTES
    assert sum(sizes.values()) < MAX_PAGE_BYTES


def test_the_lock_file_names_versions_and_digests_and_no_addresses(web: Path) -> None:
    lock = (web / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert lock.count('"integrity"') >= 3
    assert not re.search(r"https?://(?!(opencollective|github)\.com)", lock)


def test_the_licence_of_what_is_bundled_is_there(web: Path) -> None:
    text = (web / "page" / "licences.txt").read_text()
    assert "three.js" in text
    assert "Permission is hereby granted" in text
