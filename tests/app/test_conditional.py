import pytest

from app.conditional import is_current


@pytest.mark.parametrize(
    ("header", "current"),
    [
        (None, False),
        ("", False),
        ('"a"', True),
        ('W/"a"', True),
        ("*", True),
        (" * ", True),
        ('"b", "a"', True),
        ('"b",W/"a" , "c"', True),
        ('"b"', False),
        ("a", False),
        ('"A"', False),
        ('"a', False),
        ('"a,b"', False),
        ('"ab"', False),
    ],
)
def test_a_client_is_current_when_it_names_the_tag(header: str | None, current: bool) -> None:
    assert is_current(header, "a") is current
