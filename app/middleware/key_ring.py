"""API keys as SHA-256 digests, so that neither memory nor environment needs to hold a key.

A fast digest is right for keys, unlike for passwords: they are long and random, such as those of
`openssl rand -hex 32`.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

DIGEST_PREFIX = "sha256:"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(key: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(key).digest()


_EMPTY = {digest_of(text) for text in (b"", b"\n", b"\r\n")}
"""What sha256sum prints for nothing, and for an empty line."""


def parse_key(text: str) -> bytes:
    """The digest of an entry, which is either a key or `sha256:` and a key's digest in hex.

    Raises:
        ValueError: The entry or its key is empty, or the digest is malformed.
    """
    if not text:
        raise ValueError("a key is empty")
    if not text.startswith(DIGEST_PREFIX):
        return digest_of(text.encode())
    digits = text.removeprefix(DIGEST_PREFIX).lower()
    if not _DIGEST.fullmatch(digits):
        raise ValueError(
            f"after {DIGEST_PREFIX} there are {len(digits)} characters; 64 hexadecimal digits are "
            "needed, as sha256sum prints them"
        )
    digest = bytes.fromhex(digits)
    if digest in _EMPTY:
        raise ValueError(f"{text[:16]}... is the digest of an empty key; was its variable unset?")
    return digest


def read_keys(path: Path) -> list[str]:
    """The entries of a file: one a line, without empty lines and those that begin with #.

    Raises:
        ValueError: The file cannot be read or holds no key; it must not turn authentication off.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    entries = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if not entries:
        raise ValueError(f"{path} holds no key")
    return entries


class KeyRing:
    """The accepted keys."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._digests = tuple(parse_key(entry) for entry in entries)

    def __bool__(self) -> bool:
        """Whether there is any key; without one authentication is off."""
        return bool(self._digests)

    def match(self, offered: bytes) -> bytes | None:
        """The digest of the offered key if it is one of these, compared in constant time."""
        digest = digest_of(offered)
        matches = [secrets.compare_digest(digest, known) for known in self._digests]
        return digest if any(matches) else None
