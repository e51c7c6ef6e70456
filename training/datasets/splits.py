"""Assigns people and photos to the training, validation and test split.

`training` is learned from. `validation` selects the best step, averages, label factors and recipes.
`test` selects nothing and is reported once for each release. The split of a subject or a photo
depends on its name only.
"""

import hashlib
import re
from typing import Literal

Split = Literal["training", "validation", "test"]

VALIDATION_SEED = 1_907_301_977
"""Seed of rendered people for validation. Recipes and `data synth` use small seeds."""
TEST_SEED = 2_026_120_119
"""Seed of rendered people for tests. Each release uses a new one."""
HELD_OUT_PHOTOS = 0.1
"""Share of the photos of Clothing Co-Parsing for validation and test."""

REPORTED_SHARE = 1 / 3
"""Of the collections of everyday photos, by file name; a tenth of the others chooses."""
REPORTED_COLLECTIONS = {"coco_cc_by", "open_images_subset", "clothing_small_cc0"}
REPORTED_CLIPS = {"gmdcsa24": "Subject_4", "intel_sample_videos": "bottle_detection"}
"""Of collections of frames, by how the names of the reported ones begin; none chooses."""
_FRAME = re.compile(r"_f\d+$")


def photo_split(number: int) -> Split | None:
    """The split of a photo of Clothing Co-Parsing; None for a reserved one, which is never read."""
    if is_reserved(number):
        return None
    return _split(f"habitus-ccp-1/{number}", HELD_OUT_PHOTOS)


def is_reserved(number: int) -> bool:
    """Whether a photo's number ends in 7: it is kept for examinations outside of this package."""
    return number % 10 == 7


def subject_split(key: str, held_out: float) -> Split:
    """The split of a subject in the SHADER layout.

    Args:
        key: Batch and subject, such as `maleBatch001/0000`.
        held_out: Share of the subjects for validation and test.
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
    place = _position(name)
    if place < REPORTED_SHARE:
        return "test"
    chooses = place < REPORTED_SHARE + (1 - REPORTED_SHARE) / 10
    return "validation" if chooses else "training"


def _split(name: str, held_out: float) -> Split:
    """`held_out` is the share of validation and test together; half of it is test."""
    if _position(name) >= held_out:
        return "training"
    return "test" if _position(f"habitus-test-1/{name}") < 0.5 else "validation"


def _position(name: str) -> float:
    """A number in [0, 1), uniform over names."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
