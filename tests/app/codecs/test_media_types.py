import pytest

from app.codecs.media_types import NotAcceptableError, negotiate

OFFERED = ("image/png", "application/x-npy", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "image/png"),
        ("", "image/png"),
        ("*/*", "image/png"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("application/*", "application/x-npy"),
        ("image/*", "image/png"),
        ("text/html, application/json;q=0.9, */*;q=0.1", "application/json"),
        ("application/json;q=0.5, application/x-npy;q=0.6", "application/x-npy"),
        ("application/json;q=0.5, image/png;q=0.5", "image/png"),
        ("image/png;q=0, */*", "application/x-npy"),
        ("application/json, text/plain, */*", "application/json"),
        ("image/*;q=0, application/*;q=0.2, application/json;q=0.1", "application/x-npy"),
        ("application/json ; q=1.000 , image/png ; q=0.999", "application/json"),
        ("nonsense, application/json", "application/json"),
        ("image/png;q=high, application/json", "application/json"),
        ("text/html,application/xhtml+xml,image/webp,*/*;q=0.8", "image/png"),
    ],
)
def test_the_best_offer_is_chosen(accept: str | None, chosen: str) -> None:
    assert negotiate(accept, None, OFFERED) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "image/png;q=0", "*/*;q=0", "image/jpeg, text/*", "nonsense", "q=1"]
)
def test_nothing_acceptable_is_an_error_that_lists_the_offers(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="image/png, application/x-npy, application/json"):
        negotiate(accept, None, OFFERED)


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html", "nonsense"])
def test_a_named_format_overrides_accept(accept: str | None) -> None:
    assert negotiate(accept, "npy", OFFERED) == "application/x-npy"


@pytest.mark.parametrize("name", ["", "glb", "PNG", "image/png", "tiff"])
def test_a_format_that_is_not_offered_is_an_error_that_lists_the_names(name: str) -> None:
    with pytest.raises(NotAcceptableError, match=r"\?format=png, \?format=npy, \?format=json"):
        negotiate("*/*", name, OFFERED)
