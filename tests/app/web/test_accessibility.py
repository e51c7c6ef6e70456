"""axe-core, which knows WCAG, looks at the page; and it fits small screens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.web.conftest import Visit

Open = Callable[..., Visit]
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def axe(repo_root: Path) -> str:
    source = repo_root / "app" / "web" / "node_modules" / "axe-core" / "axe.min.js"
    if not source.is_file():
        pytest.skip("axe-core is not in app/web/node_modules: npm ci --prefix app/web")
    return source.read_text()


def faults(shown: Visit, axe: str) -> list[str]:
    shown.page.evaluate(axe)
    found: dict[str, Any] = shown.page.evaluate("axe.run(document)")
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found["violations"]
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_no_serious_problem(
    visit: Open, seeing: httpx.Client, axe: str, width: int, scheme: str
) -> None:
    shown = visit(seeing, viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert faults(shown, axe) == []
    shown.photo("several")
    shown.page.check("#layers .layer:has-text('Garments') input[type=checkbox]")
    shown.page.locator("#beta-0").fill("1")
    shown.page.select_option("#reference", "average")
    shown.page.wait_for_selector("#body-legend:not([hidden])")
    assert faults(shown, axe) == []


@pytest.mark.parametrize("width", [360, 768, 1024, 1920])
def test_nothing_reaches_beyond_the_width_of_the_screen(
    visit: Open, seeing: httpx.Client, width: int
) -> None:
    shown = visit(seeing, viewport={"width": width, "height": 800})
    shown.photo("several")
    shown.page.check("#layers .layer:has-text('Garments') input[type=checkbox]")
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_is_reached_by_the_keyboard(visit: Open, seeing: httpx.Client) -> None:
    shown = visit(seeing)
    shown.photo()
    reached: set[str] = set()
    for _ in range(120):
        shown.page.keyboard.press("Tab")
        name = shown.page.evaluate("document.activeElement.id || document.activeElement.name")
        if name == "theme" and name in reached:
            break
        reached.add(name)
    wanted = {"theme", "choose-again", "photo-stage", "pose", "body-canvas", "wireframe", "beta-9"}
    wanted |= {"reference", "keep", "units", "height", "command", "copy"}
    assert wanted <= reached
