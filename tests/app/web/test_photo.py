"""How photos come in, and what is laid over them."""

import io
import re
from collections.abc import Callable

import httpx
import numpy as np
from PIL import Image

from tests.app.routes.test_reconstruction import SIZES, png
from tests.app.web.conftest import Visit, expect, picture_of

Open = Callable[..., Visit]


def drop(visit: Visit, data: bytes) -> None:
    """As a file manager does."""
    transfer = visit.page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          const file = new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" });
          transfer.items.add(file);
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


def test_a_photo_is_pasted(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.page.evaluate(
        """(bytes) => {
          const clipboardData = new DataTransfer();
          const file = new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" });
          clipboardData.items.add(file);
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
