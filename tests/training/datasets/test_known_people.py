import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import InvalidInputError
from training.datasets.known_people import KnownPerson, outline_mask, read_known_people

SQUARE = [10, 20, 50, 20, 50, 100, 10, 100]
ANNOTATION = {"bbox": [10, 20, 40, 80], "iscrowd": 0, "segmentation": [SQUARE]}


def written(path: Path, *entries: dict[str, Any]) -> Path:
    (path / "labels.json").write_text(json.dumps(entries))
    return path / "labels.json"


def test_only_what_is_known_is_said(tmp_path: Path) -> None:
    kinds = ("no_person", "maybe_person", "no_person_label_uncaptioned", "person_kp")
    entries = [{"file": f"{kind}.jpg", "kind": kind, "persons": []} for kind in kinds]
    known = read_known_people(written(tmp_path, *entries))
    assert list(known) == ["no_person.jpg"]
    assert known["no_person.jpg"].nobody


def test_boxes_and_keypoints_are_shares_of_the_photo(tmp_path: Path) -> None:
    flags = [0, 1, 2] * 5 + [2, 2]
    keypoints = np.column_stack([np.full((17, 2), 0.25), flags]).ravel().tolist()
    person = {"bbox_cxcywh_norm": [0.5, 0.5, 0.2, 0.8], "keypoints17_xyv_norm": keypoints}
    boxes = [["Person", 0.1, 0.2, 0.3, 0.4], ["Apple", 0, 0, 1, 1]]
    entries = (
        {"file": "a.jpg", "kind": "person_kp", "persons": [person]},
        {"file": "b.jpg", "kind": "person_box", "boxes_xywh_norm": boxes},
    )
    known = read_known_people(written(tmp_path, *entries))
    (marked,) = known["a.jpg"].people
    np.testing.assert_allclose(marked.box, [0.4, 0.1, 0.6, 0.9], atol=1e-6)
    assert marked.keypoints is not None
    assert marked.keypoints[:3, 2].tolist() == [0, 0.5, 1]
    (boxed,) = known["b.jpg"].people
    np.testing.assert_allclose(boxed.box, [0.1, 0.2, 0.4, 0.6], atol=1e-6)
    assert boxed.keypoints is None


def test_an_outline_joins_the_person_of_the_same_box(tmp_path: Path) -> None:
    person = {
        "bbox_cxcywh_norm": [0.3, 0.3, 0.4, 0.4],
        "keypoints17_xyv_norm": [0.3, 0.3, 2] * 17,
    }
    entry = {
        **{"file": "a.jpg", "kind": "person_kp", "persons": [person]},
        "original_size": [100, 200],
        "person_polygons_original_px": [
            ANNOTATION,
            {"bbox": [60, 150, 20, 40], "iscrowd": 0, "segmentation": [SQUARE]},
            {"bbox": [0, 100, 100, 50], "iscrowd": 1, "segmentation": {"counts": [], "size": []}},
        ],
    }
    known = read_known_people(written(tmp_path, entry))["a.jpg"]
    first, second = known.people
    assert first.keypoints is not None
    np.testing.assert_allclose(first.outline[0], np.reshape(SQUARE, (-1, 2)) / [100, 200])
    assert second.keypoints is None
    np.testing.assert_allclose(known.crowds[0], [0, 0.5, 1, 0.75])


def test_an_outline_is_drawn_at_the_size_of_the_photo() -> None:
    halves = (np.array([(0, 0), (0.25, 0), (0.25, 1), (0, 1)], np.float32),)
    mask = outline_mask(KnownPerson(np.zeros(4, np.float32), None, halves), (40, 80))
    assert mask.shape == (40, 80)
    assert mask[:, :20].all()
    assert not mask[:, 21:].any()


@pytest.mark.parametrize(
    "content", ["", "[1]", '[{"file": "a"}]', '[{"file": "a", "kind": "x", "persons": [{}]}]']
)
def test_other_content_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(InvalidInputError, match=r"labels\.json cannot be read as labels"):
        read_known_people(tmp_path / "labels.json")


@pytest.mark.shared_data
def test_the_shared_photos_are_read(shared_data: Path) -> None:
    known = read_known_people(shared_data / "photos" / "coco_cc_by" / "labels.json")
    assert sum(people.nobody for people in known.values()) == 47
    everybody = [person for people in known.values() for person in people.people]
    assert sum(person.keypoints is not None for person in everybody) == 288
    joined = [p for p in everybody if p.keypoints is not None and p.outline]
    assert len(joined) > 120
    assert sum(len(people.crowds) for people in known.values()) == 6
