import hashlib
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.middleware.key_ring import KeyRing, parse_key, read_keys
from app.settings import Settings

DIGEST = hashlib.sha256(b"open sesame").hexdigest()


@pytest.mark.parametrize("entry", ["open sesame", f"sha256:{DIGEST}", f"sha256:{DIGEST.upper()}"])
def test_a_key_opens_whether_it_or_its_digest_was_given(entry: str) -> None:
    ring = KeyRing(["another", entry])
    assert ring
    assert ring.match(b"open sesame") == bytes.fromhex(DIGEST)
    assert ring.match(b"open sesame ") is None
    assert ring.match(DIGEST.encode()) is None
    assert ring.match(f"sha256:{DIGEST}".encode()) is None


def test_a_ring_holds_no_key_itself() -> None:
    ring = KeyRing(["open sesame"])
    assert b"open sesame" not in repr(vars(ring)).encode()


def test_a_ring_without_keys_opens_to_nobody_and_says_so() -> None:
    assert not KeyRing([])
    assert KeyRing([]).match(b"") is None


@pytest.mark.parametrize("entry", ["", "sha256:", "sha256:12", "sha256:" + "g" * 64])
def test_an_entry_that_is_no_key_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match=r"empty|64 hexadecimal digits"):
        parse_key(entry)


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n"])
def test_the_digest_of_an_empty_key_stops_the_start(tmp_path: Path, text: bytes) -> None:
    entry = f"sha256:{hashlib.sha256(text).hexdigest()}"
    path = tmp_path / "keys"
    path.write_text(f"one\n{entry}\n")
    for settings in (
        {"api_keys": f"one,{entry.upper().replace('SHA', 'sha')}"},
        {"api_keys_file": path},
    ):
        with pytest.raises(ValidationError, match="digest of an empty key"):
            Settings(**settings)  # type: ignore[arg-type]


def test_a_file_holds_a_key_a_line(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# the lab\n\n  open sesame  \nsha256:{DIGEST}\n")
    assert read_keys(path) == ["open sesame", f"sha256:{DIGEST}"]
    settings = Settings(api_keys="one", api_keys_file=path)  # type: ignore[arg-type]
    assert settings.key_ring().match(b"open sesame") is not None
    assert settings.key_ring().match(b"one") is not None
    assert settings.key_ring().match(b"# the lab") is None


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n", b"\xff\xfe", b"sha256:12\n"])
def test_a_file_without_a_usable_key_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValidationError, match="api_keys_file"):
        Settings(api_keys_file=path)


@pytest.mark.parametrize("key", ["open sesame", ""])
def test_the_documented_recipe_makes_a_digest_of_a_key_and_of_nothing_none(
    repo_root: Path, key: str
) -> None:
    blocks = (repo_root / "deploy" / "README.md").read_text().split("```")
    [recipe] = [
        block.removeprefix("sh\n") for block in blocks if "export HABITUS_API_KEYS=" in block
    ]
    assert "key=$(openssl rand -hex 32)" in recipe
    script = f"openssl() {{ printf %s '{key}'; }}\n{recipe}\nprintf %s \"$HABITUS_API_KEYS\"\n"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == (f"sha256:{DIGEST}" if key else "")
