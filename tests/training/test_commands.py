"""Every command of the tree says what is wrong in one line, before it works if it can."""

import argparse
import contextlib
import os
import resource
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import save_clothing_checkpoint
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import save_silhouette_checkpoint
from training.__main__ import command_tree, main
from training.arguments import device, output_file, output_folder

Leaf = tuple[str, str]
COMMANDS = command_tree()
LEAVES: list[Leaf] = [(name, what) for name, leaves in COMMANDS.items() for what in leaves]
OUTPUTS = {"out", "json", "export", "cache"}
RECIPES = Path(__file__).parents[2] / "training" / "recipes"
HEADER = CheckpointHeader("", {}, (TrainingPart({}, "", "", 0),), {}, "")


def options_of(leaf: Leaf) -> list[argparse.Action]:
    parser = argparse.ArgumentParser()
    COMMANDS[leaf[0]][leaf[1]].load().configure(parser)
    return parser._actions


def cases(*kinds: object, dests: set[str] | None = None) -> list[tuple[Leaf, str]]:
    """Each leaf with each of its options of some type or destination."""
    return [
        (leaf, option.option_strings[0])
        for leaf in LEAVES
        for option in options_of(leaf)
        if option.option_strings
        and (option.type in kinds or (dests is not None and option.dest in dests))
    ]


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """The one line with which wrong usage is refused."""
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


def failed(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """The one line with which a command ends that could not do its work."""
    assert main(arguments) == 1
    said = capsys.readouterr().err.replace("\r", "\n").splitlines()
    assert not [line for line in said if "Traceback" in line]
    (line,) = [line for line in said if line.startswith("error: ")]
    assert line == said[-1]
    return line


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """A block in which no file can grow, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Networks with random weights that take milliseconds, and the body that comes along."""
    folder = tmp_path_factory.mktemp("checkpoints")
    silhouette, clothing = folder / "silhouette.safetensors", folder / "clothing.safetensors"
    hourglass = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    save_silhouette_checkpoint(silhouette, hourglass, 64, HEADER)
    unet = ClothingNetwork(ClothingConfig(network="unet", widths=(4, 8)))
    save_clothing_checkpoint(clothing, unet, 64, HEADER)
    body = RECIPES.parents[1] / "checkpoints" / "body_neutral.safetensors"
    return {"silhouette": str(silhouette), "clothing": str(clothing), "body": str(body)}


@pytest.fixture
def places(
    tmp_path: Path,
    shader_folder: Path,
    ccp_folder: Path,
    checkpoints: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """What the commands below name in braces."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 60), "grey").save(tmp_path / "photo.png")
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    return {
        "shader": str(shader_folder),
        "ccp": str(ccp_folder),
        "recipes": str(RECIPES),
        "silhouettes": str(RECIPES / "silhouette"),
        **checkpoints,
        **{name: str(tmp_path / name) for name in ("photo.png", "file", "folder", "new")},
    }


def words(command: str, places: dict[str, str]) -> list[str]:
    for name, path in places.items():
        command = command.replace(f"{{{name}}}", path)
    return command.split()


def test_every_output_and_count_and_device_has_a_type_that_checks_it() -> None:
    for leaf in LEAVES:
        for option in options_of(leaf):
            assert option.type not in (int, float) or option.dest == "betas", (leaf, option.dest)
            if option.dest in OUTPUTS:
                assert option.type in (output_file, output_folder), (leaf, option.dest)
            if option.dest == "device":
                assert option.type is device, leaf


@pytest.mark.parametrize(("leaf", "option"), cases(output_file))
def test_a_folder_where_a_file_is_meant_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], leaf: Leaf, option: str
) -> None:
    line = refused(capsys, [*leaf, option, str(tmp_path)])
    assert f"{option}: {tmp_path} is a folder; a file is meant" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("leaf", "option"), cases(output_file, output_folder))
def test_a_file_where_a_folder_is_meant_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], leaf: Leaf, option: str
) -> None:
    (tmp_path / "file").write_text("text")
    below = tmp_path / "file" / "other" / "out.png"
    assert f"{tmp_path}/file is a file" in refused(capsys, [*leaf, option, str(below)])
    assert (tmp_path / "file").read_text() == "text"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
@pytest.mark.parametrize(("leaf", "option"), cases(output_file, output_folder))
def test_a_folder_that_cannot_be_written_to_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], leaf: Leaf, option: str
) -> None:
    tmp_path.chmod(0o500)
    try:
        line = refused(capsys, [*leaf, option, str(tmp_path / "new" / "out.png")])
    finally:
        tmp_path.chmod(0o700)
    assert f"{tmp_path} is read-only" in line


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs Linux's sysfs")
def test_a_file_system_that_takes_no_files_is_told_in_one_line(
    shader_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Refused at once for most people, for root when the file is made.
    with contextlib.suppress(SystemExit):
        assert main(["data", "check", str(shader_folder), "--json", "/sys/kernel/a.json"]) == 1
    said = capsys.readouterr().err
    assert said.count("error: ") == 1
    assert "/sys/kernel" in said.splitlines()[-1]
    assert "Traceback" not in said


@pytest.mark.parametrize(("leaf", "option"), cases(dests={"workers", "seeds", "subjects", "limit"}))
@pytest.mark.parametrize("number", ["-1", "many", "1.5"])
def test_a_number_that_is_no_count_is_refused_at_once(
    capsys: pytest.CaptureFixture[str], leaf: Leaf, option: str, number: str
) -> None:
    assert number in refused(capsys, [*leaf, option, number])


@pytest.mark.parametrize(("leaf", "option"), cases(dests={"workers"}))
def test_no_workers_are_refused_at_once(
    capsys: pytest.CaptureFixture[str], leaf: Leaf, option: str
) -> None:
    assert "0 is too few; at least 1" in refused(capsys, [*leaf, option, "0"])


@pytest.mark.parametrize(("leaf", "option"), cases(device))
@pytest.mark.parametrize("name", ["cuda:99", "fpga", "meta"])
def test_a_device_that_is_not_there_is_refused_at_once(
    capsys: pytest.CaptureFixture[str], leaf: Leaf, option: str, name: str
) -> None:
    assert f"device {name!r} is not available" in refused(capsys, [*leaf, option, name])


def test_a_device_of_a_recipe_that_is_not_there_is_refused_before_a_run_is_made(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    smoke = (RECIPES / "silhouette" / "smoke.toml").read_text()
    recipe.write_text(f'device = "cuda:99"\n{smoke}')
    data = ["--data", places["shader"], "--ccp", places["ccp"]]
    for command in ("fit silhouette", "compare silhouette"):
        arguments = [*command.split(), "--recipe", str(recipe), *data, "--out", "run"]
        assert "'cuda:99' is not available" in failed(capsys, arguments)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command",
    [
        "assets smpl --from {folder} --out {new}",
        "data synth --body {folder} --out {new}",
        "data check {file}",
        "data tagged --ccp {file} --out {new}",
        "data keypoints --ccp {file} --model {file}",
        "data keypoints --ccp {ccp} --model {folder}",
        "data label-photos --photos {file} --model {file} --out {new}",
        "data label-photos --photos {ccp}/photos --model {folder} --out {new}",
        "fit silhouette --recipe {folder} --out {new}",
        "fit silhouette --recipe {recipes}/silhouette/smoke.toml --data {file} --out {new}",
        "fit clothing --recipe {folder} --out {new}",
        "fit clothing --recipe {recipes}/clothing/smoke.toml --ccp {file} --out {new}",
        "fit reconstruction --recipe {folder} --out {new}",
        "compare reconstruction --recipe {folder} --test {shader} --out {new}",
        "calibrate reconstruction --checkpoint {folder} --people {shader} --out {new}",
        "evaluate reconstruction --checkpoint {folder} --people {shader}",
        "figures reconstruction --data {shader} --checkpoint {folder} --out {new}",
        "data reconstruction --data {shader} --silhouette {folder} --out {new}",
        "balance clothing --checkpoint {folder} --ccp {ccp} --out {new}",
        "balance clothing --checkpoint {clothing} --ccp {file} --out {new}",
        "average silhouette --checkpoint {folder} {folder} --out {new}",
        "evaluate silhouette --checkpoint {folder} --data {shader}",
        "evaluate silhouette --checkpoint {silhouette} --data {file}",
        "evaluate silhouette --checkpoint {silhouette} --ccp {file}",
        "evaluate clothing --checkpoint {folder} --ccp {ccp}",
        "evaluate clothing --checkpoint {clothing} --ccp {file}",
        "evaluate body --data {shader} --predictions {folder} --out {new}",
        "compare silhouette --recipe {folder} --ccp {ccp} --out {new}",
        "compare silhouette --recipe {silhouettes}/smoke.toml --data {file} --out {new}",
        "compare clothing --recipe {folder} --ccp {ccp} --out {new}",
        "compare clothing --recipe {recipes}/clothing/smoke.toml --ccp {file} --out {new}",
        "figures silhouette --image {photo.png} --checkpoint {folder} --out {new}",
        "figures clothing --image {photo.png} --checkpoint {folder} --out {new}",
        "figures body --betas 1 --asset {folder} --out {new}",
        "figures body --predicted {folder} --truth {folder} --asset {body} --out {new}",
    ],
)
def test_what_is_there_but_of_another_kind_is_not_said_to_be_missing(
    places: dict[str, str], capsys: pytest.CaptureFixture[str], command: str
) -> None:
    line = failed(capsys, words(command, places))
    wrong, kinds = "file" if "{file}" in command else "folder", ("file", "folder")
    other = kinds[wrong == "file"]
    assert line == f"error: {places[wrong]} is a {wrong}; a {other} is needed"


def test_what_is_missing_is_said_to_be_and_a_broken_link_to_be_one(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"no such file or folder: {tmp_path}/none" in failed(
        capsys, ["data", "check", f"{tmp_path}/none"]
    )
    (tmp_path / "link").symlink_to("nowhere")
    assert "link is a link to nowhere, which is not there" in failed(
        capsys, ["data", "check", str(tmp_path / "link")]
    )
    assert "File name too long" in failed(capsys, ["data", "check", "x" * 300, "--json", "a" * 300])


MEASURE = "evaluate silhouette --checkpoint {silhouette} --data {shader} --all-subjects"
WRITING = {
    "data check {shader} --json {new}": "new",
    "figures body --betas 1 --asset {body} --out {new}": "new",
    "average silhouette --checkpoint {silhouette} {silhouette} --out {new}": "new",
    "figures clothing --image {photo.png} --checkpoint {clothing} --out {folder}": "folder",
    "figures silhouette --image {photo.png} --checkpoint {silhouette} --out {folder}": "folder",
    MEASURE + " --json {new}": "new",
    MEASURE + " --out {folder}": "folder",
    "evaluate body --data {shader} --predictions p.json --asset {body} --out {folder}": "folder",
    "fit silhouette --recipe {silhouettes}/smoke.toml --data {shader} --out {folder}": "folder",
}


@pytest.fixture
def predictions(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"maleBatch002/0000": [1]}')


@pytest.mark.usefixtures("predictions")
@pytest.mark.parametrize("command", WRITING)
def test_a_full_disk_is_said_to_be_one_and_nothing_is_lost(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "new").write_text("old")
    before = {path for path in tmp_path.rglob("*") if path.stat().st_size}
    with full_disk():
        line = failed(capsys, words(command, places))
    assert "cannot be written" in line
    assert places[WRITING[command]] in line or ".cache" in line
    assert (tmp_path / "new").read_text() == "old"
    assert {path for path in tmp_path.rglob("*") if path.stat().st_size} - before <= {
        path for path in tmp_path.rglob("*") if path.is_dir()
    }


FILES = [command for command, place in WRITING.items() if place == "new"]


@pytest.mark.parametrize("command", FILES)
def test_a_link_stays_and_its_target_is_written(
    places: dict[str, str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "real"
    target.write_text("old")
    (tmp_path / "new").symlink_to("elsewhere/real")
    assert main(words(command, places)) == 0
    assert (tmp_path / "new").is_symlink()
    assert target.read_bytes() not in (b"old", b"")
    assert [path.name for path in target.parent.iterdir()] == ["real"]


@pytest.mark.parametrize("command", FILES)
def test_a_fifo_s_reader_gets_what_a_file_would_hold(
    places: dict[str, str], tmp_path: Path, command: str
) -> None:
    assert main(words(command, places)) == 0
    written = (tmp_path / "new").read_bytes()
    (tmp_path / "new").unlink()
    os.mkfifo(tmp_path / "new")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "new").read_bytes()))
    reader.start()
    assert main(words(command, places)) == 0
    reader.join(timeout=60)
    assert stat.S_ISFIFO((tmp_path / "new").lstat().st_mode)
    assert len(read[0]) == len(written) > 100


@pytest.mark.parametrize("command", FILES)
def test_a_device_is_written_into_and_stays_a_device(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    # By links: if one were replaced, the machine's own devices would not be.
    (tmp_path / "new").symlink_to("/dev/null")
    assert main(words(command, places)) == 0
    (tmp_path / "new").unlink()
    (tmp_path / "new").symlink_to("/dev/full")
    assert "No space left on device" in failed(capsys, words(command, places))
    assert (tmp_path / "new").is_symlink()


def test_the_report_can_go_to_the_standard_output(
    shader_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(shader_folder), "--json", "/dev/stdout"]) == 0
    printed = capfd.readouterr().out
    assert "no faults" in printed
    assert '"subjects": [' in printed


def test_a_worker_s_error_is_told_without_its_traceback(
    places: dict[str, str], shader_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures that are decoded while training goes on are read by other processes."""
    smoke = (RECIPES / "silhouette" / "smoke.toml").read_text()
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        smoke.replace("[data]", "[data]\nmax_packed_gb = 0.0\nvalidation_fraction = 0.5").replace(
            "[routine]", "[routine]\nnum_workers = 1"
        )
    )
    for path in shader_folder.rglob("dressed/*.png"):
        Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save(path)
    command = ["fit", "silhouette", "--recipe", str(recipe), "--data", str(shader_folder)]
    line = failed(capsys, [*command, "--out", "run"])
    assert "a picture with an alpha channel is needed" in line


def test_data_can_be_prepared_without_a_run(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    smoke = str(RECIPES / "silhouette" / "smoke.toml")
    command = ["fit", "silhouette", "--recipe", smoke, "--data", places["shader"], "--out", "run"]
    cache = tmp_path / "cache"
    options = ["--set", f"data.cache={cache}", "data.validation_fraction=0.5"]
    assert main([*command, *options, "--prepare"]) == 0
    assert "without --prepare" in capsys.readouterr().out
    assert list(cache.glob("pairs-*/pixels.bin"))
    assert not (tmp_path / "run").exists()
