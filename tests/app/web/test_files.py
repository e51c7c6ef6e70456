"""What the page lets people save."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.app.codecs.test_rigged_mesh import issues
from tests.app.web.conftest import Visit

Open = Callable[..., Visit]


def test_a_rigged_file_is_downloaded_with_the_shape_on_the_screen(
    visit: Open, seeing: httpx.Client, repo_root: Path, tmp_path: Path
) -> None:
    shown = visit(seeing)
    shown.photo()
    page = shown.page
    page.locator("#beta-0").fill("2")
    with page.expect_download() as info:
        page.click("[aria-label='Download Body on the screen as GLB']")
    path = tmp_path / "downloaded.glb"
    info.value.save_as(path)
    data = path.read_bytes()
    assert info.value.suggested_filename == "body.glb"
    assert b'"betas":[2.0,' in data
    assert issues(data, repo_root, tmp_path)["numErrors"] == 0


def test_every_file_is_downloaded(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.photo()
    buttons = shown.page.locator("#downloads button")
    names = []
    for index in range(buttons.count()):
        with shown.page.expect_download() as info:
            buttons.nth(index).click()
        data = info.value.path().read_bytes()
        assert len(data) > 100
        names.append(info.value.suggested_filename)
        if names[-1] == "measurements.csv":
            rows = list(csv.DictReader(io.StringIO(data.decode())))
            assert len(rows) == 20
            assert float(rows[0]["low"]) < float(rows[0]["value"]) < float(rows[0]["high"])
    assert len(set(names)) == len(names) == 17
    assert shown.problems() == []
