import json
import re
from collections.abc import Callable
from urllib.parse import urljoin

import httpx
import pytest

from app.capabilities import Predictors
from app.errors import document
from app.schemas import problems
from app.schemas.problems import KINDS, UNUSABLE, Kind


def test_the_type_of_a_problem_leads_to_the_entry_that_explains_it(client: httpx.Client) -> None:
    problem = client.post("/mesh", json={"betas": []}).json()
    page = client.get(problem["type"], follow_redirects=True)
    assert page.status_code == 200
    assert page.url.path == "/problems"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<h2 id="{page.url.fragment}">{problem["title"]}</h2>' in page.text


def test_every_kind_of_problem_has_an_entry_with_its_status(client: httpx.Client) -> None:
    text = client.get("/problems").text
    entries = re.findall(
        r'<h2 id="(.+)">(.+)</h2>\n<p>Status (\d+), <code>(.+)</code>\. .{40}', text
    )
    assert sorted(entries) == sorted(
        (kind.name, kind.title, str(kind.status), kind.name) for kind in KINDS.values()
    )


@pytest.mark.parametrize(("method", "path"), [("GET", "/problems/none"), ("DELETE", "/mesh")])
def test_what_the_framework_refuses_is_explained_too(
    client: httpx.Client, method: str, path: str
) -> None:
    problem = client.request(method, path)
    assert problem.status_code in (404, 405)
    assert client.get(problem.json()["type"]).status_code == 307


def test_the_pages_need_no_key(start: Callable[..., httpx.Client]) -> None:
    client = start(Predictors(), api_keys="k")
    refused = client.get("/models")
    assert refused.status_code == 401
    assert client.get(refused.json()["type"]).status_code == 307
    assert client.get("/problems").status_code == 200


def test_the_list_holds_every_kind() -> None:
    defined = {value.name for value in vars(problems).values() if isinstance(value, Kind)}
    assert defined == KINDS.keys()


def test_the_pages_are_where_a_proxy_serves_the_app(client: httpx.Client) -> None:
    problem = json.loads(document(UNUSABLE, "", "id", root_path="/habitus/"))
    assert problem["type"] == "/habitus/problems/unusable-input"
    leads_to = client.get("/problems/unusable-input").headers["location"]
    assert urljoin(problem["type"], leads_to) == "/habitus/problems#unusable-input"
