"""A coverage-guided fuzzer on `decode_image`, run by hand: `python -m benchmarks.fuzz_uploads`.

Needs atheris (Apache-2.0), which is no dependency of the project: `pip install atheris`. It starts
from small pictures of every format and keeps what reaches new lines of `app` and of Pillow. An
exception other than the three that `decode_image` promises, a picture beyond the limit, more
memory than --memory-mb, or more than --seconds-each for one file ends it and writes the file.
"""

import argparse
import importlib
import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

LIMIT = 1_000_000
WAYS: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    # format, mode, how it is saved
    *(("JPEG", mode, {}) for mode in ("RGB", "L", "CMYK")),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "RGB", {"restart_marker_blocks": 1}),
    *(("PNG", mode, {}) for mode in ("RGB", "P", "RGBA", "LA", "1", "I;16")),
    ("PNG", "RGB", {"save_all": True}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGB", {"save_all": True}),
    *(("BMP", mode, {}) for mode in ("RGB", "P", "1")),
    *(("TIFF", mode, {}) for mode in ("RGB", "CMYK", "1", "I;16")),
    *(
        ("TIFF", "RGB", {"compression": name})
        for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
    ),
    ("TIFF", "1", {"compression": "group4"}),
)


def main() -> None:
    """Fuzz until the time is over or something breaks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_uploads", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="for how long (10)")
    parser.add_argument("--memory-mb", type=int, default=1000, help="most resident memory (1000)")
    parser.add_argument("--seconds-each", type=int, default=10, help="most for one file (10)")
    parser.add_argument("--corpus", type=Path, help="folder to keep what was found (a new one)")
    options = parser.parse_args()

    import atheris  # type: ignore[import-untyped,import-not-found]

    with atheris.instrument_imports(include=["app", "PIL"]):
        from app.codecs.uploads import PictureTooLargeError, UnsupportedFormatError, decode_image

        # Pillow imports its readers when first asked, which would be too late to follow them.
        for name in ("Bmp", "Jpeg", "Png", "Tiff", "WebP"):
            importlib.import_module(f"PIL.{name}ImagePlugin")
    from model.errors import InvalidInputError

    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="habitus_fuzz_"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(_seeds()):
        (corpus / f"seed_{number}").write_bytes(data)
    warnings.simplefilter("ignore")
    logging.disable()

    def try_one(data: bytes) -> None:
        try:
            pixels = decode_image(data, LIMIT)
        except (InvalidInputError, PictureTooLargeError, UnsupportedFormatError):
            return
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.shape[0] * pixels.shape[1] <= LIMIT

    arguments = [
        sys.argv[0],
        f"-max_total_time={round(options.minutes * 60)}",
        f"-rss_limit_mb={options.memory_mb}",
        f"-timeout={options.seconds_each}",
        "-max_len=20000",
        "-print_final_stats=1",
        f"-artifact_prefix={corpus}/",
        str(corpus),
    ]
    atheris.Setup(arguments, try_one)
    atheris.Fuzz()


def _seeds() -> list[bytes]:
    from PIL import Image

    rows, columns = np.mgrid[:24, :20]
    pixels = np.stack([rows * 10, columns * 12, (rows * columns) % 256], -1).astype(np.uint8)
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    seeds = []
    for file_format, mode, options in WAYS:
        if mode == "I;16":
            converted = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        else:
            converted = picture.convert(mode)
        if options.get("save_all"):
            options = {**options, "append_images": [converted.rotate(90)]}
        for extra in ({}, {"exif": exif}) if file_format != "BMP" else ({},):
            buffer = io.BytesIO()
            converted.save(buffer, file_format, **options, **extra)
            seeds.append(buffer.getvalue())
    return seeds


if __name__ == "__main__":
    main()
