"""Which people and photos are learned from, which choose, and which are only reported.

Training learns from `training`. Whatever is chosen (the best step, an average, a balance, a recipe)
is chosen by `validation`. `test` chooses nothing: it is reported once for each release. The split
of a subject or a photo depends on its name alone, whatever else is there.
"""

import hashlib
import re
from typing import Literal

Split = Literal["training", "validation", "test"]

VALIDATION_SEED = 1_907_301_977
"""Of rendered people to choose by. Recipes and `data synth` count from 0."""
TEST_SEED = 2_026_113_018
"""Of rendered people to report. A release takes a new one."""
HELD_OUT_PHOTOS = 0.1
"""Share of the photos of Clothing Co-Parsing that is not learned from."""

REPORTED_SHARE = 1 / 3
"""Of the collections of everyday photos, by file name; a tenth of the others chooses."""
REPORTED_COLLECTIONS = {"coco_cc_by", "open_images_subset", "clothing_small_cc0"}
REPORTED_CLIPS = {"gmdcsa24": "Subject_4", "intel_sample_videos": "bottle_detection"}
"""Of collections of frames, by how the names of the reported ones begin; none chooses."""
_FRAME = re.compile(r"_f\d+$")


def photo_split(number: int) -> Split | None:
    """Of a photo of Clothing Co-Parsing; None for a reserved one, which nothing here reads."""
    if is_reserved(number):
        return None
    return _split(f"habitus-ccp-1/{number}", HELD_OUT_PHOTOS)


def is_reserved(number: int) -> bool:
    """Whether a photo's number ends in 7: kept for a final examination outside this package."""
    return number % 10 == 7


def subject_split(key: str, held_out: float) -> Split:
    """Of a subject of a SHADER-layout folder.

    Args:
        key: Batch and subject, such as `maleBatch001/0000`.
        held_out: Share of the subjects that is not learned from.
    """
    return _split(f"habitus-subjects-1/{key}", held_out)


def everyday_photo_split(folder: str, stem: str) -> Split:
    """Of a photo in a folder that is not Clothing Co-Parsing.

    Frames of one clip, `clip_f00012`, are in one split.

    Args:
        folder: Its name.
        stem: The photo's name without its ending.
    """
    if folder in REPORTED_CLIPS:
        return "test" if stem.startswith(REPORTED_CLIPS[folder]) else "training"
    name = f"habitus-photos-1/{folder}/{_FRAME.sub('', stem)}"
    if folder not in REPORTED_COLLECTIONS:
        return _split(name, HELD_OUT_PHOTOS)
    place = _place(name)
    if place < REPORTED_SHARE:
        return "test"
    chooses = place < REPORTED_SHARE + (1 - REPORTED_SHARE) / 10
    return "validation" if chooses else "training"


def _split(name: str, held_out: float) -> Split:
    """A share is held out, and half of that is the test."""
    if _place(name) >= held_out:
        return "training"
    return "test" if _place(f"habitus-test-1/{name}") < 0.5 else "validation"


def _place(name: str) -> float:
    """In [0, 1), uniform over names."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
