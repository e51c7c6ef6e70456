import argparse
from pathlib import Path

import pytest

from model.errors import InvalidInputError
from training.reporting.partial_results import PartialResults, Shard


def test_parts_are_neighbours_and_make_up_the_whole() -> None:
    items = list(range(11))
    parts = [Shard.parse(f"{number}/4").part(items) for number in (1, 2, 3, 4)]
    assert [item for part in parts for item in part] == items
    assert {len(part) for part in parts} == {2, 3}


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not I/N"):
        Shard.parse(text)


def test_a_torn_last_line_is_forgotten_and_written_anew(tmp_path: Path) -> None:
    rows = PartialResults(tmp_path, "rendered")
    rows.append("a", "1", {"score": 0.5})
    rows.append("b", "1", {"score": 0.25})
    path = tmp_path / "rendered.1-of-1.jsonl"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        again = PartialResults(tmp_path, "rendered")
        num_whole = whole[:length].count(b"\n")
        assert (again.get("a", "1") is not None) == (num_whole >= 1)
        assert again.get("b", "1") is None
        if num_whole == 0:
            again.append("a", "1", {"score": 0.5})
        again.append("b", "1", {"score": 0.25})
        assert path.read_bytes() == whole


def test_a_run_reads_what_all_parts_have_measured(tmp_path: Path) -> None:
    PartialResults(tmp_path, "rendered", Shard(1, 2)).append("a", "1", {"score": 1})
    PartialResults(tmp_path, "rendered", Shard(2, 2)).append("b", "1", {"score": 2})
    PartialResults(tmp_path, "photos", Shard(2, 2)).append("c", "1", {"score": 3})
    rows = PartialResults(tmp_path, "rendered")
    assert rows.get("a", "1") == {"score": 1}
    assert rows.get("b", "1") == {"score": 2}
    assert rows.get("c", "1") is None


def test_a_picture_that_has_changed_has_no_score(tmp_path: Path) -> None:
    PartialResults(tmp_path, "rendered").append("a", "1", {"score": 1})
    assert PartialResults(tmp_path, "rendered").get("a", "2") is None


def test_a_file_that_is_damaged_inside_is_named(tmp_path: Path) -> None:
    rows = PartialResults(tmp_path, "rendered")
    for key in "ab":
        rows.append(key, "1", {})
    path = tmp_path / "rendered.1-of-1.jsonl"
    path.write_bytes(path.read_bytes().replace(b'{"key": "a"', b'{"kex": "a"'))
    with pytest.raises(InvalidInputError, match=r"rendered\.1-of-1\.jsonl, line 1 is damaged"):
        PartialResults(tmp_path, "rendered")
