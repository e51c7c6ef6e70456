import logging
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.datasets.shader import iter_subjects
from training.datasets.shader_frames import (
    FrameIndex,
    FrameList,
    ShaderListing,
    list_frames,
)
from training.scenes.sources import RenderedPeople
from training.silhouette.recipe import DataRecipe
from training.silhouette.sources import load_pairs

NUM_SUBJECTS, NUM_FRAMES = 20, 50


def grow(root: Path, num_subjects: int) -> Path:
    """Subjects of two batches with empty files for pictures; frame 7 has no naked picture."""
    for number in range(num_subjects):
        folder = root / f"{('male', 'female')[number % 2]}Batch001" / f"{number:04d}"
        for kind in ("dressed", "naked"):
            (folder / kind).mkdir(parents=True)
            for frame in range(NUM_FRAMES):
                if (kind, frame) != ("naked", 7):
                    (folder / kind / f"Image{frame:04d}.png").touch()
    return root


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grow(tmp_path_factory.mktemp("data") / "shader", NUM_SUBJECTS)


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders whose contents were listed."""
    seen: list[str] = []

    def counted(name: str) -> Any:
        original = getattr(os, name)

        def call(path: Any = ".") -> Any:
            seen.append(str(path))
            return original(path)

        return call

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, counted(name))
    return seen


def frames_of(listing: ShaderListing) -> list[tuple[str, int]]:
    return [(key, frame) for key, frames in listing.frames.items() for frame in frames]


def test_a_listing_finds_what_the_reader_lists(tree: Path, tmp_path: Path) -> None:
    expected = [(s.key, frame) for s in iter_subjects(tree) for frame in s.frames]
    assert len(expected) == NUM_SUBJECTS * (NUM_FRAMES - 1)
    assert frames_of(list_frames(tree, tmp_path)) == expected
    assert frames_of(list_frames(tree, tmp_path)) == expected


def test_a_second_listing_lists_no_folder(
    tree: Path, tmp_path: Path, listings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    first = list_frames(tree, tmp_path)
    # The root, two batches, and two folders of pictures for every subject.
    assert len(listings) >= 3 + 2 * NUM_SUBJECTS
    listings.clear()
    with caplog.at_level(logging.INFO):
        again = list_frames(tree, tmp_path)
    assert listings == []
    assert "listed before and unchanged, 980 frames" in caplog.text
    assert frames_of(again) == frames_of(first)


def test_the_training_data_of_a_known_folder_is_found_without_listing(
    tree: Path, tmp_path: Path, listings: list[str]
) -> None:
    recipe = DataRecipe(
        pairs=(str(tree),), max_packed_gb=0.0, cache=str(tmp_path), validation_fraction=0.5
    )
    once = load_pairs(recipe, False)
    listings.clear()
    again = load_pairs(recipe, False)
    assert [path for path in listings if path.startswith(str(tree))] == []
    assert isinstance(once, RenderedPeople)
    assert once == again


@pytest.mark.parametrize("change", ["a frame more", "a frame less", "a subject", "a batch"])
def test_a_changed_folder_is_listed_again(tmp_path: Path, change: str) -> None:
    root = grow(tmp_path / "shader", 4)
    before = frames_of(list_frames(root, tmp_path / "cache"))
    subject = root / "maleBatch001" / "0000"
    if change == "a frame more":
        (subject / "naked" / "Image0007.png").touch()
    elif change == "a frame less":
        (subject / "dressed" / "Image0000.png").unlink()
    else:
        home = "maleBatch001" if change == "a subject" else "maleBatch002"
        for kind in ("dressed", "naked"):
            (root / home / "0040" / kind).mkdir(parents=True)
            (root / home / "0040" / kind / "Image0000.png").touch()
    after = frames_of(list_frames(root, tmp_path / "cache"))
    assert after == [(s.key, frame) for s in iter_subjects(root) for frame in s.frames]
    assert after != before


def test_a_damaged_listing_is_made_again(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = frames_of(list_frames(tree, tmp_path))
    (file,) = tmp_path.glob("listing-*.json")
    file.write_bytes(file.read_bytes()[:300])
    assert frames_of(list_frames(tree, tmp_path)) == expected
    assert "cannot be read; the folder is listed again" in caplog.text


def test_what_a_worker_receives_does_not_grow_with_the_dataset(tmp_path: Path) -> None:
    sizes = []
    for name, count in (("small", 2), ("large", 20)):
        root = grow(tmp_path / name, count)
        recipe = DataRecipe(
            pairs=(str(root),),
            max_packed_gb=0.0,
            cache=str(tmp_path / "cache"),
            validation_fraction=0.0,
        )
        pairs = load_pairs(recipe, False)
        assert len(pairs) == count * (NUM_FRAMES - 1)
        # Also after it has been used here.
        assert isinstance(pairs, RenderedPeople)
        assert pairs.frames[0][0].is_dir()
        sizes.append(len(pickle.dumps(pairs)))
    assert sizes[0] == sizes[1] < 600


def test_an_index_says_which_frame_a_number_is(tree: Path, tmp_path: Path) -> None:
    listing = list_frames(tree, tmp_path)
    frames = FrameList.gather([listing], lambda key: int(key[-4:]) % 3 == 0)
    expected = [
        (s.folder, frame) for s in iter_subjects(tree) if int(s.name) % 3 == 0 for frame in s.frames
    ]
    index = frames.store(tmp_path)
    assert [index[number] for number in range(len(index))] == expected
    travelled: FrameIndex = pickle.loads(pickle.dumps(index))
    assert travelled[5] == expected[5]
    chosen = frames.select(np.array([9, 3])).store(tmp_path)
    assert [chosen[0], chosen[1]] == [expected[9], expected[3]]
    assert chosen.path != index.path


def test_two_datasets_follow_each_other(tree: Path, tmp_path: Path) -> None:
    other = grow(tmp_path / "other", 3)
    listings = [list_frames(root, tmp_path / "cache") for root in (tree, other)]
    index = FrameList.gather(listings, lambda _key: True).store(tmp_path / "cache")
    expected = [
        (s.folder, frame)
        for root in (tree, other)
        for s in iter_subjects(root)
        for frame in s.frames
    ]
    assert [index[number] for number in range(len(index))] == expected
