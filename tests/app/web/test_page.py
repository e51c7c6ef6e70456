"""What a person does with the page, in a real browser."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.capabilities import Predictors
from model.body.predictor import BodyPredictor
from tests.app.conftest import Held
from tests.app.routes.test_reconstruction import SIZES, png
from tests.app.web.conftest import Visit, playwright

Open = Callable[..., Visit]
NO_WEBGL = """
const real = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith("webgl") ? null : real.call(this, kind, ...rest);
};
"""


def expect(found: Any) -> Any:
    return playwright.expect(found)


def picture_of(element: Any) -> np.ndarray:
    image = Image.open(io.BytesIO(element.screenshot())).convert("RGB")
    return np.asarray(image).astype(int)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the pixels that differ clearly."""
    return float((np.abs(one - other).max(axis=-1) > 24).mean())


def number(text: str) -> float:
    return float(text.replace("−", "-").split()[0])


def drop(visit: Visit, data: bytes) -> None:
    """As a file manager does."""
    transfer = visit.page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
          return transfer;
        }""",
        list(data),
    )
    for event in ("dragenter", "dragover", "drop"):
        visit.page.dispatch_event("main", event, {"dataTransfer": transfer})


def test_a_dropped_photo_becomes_a_map_a_body_and_measurements(
    visit: Open, seeing: httpx.Client
) -> None:
    shown = visit(seeing)
    drop(shown, png(SIZES["whole"]))
    shown.finished()
    page = shown.page
    expect(page.locator("#photo-name")).to_have_text("dropped.png")
    names = page.locator("#layers .switch").all_inner_texts()
    assert names == ["Confidence map", "Weighted photo", "Garments", "Mesh", "Keypoints"]
    assert len(np.unique(picture_of(page.locator("#body-canvas")).reshape(-1, 3), axis=0)) > 50
    rows = page.locator("#measurements tbody tr:not(.group)")
    assert rows.count() == 20
    expect(page.locator("#warnings")).to_contain_text("No height was given")
    expect(page.locator("#device")).to_contain_text("cpu")
    assert page.locator("#timings li").count() >= 2
    assert shown.problems() == []


def test_the_value_under_the_pointer_is_the_servers(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    data = png(SIZES["whole"])
    shown.photo()
    answer = seeing.post("/confidence?format=png", files={"image": data})
    truth = np.asarray(Image.open(io.BytesIO(answer.content)))
    stage = shown.page.locator("#photo-stage")
    box = stage.bounding_box()
    for x, y in ((0.4, 0.3), (0.6, 0.7), (0.05, 0.5)):
        stage.hover(position={"x": x * box["width"], "y": y * box["height"]})
        text = shown.page.inner_text("#photo-readout")
        told = float(re.match(r"Confidence (\d\.\d\d) · .+", text)[1])  # type: ignore[index]
        row, column = int(y * truth.shape[0]), int(x * truth.shape[1])
        near = truth[row - 1 : row + 2, max(0, column - 1) : column + 2] / 255
        assert np.abs(near - told).min() < 0.006


def test_the_keyboard_reads_the_photo_and_turns_the_body(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.photo()
    page = shown.page
    page.focus("#photo-stage")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#photo-readout")).to_contain_text("Confidence")
    expect(page.locator("#photo-cross")).to_be_visible()
    canvas = page.locator("#body-canvas")
    canvas.focus()
    before = picture_of(canvas)
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    shown.drawn()
    assert difference(before, picture_of(canvas)) > 0.02
    page.keyboard.press("0")
    shown.drawn()
    assert difference(before, picture_of(canvas)) < 0.01


def test_dragging_turns_the_body(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.photo()
    canvas = shown.page.locator("#body-canvas")
    before = picture_of(canvas)
    box = canvas.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    shown.page.mouse.move(*middle)
    shown.page.mouse.down()
    shown.page.mouse.move(middle[0] + 120, middle[1], steps=4)
    shown.page.mouse.up()
    shown.drawn()
    assert difference(before, picture_of(canvas)) > 0.02


def test_a_slider_changes_the_body_and_its_measurements(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.photo()
    page, canvas = shown.page, shown.page.locator("#body-canvas")
    page.check("[name=pose][value=t-pose]")
    shown.drawn()
    before = picture_of(canvas)
    page.locator("#beta-0").fill("3")
    height = page.locator("#measurements tbody tr:has(th:text-is('Height'))")
    expect(height.locator("td.current")).not_to_have_text("")
    assert difference(before, picture_of(canvas)) > 0.002
    # The first beta of the mannequin makes it taller.
    assert number(height.locator("td.current").inner_text()) > number(
        height.locator("td").first.inner_text()
    )
    page.click("#shape-estimate")
    expect(height.locator("td.current")).to_be_hidden()
    shown.drawn()
    assert difference(before, picture_of(canvas)) < 0.001


def test_the_mesh_lies_where_the_server_draws_it(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.photo()
    page, stage = shown.page, shown.page.locator("#photo-stage")
    page.locator("[aria-label='Opacity of Mesh']").fill("100")
    shown.drawn()
    with_mesh = picture_of(stage)
    page.uncheck("#layers .layer:has-text('Mesh') input[type=checkbox]")
    shown.drawn()
    here = np.abs(with_mesh - picture_of(stage)).max(axis=-1) > 24
    data = png(SIZES["whole"])
    drawn = seeing.post("/reconstruct?format=png", files={"image": data}).content
    pictures = [np.asarray(Image.open(io.BytesIO(one))).astype(int) for one in (drawn, data)]
    there = np.abs(pictures[0] - pictures[1]).max(axis=-1) > 0
    resized = Image.fromarray(there).resize((here.shape[1], here.shape[0]))
    truth = np.asarray(resized)
    assert (here & truth).sum() / (here | truth).sum() > 0.85


def test_shapes_are_compared_as_the_server_compares_them(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.page.click("#average")
    shown.finished()
    page = shown.page
    page.click("#keep")
    page.locator("#beta-0").fill("2")
    expect(page.locator("#distances")).to_contain_text("PVE-T-SC")
    told = dict(
        zip(
            page.locator("#distances dt").all_inner_texts(),
            page.locator("#distances dd").all_inner_texts(),
            strict=True,
        )
    )
    pair = {"predicted": {"betas": [2]}, "ground_truth": {"betas": [0]}}
    truth = seeing.post("/mesh/errors", json=pair).json()
    assert number(told["Mean"]) == pytest.approx(truth["mean_error_mm"], abs=0.1)
    assert number(told["Largest"]) == pytest.approx(truth["max_error_mm"], abs=0.1)
    expect(page.locator("#body-legend")).to_contain_text("Distance")


def test_a_known_height_is_sent_and_units_change(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.photo()
    page = shown.page
    page.check("[name=units][value=imperial]")
    page.fill("#height", "70")
    page.check("[name=units][value=metric]")
    expect(page.locator("#height")).to_have_value("177.8")
    page.click("#known button")
    shown.finished()
    expect(page.locator("#warnings")).not_to_contain_text("No height was given")
    height = page.locator("#measurements tbody tr:has(th:text-is('Height')) td").first
    assert number(height.inner_text()) == pytest.approx(177.8, abs=2)
    expect(page.locator("#command")).to_contain_text("curl")


def test_one_of_several_people_is_chosen(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.photo("several")
    page = shown.page
    people = page.locator("#people input")
    assert people.count() == 3
    first = page.locator("#layer-keypoints circle").first.get_attribute("cx")
    people.nth(1).check()
    shown.finished()
    expect(page.locator("#layer-keypoints circle").first).not_to_have_attribute("cx", first)


def test_a_photo_of_nobody_has_a_map_and_the_average_body(
    visit: Open, seeing: httpx.Client
) -> None:
    shown = visit(seeing)
    shown.give(png(SIZES["nobody"]))
    expect(shown.page.locator("#body-title")).to_have_text("Average body")
    expect(shown.page.locator("#problems")).to_contain_text("nobody was found in picture")
    assert "Confidence map" in shown.page.locator("#layers .switch").all_inner_texts()


def test_an_error_says_what_the_server_says(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.give(b"this is no picture", "notes.png")
    detail = seeing.post("/confidence", files={"image": b"this is no picture"}).json()["detail"]
    expect(shown.page.locator("#problems")).to_contain_text(detail)
    expect(shown.page.locator("#photo-unseen")).to_be_visible()


def test_a_running_request_can_be_cancelled(
    visit: Open, start: Callable[..., httpx.Client], held: Held
) -> None:
    shown = visit(start(Predictors(silhouette=held)))
    shown.give(png(SIZES["whole"]))
    assert held.entered.wait(60)
    shown.page.click("#cancel")
    expect(shown.page.locator("#steps li")).to_have_attribute(
        "aria-label", "Confidence map: cancelled"
    )
    expect(shown.page.locator("#problems")).to_have_text("")


def test_what_is_not_loaded_is_named_and_the_rest_works(
    visit: Open, start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> None:
    shown = visit(start(Predictors(body=tiny_body)))
    page = shown.page
    for name in ("silhouette", "clothing", "reconstruction"):
        expect(page.locator("#absent")).to_contain_text(f"{name} is not loaded")
    page.click("#average")
    shown.finished()
    assert page.locator("#betas input").count() == 10
    assert page.locator("#measurements tbody tr:not(.group)").count() == 20
    assert shown.problems() == []


def test_a_key_is_asked_for_and_kept_nowhere(
    visit: Open, start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> None:
    shown = visit(start(Predictors(body=tiny_body), api_keys="right"))
    page = shown.page
    expect(page.locator("#key-form")).to_be_visible()
    page.fill("#key", "wrong")
    page.click("#key-form button")
    expect(page.locator("#problems")).to_contain_text("the API key is not known")
    page.fill("#key", "right")
    page.click("#key-form button")
    expect(page.locator("#key-form")).to_be_hidden()
    page.click("#average")
    shown.finished()
    command = page.locator("#command")
    expect(command).to_contain_text('-H "X-API-Key: $HABITUS_API_KEY"')
    expect(command).not_to_contain_text("right")
    kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert kept == [0, 0, ""]


def test_without_webgl_the_page_says_so_and_shows_the_servers_drawing(
    visit: Open, seeing: httpx.Client
) -> None:
    shown = visit(seeing, init_script=NO_WEBGL)
    shown.photo()
    page = shown.page
    expect(page.locator("#no-webgl")).to_be_visible()
    expect(page.locator("#layer-mesh-picture")).to_be_visible()
    assert page.evaluate("document.getElementById('layer-mesh-picture').naturalWidth") == 120
    page.locator("#beta-0").fill("1")
    assert shown.problems() == []


def test_trust_colours_the_body_where_the_server_judges_it(
    visit: Open, seeing: httpx.Client
) -> None:
    shown = visit(seeing)

    def judge(route: Any) -> None:
        response = route.fetch()
        if "json" not in response.headers["content-type"]:
            route.fulfill(response=response)
            return
        answer = response.json()
        joints = {"left_knee": 0.1, "left_ankle": 0.1, "neck": 1.0, "right_shoulder": 1.0}
        for person in answer["people"]:
            person["trust"] = {"mesh": 0.42, "joints": joints}
        route.fulfill(response=response, json=answer)

    shown.page.route("**/reconstruct*", judge)
    shown.photo()
    canvas = shown.page.locator("#body-canvas")
    before = picture_of(canvas)
    shown.page.check("[name=colours][value=trust]")
    shown.drawn()
    expect(shown.page.locator("#body-legend")).to_contain_text("0.42")
    assert difference(before, picture_of(canvas)) > 0.02


def test_a_photo_is_pasted(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.page.evaluate(
        """(bytes) => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        list(png(SIZES["whole"])),
    )
    shown.finished()
    expect(shown.page.locator("#photo-name")).to_have_text("pasted.png")


def test_the_camera_takes_a_photo(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    page = shown.page
    page.click("#camera")
    expect(page.locator("#camera-message")).to_have_text("")
    page.click("#camera-dialog [value=take]")
    shown.finished()
    expect(page.locator("#photo-name")).to_have_text("camera.jpg")
    assert page.evaluate("document.getElementById('camera-video').srcObject === null")


def test_every_example_is_read(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    for name in ("street.jpg", "rendered-1.jpg", "rendered-2.jpg"):
        shown.page.click(f"[data-example='{name}']")
        shown.finished()
        expect(shown.page.locator("#photo-name")).to_have_text(name)
        assert "Confidence map" in shown.page.locator("#layers .switch").all_inner_texts()
        shown.page.click("#restart")


def test_a_rigged_file_is_downloaded_with_the_shape_on_the_screen(
    visit: Open, seeing: httpx.Client, repo_root: Any, tmp_path: Any
) -> None:
    from tests.app.codecs.test_rigged_mesh import issues

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
