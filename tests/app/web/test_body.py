"""The body in 3D, its shape and its measurements."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.app.web.conftest import Visit, difference, expect, number, picture_of

Open = Callable[..., Visit]
NO_WEBGL = """
const real = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith("webgl") ? null : real.call(this, kind, ...rest);
};
"""


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
