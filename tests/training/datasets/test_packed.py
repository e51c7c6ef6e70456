import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.errors import StorageError
from training.datasets import packed
from training.datasets.packed import PackedPictures, pack


def picture(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    shape = (*rng.integers(1, 9, 2).tolist(), 4)
    drawn: np.ndarray = rng.integers(0, 256, shape, dtype=np.uint8)
    return drawn


class Counting:
    """Makes pictures, and remembers which; breaks at a number."""

    def __init__(self, breaks_at: int = -1) -> None:
        self.made: list[int] = []
        self.breaks_at = breaks_at
        self.lock = threading.Lock()

    def __call__(self, number: int) -> np.ndarray:
        if number == self.breaks_at:
            raise KeyboardInterrupt
        with self.lock:
            self.made.append(number)
        return picture(number)


def check(pictures: PackedPictures, count: int) -> None:
    assert len(pictures) == count
    for number in range(count):
        assert np.array_equal(pictures[number], picture(number))


@pytest.fixture(autouse=True)
def _short_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_PORTION", 4)


def do(make: Callable[[int], np.ndarray], folder: Path, fingerprint: str = "a") -> PackedPictures:
    return pack(11, make, folder, fingerprint, "packing")


def test_what_is_packed_is_not_packed_again(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    check(do(first, tmp_path), 11)
    check(do(second, tmp_path), 11)
    assert (sorted(first.made), second.made) == (list(range(11)), [])


def test_an_interrupted_packing_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        do(Counting(breaks_at=9), tmp_path)
    second = Counting()
    check(do(second, tmp_path), 11)
    assert min(second.made) == 8


def test_what_was_half_written_is_made_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        do(Counting(breaks_at=5), tmp_path)
    with (tmp_path / "pixels.partial").open("ab") as file:
        file.write(b"x" * 100)
    with (tmp_path / "places.partial").open("ab") as file:
        file.write(b"x" * 7)
    check(do(Counting(), tmp_path), 11)


def test_other_pictures_are_begun_anew(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        do(Counting(breaks_at=9), tmp_path, "a")
    second = Counting()
    check(do(second, tmp_path, "b"), 11)
    assert sorted(second.made) == list(range(11))
    assert not list(tmp_path.glob("*.partial"))


def test_two_at_once_pack_once(tmp_path: Path) -> None:
    counting = Counting()
    threads = [threading.Thread(target=do, args=(counting, tmp_path)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counting.made) == list(range(11))
    check(PackedPictures(tmp_path), 11)


def test_what_packing_takes_is_said_before_it_begins(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(KeyboardInterrupt):
        pack(2_000, one_only(np.zeros((100, 100, 5), np.uint8)), tmp_path, "a", "packing")
    (line,) = caplog.messages
    assert line.startswith(f"packing: 2,000 pictures take about 0.1 GB in {tmp_path}; ")


def test_packing_is_refused_where_the_disk_has_not_the_room(tmp_path: Path) -> None:
    # A hundred petabytes that take no memory.
    huge = np.broadcast_to(np.uint8(0), (1 << 20, 1 << 20, 5))
    with pytest.raises(StorageError, match=r"20,000 pictures take about .* GB are free"):
        pack(20_000, one_only(huge), tmp_path, "a", "packing")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 1000


def one_only(picture: np.ndarray) -> Callable[[int], np.ndarray]:
    """Makes the first picture; stops whoever asks for more."""

    def make(number: int) -> np.ndarray:
        if number:
            raise KeyboardInterrupt
        return picture

    return make
