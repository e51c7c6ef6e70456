"""A real browser that shows the page of a real server."""

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings
from model.body.predictor import BodyPredictor
from model.clothing.predictor import ClothingPredictor
from model.reconstruction.predictor import ReconstructionPredictor
from tests.app.routes.test_reconstruction import SIZES, Finder, people_of, png

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    # A moving test picture in the place of a camera.
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
PATIENCE_MS = 60_000
"""A busy machine draws slowly in software."""
EXPECTED_NOISE = ("GPU stall due to ReadPixels",)
"""Chromium's own remarks on drawing in software."""


@dataclass
class Visit:
    """A page in a browser, and what it did that no page should."""

    page: Any
    url: str
    told: list[str] = field(default_factory=list)
    """Errors and warnings in the console, and exceptions."""
    foreign: list[str] = field(default_factory=list)
    """Requests to other hosts."""

    def watch(self) -> None:
        """Record from now on."""
        host = urlsplit(self.url).netloc

        def request(sent: Any) -> None:
            parts = urlsplit(sent.url)
            if parts.scheme not in ("blob", "data") and parts.netloc != host:
                self.foreign.append(sent.url)

        def message(said: Any) -> None:
            if said.type in ("error", "warning"):
                self.told.append(said.text)

        self.page.on("request", request)
        self.page.on("console", message)
        self.page.on("pageerror", lambda error: self.told.append(str(error)))

    def problems(self) -> list[str]:
        """What was told, without what is known to be harmless."""
        return [text for text in self.told if not any(noise in text for noise in EXPECTED_NOISE)]

    def drawn(self) -> None:
        """Wait until the page has drawn what it was asked to."""
        self.page.evaluate(
            "() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))"
        )

    def give(self, data: bytes, name: str = "photo.png", media_type: str = "image/png") -> None:
        """Choose a file."""
        file = {"name": name, "mimeType": media_type, "buffer": data}
        self.page.set_input_files("#file", files=[file])

    def finished(self) -> None:
        """Wait until nothing is computed any more."""
        self.page.wait_for_selector("#steps li", state="attached")
        self.page.wait_for_selector("#steps:not(:has(.running))", state="attached")

    def photo(self, case: str = "whole") -> None:
        """Choose a photo, and wait for its results."""
        self.give(png(SIZES[case]))
        self.finished()


def expect(found: Any) -> Any:
    """A claim about an element, which may take a while to come true."""
    from playwright.sync_api import expect as claim

    return claim(found)


def picture_of(element: Any) -> np.ndarray:
    """An element as it is seen."""
    image = Image.open(io.BytesIO(element.screenshot())).convert("RGB")
    return np.asarray(image).astype(int)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the pixels that differ clearly."""
    return float((np.abs(one - other).max(axis=-1) > 24).mean())


def number(text: str) -> float:
    """The number that a text begins with."""
    return float(text.replace("\N{MINUS SIGN}", "-").split()[0])


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'"
    )
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as started:
        # Without a folder of the user's own, playwright makes a new one.
        launched = started.chromium.launch(
            executable_path=chromium, args=list(FLAGS), headless=True, timeout=120_000
        )
        playwright.expect.set_options(timeout=PATIENCE_MS)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Open the page of a server: `visit(client)`; afterwards it must not have done wrong."""
    visits: list[Visit] = []

    def open_page(client: httpx.Client, *, init_script: str = "", **context: Any) -> Visit:
        options = {"viewport": {"width": 1200, "height": 800}, **context}
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(PATIENCE_MS)
        if init_script:
            page.add_init_script(init_script)
        opened = Visit(page, str(client.base_url))
        opened.watch()
        page.goto(opened.url)
        page.wait_for_selector("body[data-ready]")
        visits.append(opened)
        return opened

    yield open_page
    for one in visits:
        assert one.foreign == []
        one.page.context.close()


@pytest.fixture(scope="module")
def seeing(
    tiny_body: BodyPredictor,
    tiny_clothing: ClothingPredictor,
    tiny_reconstruction: ReconstructionPredictor,
    serving: Callable[[FastAPI], AbstractContextManager[httpx.Client]],
) -> Iterator[httpx.Client]:
    """A server with every capability, that finds people in pictures of known sizes."""
    predictors = Predictors(
        silhouette=Finder({SIZES[case]: people_of(case) for case in SIZES}, tiny_body.device),
        body=tiny_body,
        clothing=tiny_clothing,
        reconstruction=tiny_reconstruction,
    )
    settings = Settings(max_body_mb=4, timeout_s=300)
    with serving(create_app(settings, load=lambda _: predictors)) as client:
        yield client
