import json
import re
from collections.abc import Callable

import httpx
import pytest

from app.capabilities import Predictors
from app.errors import document
from app.schemas import problems
from app.schemas.problems import KINDS, UNUSABLE, Kind


def test_the_type_of_a_problem_is_a_page_that_explains_it(client: httpx.Client) -> None:
    problem = client.post("/mesh", json={"betas": []}).json()
    page = client.get(problem["type"])
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{problem['title']}</h1>" in page.text
    assert f"Status {problem['status']}" in page.text


def test_every_kind_of_problem_is_listed_with_a_link_to_its_page(client: httpx.Client) -> None:
    listed = client.get("/problems")
    links = re.findall(r'href="([^"]+)"', listed.text)
    assert sorted(links) == sorted(f"/problems/{name}" for name in KINDS)
    for link in links:
        assert client.get(link).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/problems/none"), ("DELETE", "/mesh")])
def test_what_the_framework_refuses_is_explained_too(
    client: httpx.Client, method: str, path: str
) -> None:
    problem = client.request(method, path)
    assert problem.status_code in (404, 405)
    assert client.get(problem.json()["type"]).status_code == 200


def test_the_pages_need_no_key(start: Callable[..., httpx.Client]) -> None:
    client = start(Predictors(), api_keys="k")
    refused = client.get("/models")
    assert refused.status_code == 401
    assert client.get(refused.json()["type"]).status_code == 200
    assert client.get("/problems").status_code == 200


def test_the_list_holds_every_kind() -> None:
    defined = {value.name for value in vars(problems).values() if isinstance(value, Kind)}
    assert defined == KINDS.keys()


def test_the_pages_are_where_a_proxy_serves_the_app() -> None:
    problem = json.loads(document(UNUSABLE, "", "id", root_path="/habitus/"))
    assert problem["type"] == "/habitus/problems/unusable-input"
