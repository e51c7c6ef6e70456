from pathlib import Path

import numpy as np
import pytest
import torch

from model.errors import InvalidInputError
from training.engine.batches import SampleKey
from training.mesh_confidence.data import (
    BLOCK,
    MeshErrors,
    TrainingSamples,
    files_of,
    in_batches,
    load_errors,
    read_errors,
    save_errors,
)
from training.mesh_confidence.recipe import FilterRecipe


def test_rows_are_read_as_they_were_written(rows: MeshErrors, tmp_path: Path) -> None:
    rows.occluded[:] = np.arange(400) % 15 - 1
    save_errors(tmp_path / "rows.npz", rows)
    found = read_errors(tmp_path / "rows.npz")
    for name in ("features", "errors", "sequence", "occluded"):
        np.testing.assert_array_equal(getattr(found, name), getattr(rows, name))


def test_arrays_without_sequences_are_split_by_blocks(tmp_path: Path) -> None:
    number = 3 * BLOCK
    generator = np.random.default_rng(0)
    arrays = {
        name: generator.random((number, 14), np.float32)
        for name in ("predicted_to_detected", "predicted_to_truth", "detector_confidence")
    }
    np.savez(tmp_path / "rows.npz", **arrays)
    found = read_errors(tmp_path / "rows.npz")
    np.testing.assert_array_equal(found.features[..., 0], arrays["predicted_to_detected"])
    np.testing.assert_array_equal(found.features[..., 1], arrays["detector_confidence"])
    assert np.isnan(found.features[..., 2:]).all()
    held_out = found.held_out(True)
    np.testing.assert_array_equal(held_out.errors, arrays["predicted_to_truth"][2 * BLOCK :])
    assert (found.occluded == -1).all()


def test_no_sequence_is_learned_from_and_chooses(rows: MeshErrors) -> None:
    learned, held_out = rows.held_out(False), rows.held_out(True)
    assert set(learned.sequence) & set(held_out.sequence) == set()
    assert len(learned) + len(held_out) == len(rows)
    assert 0.1 < len(held_out) / len(rows) < 0.3


def test_rows_without_a_spine_and_of_absurd_errors_are_left_out(rows: MeshErrors) -> None:
    rows.features[3, 2, 1] = 0.05  # a hip
    rows.features[4, 0, 1] = 0.05  # an ankle
    rows.errors[:] = np.minimum(rows.errors, 0.9)
    rows.errors[5, 7] = 1.01
    kept = rows.filtered(FilterRecipe())
    expected = np.delete(np.arange(400), [3, 5])
    np.testing.assert_array_equal(kept.errors, rows.errors[expected])


def test_each_pass_gives_every_row_once_in_a_new_order(rows: MeshErrors) -> None:
    samples = TrainingSamples(rows, seed=7)
    passes = [
        torch.stack([samples[SampleKey(n, 224)].errors for n in range(start, start + 400)])
        for start in (0, 400)
    ]
    for found in passes:
        assert sorted(found[:, 0].tolist()) == sorted(rows.errors[:, 0].tolist())
    assert not torch.equal(*passes)
    # A sample depends on its number alone.
    again = TrainingSamples(rows, seed=7)
    torch.testing.assert_close(again[SampleKey(401, 224)].errors, passes[1][1], rtol=0, atol=0)


def test_all_files_of_all_folders_are_joined(errors_folder: Path) -> None:
    assert files_of(errors_folder, "test").keys() == {"plain", "occluded"}
    assert len(load_errors([errors_folder, errors_folder], "train")) == 4 * 400
    (errors_folder / "train_occluded.npz").unlink()
    assert len(load_errors([errors_folder], "train")) == 400
    (errors_folder / "train.npz").unlink()
    with pytest.raises(FileNotFoundError):
        load_errors([errors_folder], "train")
    with pytest.raises(InvalidInputError, match="--data"):
        load_errors([], "train")


def test_batches_hold_all_rows_in_order(rows: MeshErrors) -> None:
    batches = in_batches(rows, size=150)
    assert [len(batch.errors) for batch in batches] == [150, 150, 100]
    joined = torch.cat([batch.errors for batch in batches]).numpy()
    np.testing.assert_array_equal(joined, rows.errors)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"predicted_to_truth": None}, "no predicted_to_truth"),
        ({"detector_confidence": np.zeros((3, 14))}, r"detector_confidence is \(3, 14\)"),
        ({"predicted_to_truth": np.full((4, 14), np.nan)}, "not finite"),
        ({"sequence": np.zeros((4, 1))}, r"sequence is \(4, 1\)"),
        ({"predicted_to_detected": np.array([None])}, "cannot be read"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, change: dict[str, np.ndarray | None], words: str
) -> None:
    names = ("predicted_to_detected", "predicted_to_truth", "detector_confidence")
    arrays = {name: np.ones((4, 14), np.float32) for name in names} | change
    np.savez(tmp_path / "rows.npz", **{n: a for n, a in arrays.items() if a is not None})
    with pytest.raises(InvalidInputError, match=words):
        read_errors(tmp_path / "rows.npz")
    (tmp_path / "rows.npz").write_bytes(b"no archive")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_errors(tmp_path / "rows.npz")
