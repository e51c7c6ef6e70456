"""Says what a file is that was given for a pickle and is none."""

import io
import zipfile

_BEGINNINGS = (
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x93NUMPY", "a single NumPy array (.npy)"),
    (b"\x89HDF", "an HDF5 file, as MATLAB 7.3 writes"),
    (b"MATLAB", "a MATLAB file"),
    (b"version https://git-lfs", "a pointer of Git LFS to the file; `git lfs pull` fetches it"),
    (b"glTF", "a glTF mesh"),
    (b"ply\n", "a PLY mesh"),
    (b"{", "JSON"),
)
_SHOWN = 40
"""Characters of an unknown text."""


def foreign_kind(data: bytes) -> str | None:
    """What a file is by its first bytes; None where it may be a pickle.

    Args:
        data: All of the file, or its beginning.
    """
    start = data[:256].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not data:
        return "empty"
    if is_zip(data):
        return _zip_kind(data)
    if start.lower().startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML), such as that of a login"
    if start.startswith(b"<"):
        return "XML"
    if data[8:10] == b'{"' and int.from_bytes(data[:8], "little") < 2**32:
        return "a safetensors file"
    return next((kind for begins, kind in _BEGINNINGS if start.startswith(begins)), None)


def is_zip(data: bytes) -> bool:
    """Whether a file is a ZIP archive, which NumPy's .npz is too."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def text_beginning(data: bytes) -> str | None:
    """The first words of a file that is plain text; None of another."""
    start = data[:_SHOWN]
    text = start.decode("ascii", errors="replace")
    return text if start and all(c.isprintable() or c.isspace() for c in text) else None


def _zip_kind(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return "a damaged ZIP archive (or .npz)"
    if names and all(name.endswith(".npy") for name in names):
        return f"NumPy arrays (.npz): {', '.join(name.removesuffix('.npy') for name in names[:9])}"
    pickles = [name for name in names if name.endswith((".pkl", ".npz"))]
    return f"a ZIP archive; unpack it and give {' or '.join(pickles[:3]) or 'the file in it'}"
