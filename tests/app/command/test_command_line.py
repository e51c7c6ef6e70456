import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import app.command.__main__ as command


def test_the_installed_command_is_the_one_that_the_tests_run(repo_root: Path) -> None:
    scripts = tomllib.loads((repo_root / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts.keys() == {"habitus"}
    assert EntryPoint("habitus", scripts["habitus"], "console_scripts").load() is command.main


def test_the_help_names_both_commands_and_needs_no_pytorch(repo_root: Path) -> None:
    script = (
        "import sys; sys.argv = ['habitus', '--help']\n"
        "from app.command.__main__ import main\n"
        "try: main()\n"
        "finally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repo_root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout
    assert "predict" in done.stdout


def test_serve_takes_the_options_of_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.run(["serve", "--help"])
    assert stopped.value.code == 0
    assert "HABITUS_PORT" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["predict"], ["predict", "a", "--out", "b", "--more"]])
def test_a_wrong_command_line_ends_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.run(arguments)
    assert stopped.value.code == 2
    assert "usage: habitus" in capsys.readouterr().err
