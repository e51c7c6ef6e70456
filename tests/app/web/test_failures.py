"""What the page says when something is missing or goes wrong."""

from collections.abc import Callable

import httpx

from app.capabilities import Predictors
from model.body.predictor import BodyPredictor
from tests.app.conftest import Held
from tests.app.routes.test_reconstruction import SIZES, png
from tests.app.web.conftest import Visit, expect

Open = Callable[..., Visit]


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
