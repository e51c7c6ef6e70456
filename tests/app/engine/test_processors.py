import os
import sys
from pathlib import Path

import pytest

from app.engine.devices import count_processors

ALLOWED = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


@pytest.fixture(autouse=True)
def _many_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.mark.parametrize(
    ("quota", "processors"),
    [("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1), ("max 100000", 64)],
)
def test_the_quota_of_a_container_bounds_its_processors(
    tmp_path: Path, quota: str, processors: int
) -> None:
    write(tmp_path, cpu__max=quota)
    assert count_processors(tmp_path) == processors


@pytest.mark.parametrize(("quota", "processors"), [("400000", 4), ("-1", 64)])
def test_the_first_version_of_control_groups_is_read_too(
    tmp_path: Path, quota: str, processors: int
) -> None:
    write(tmp_path / "cpu", cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")
    assert count_processors(tmp_path) == processors


def test_without_control_groups_the_processors_that_it_may_run_on_count(tmp_path: Path) -> None:
    assert count_processors(tmp_path / "none") == 64


def test_on_this_machine_there_are_no_more_than_it_may_run_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    assert 1 <= count_processors() <= ALLOWED
