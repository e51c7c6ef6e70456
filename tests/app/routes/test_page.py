import gzip
import re
from collections.abc import Callable

import httpx
import pytest

from app.capabilities import Predictors


def test_the_page_may_run_scripts_of_this_server_only(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "http" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page.text)


def test_every_file_of_the_page_is_here_and_may_be_kept(client: httpx.Client) -> None:
    names = re.findall(r'(?:src|href)="([^"#]+)"', client.get("/").text)
    files = [name for name in names if name.startswith("page/")]
    assert len(set(files)) == 6
    for name in names:
        assert not name.startswith(("/", "http"))  # a proxy may serve it under a prefix
        answer = client.get(name)
        assert answer.status_code == 200, name
        if name in files:
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("accepted", ["gzip", "gzip, br", "identity", "gzip;q=0"])
def test_texts_are_compressed_for_those_who_read_it(client: httpx.Client, accepted: str) -> None:
    request = client.build_request("GET", "/", headers={"accept-encoding": accepted})
    response = client.send(request, stream=True)
    data = b"".join(response.iter_raw())
    response.close()
    is_compressed = response.headers.get("content-encoding") == "gzip"
    assert is_compressed == (accepted in ("gzip", "gzip, br"))
    assert response.headers["vary"] == "Accept-Encoding"
    assert b"<title>Habitus</title>" in (gzip.decompress(data) if is_compressed else data)


@pytest.mark.parametrize("name", ["none.js", "index.html", "..%2fdocs.html", "..%2f..%2fmain.py"])
def test_nothing_else_is_served(client: httpx.Client, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404


def test_the_page_needs_no_key(start: Callable[..., httpx.Client]) -> None:
    client = start(Predictors(), api_keys="k")
    page = client.get("/")
    assert page.status_code == 200
    [script] = re.findall(r'src="(page/main-\w+\.js)"', page.text)
    assert client.get(script).status_code == 200
    assert client.get("/models").status_code == 401
