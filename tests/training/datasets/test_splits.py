import hashlib

import pytest

from training.datasets.splits import (
    TEST_SEED,
    VALIDATION_SEED,
    everyday_photo_split,
    is_reserved,
    photo_split,
    subject_split,
)


def test_a_tenth_of_the_photos_is_held_out_and_half_of_that_is_the_test() -> None:
    splits = [photo_split(number) for number in range(1, 20001) if not is_reserved(number)]
    for split, share in (("training", 0.9), ("validation", 0.05), ("test", 0.05)):
        assert sum(found == split for found in splits) / len(splits) == pytest.approx(
            share, abs=0.006
        )


def test_reserved_photos_are_in_no_split() -> None:
    assert {photo_split(number) for number in range(7, 2000, 10)} == {None}


def test_photos_that_were_learned_from_stay_to_be_learned_from() -> None:
    """By the rule that published checkpoints were trained with."""
    for number in range(1, 2099):
        digest = hashlib.sha256(f"habitus-ccp-1/{number}".encode()).digest()
        held_out = int.from_bytes(digest[:8], "big") < 0.1 * 2**64
        if not is_reserved(number):
            assert (photo_split(number) != "training") == held_out


@pytest.mark.parametrize("held_out", [0.0, 0.2, 1.0])
def test_subjects_are_held_out_by_name_in_two_halves(held_out: float) -> None:
    keys = [f"maleBatch{batch:03d}/{number:04d}" for batch in range(50) for number in range(100)]
    splits = [subject_split(key, held_out) for key in keys]
    for wanted in ("validation", "test"):
        share = sum(split == wanted for split in splits) / len(keys)
        assert share == pytest.approx(held_out / 2, abs=0.015)
    # More held out never puts somebody back.
    more = [subject_split(key, min(1.0, held_out + 0.1)) for key in keys]
    assert all(
        after == before for before, after in zip(splits, more, strict=True) if before != "training"
    )


def test_people_to_choose_by_and_people_to_report_are_others() -> None:
    assert VALIDATION_SEED != TEST_SEED


def test_a_third_of_the_everyday_photos_is_only_reported() -> None:
    splits = [everyday_photo_split("coco_cc_by", f"{number:012d}") for number in range(6000)]
    for split, share in (("test", 1 / 3), ("validation", 1 / 15), ("training", 0.6)):
        found = sum(one == split for one in splits) / len(splits)
        assert found == pytest.approx(share, abs=0.02)


def test_frames_of_a_clip_and_of_a_volunteer_are_in_one_split() -> None:
    for folder, clip in (("own", "walk"), ("gmdcsa24", "Subject_2_ADL_23")):
        assert len({everyday_photo_split(folder, f"{clip}_f{n:05d}") for n in range(99)}) == 1
    assert everyday_photo_split("gmdcsa24", "Subject_4_Fall_01_f00035") == "test"
    assert everyday_photo_split("gmdcsa24", "Subject_1_Fall_01_f00035") == "training"
