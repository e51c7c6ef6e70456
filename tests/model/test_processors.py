import os
import sys
from pathlib import Path

import pytest

from model.processors import count_processors

ALLOWED = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def count(tmp_path: Path, membership: str) -> int:
    path = tmp_path / "membership"
    path.write_text(membership)
    return count_processors(tmp_path / "groups", path)


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
    write(tmp_path / "groups", cpu__max=quota)
    assert count(tmp_path, "0::/\n") == processors


def test_the_smallest_quota_of_the_groups_around_counts(tmp_path: Path) -> None:
    groups = tmp_path / "groups"
    write(groups / "pods", cpu__max="300000 100000")
    write(groups / "pods" / "a", cpu__max="max 100000")
    write(groups / "pods" / "a" / "b", cpu__max="800000 100000")
    assert count(tmp_path, "0::/pods/a/b\n") == 3


@pytest.mark.parametrize(("quota", "processors"), [("400000", 4), ("-1", 64)])
def test_the_first_version_of_control_groups_is_read_too(
    tmp_path: Path, quota: str, processors: int
) -> None:
    folder = tmp_path / "groups" / "cpu,cpuacct"
    write(folder, cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")
    # The path is that of the host, which a container does not see.
    assert count(tmp_path, "9:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n") == processors


def test_without_control_groups_the_processors_that_it_may_run_on_count(tmp_path: Path) -> None:
    assert count_processors(tmp_path, tmp_path / "none") == 64
    assert count(tmp_path, "0::/\n") == 64


def test_on_this_machine_there_are_no_more_than_it_may_run_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    assert 1 <= count_processors() <= ALLOWED
