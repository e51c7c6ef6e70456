from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from training.__main__ import main
from training.reporting.curves import curves_figure


def test_a_runs_curves_are_its_tables(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    learned = pd.DataFrame({"step": [20, 40], "loss": [2.0, 1.0], "learning_rate": [0.1, 0.1]})
    judged = pd.DataFrame({"step": [40], "loss": [1.5], "pixel_accuracy": [0.5], "score": [0.4]})
    learned.to_csv(run / "learned.csv", index=False)
    judged.to_csv(run / "judged.csv", index=False)
    losses, scores = curves_figure(run).axes
    assert {line.get_label(): list(np.asarray(line.get_ydata())) for line in losses.lines} == {
        "training": [2, 1],
        "held-out": [1.5],
    }
    assert [line.get_label() for line in scores.lines] == ["pixel accuracy", "score"]
    assert main(["figures", "run", "--run", str(run), "--out", str(tmp_path / "c.png")]) == 0
    with Image.open(tmp_path / "c.png") as figure:
        assert min(figure.size) > 100


def test_a_run_without_tables_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["figures", "run", "--run", str(tmp_path), "--out", str(tmp_path / "c.png")]
    assert main(command) == 1
    assert "learned.csv" in capsys.readouterr().err
    (tmp_path / "learned.csv").write_text("step,loss\n")
    (tmp_path / "judged.csv").write_text("step,loss\n1,2\n")
    assert main(command) == 1
    assert "holds no row" in capsys.readouterr().err
