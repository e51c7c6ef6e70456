import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import CheckpointHeader, TrainingPart, load_checkpoint, save_checkpoint
from model.errors import CheckpointError, InvalidInputError
from model.synthesis.normalisation import Stance, normalise
from model.synthesis.person import ARCHITECTURE, Person, joined, load_person, save_person
from model.synthesis.predictor import Performance, SynthesisPredictor
from model.synthesis.skeletons import Skeletons

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "unknown", "drawn", 0),), {}, "CC0-1.0")


def draw(predictor: SynthesisPredictor, performance: Performance) -> np.ndarray:
    [result] = predictor.predict_batch([performance])
    return result.frames


def test_the_best_method_of_the_first_person_is_the_default(
    tiny_synthesis: SynthesisPredictor, dancer: Skeletons
) -> None:
    [result] = tiny_synthesis.predict_batch([Performance(dancer)])
    assert (result.person, result.method) == ("tiny", "conditional")
    assert result.frames.shape == (24, 32, 32, 3)
    assert result.frames.dtype == np.uint8
    assert result.frames.std() > 2
    assert tiny_synthesis.persons == {
        "tiny": ("nearest", "conditional"),
        "other": ("drawing",),
    }
    assert draw(tiny_synthesis, Performance(dancer, "other")).shape == (24, 64, 64, 3)


def test_a_frame_is_what_the_network_says_of_its_skeleton_and_the_one_before(
    tiny_synthesis: SynthesisPredictor, tiny_person: Person, dancer: Skeletons
) -> None:
    found = draw(tiny_synthesis, Performance(dancer))
    points = torch.from_numpy(dancer.points)
    with torch.no_grad():
        for frame in (0, 1, 17, 23):
            seen = points[[max(0, frame - 1), frame]][None]
            expected = tiny_person.generators["conditional"](seen)[0].permute(1, 2, 0) * 255
            np.testing.assert_allclose(found[frame], expected.numpy(), atol=1.01)


@pytest.mark.parametrize("method", ["nearest", "conditional"])
def test_parts_give_the_frames_of_the_whole(
    tiny_synthesis: SynthesisPredictor, dancer: Skeletons, method: str
) -> None:
    gaps = dancer.points.copy()
    gaps[6:9] = np.nan
    whole = Performance(Skeletons(gaps), "tiny", method, normalised=True)
    parts = tiny_synthesis.split(whole, 7)
    assert len(parts) == 4
    together = np.concatenate([one.frames for one in tiny_synthesis.predict_batch(parts)])
    expected = draw(tiny_synthesis, whole)
    assert np.abs(together.astype(int) - expected).max() <= 1


def test_gaps_are_filled_and_a_driver_is_normalised_before_drawing(
    tiny_synthesis: SynthesisPredictor, tiny_person: Person, dancer: Skeletons
) -> None:
    driver = Skeletons((dancer.points * 0.5).astype(np.float32))
    expected = normalise(driver, Stance.of(driver), tiny_person.stance)
    found = draw(tiny_synthesis, Performance(driver, "tiny", "nearest", normalised=True))
    np.testing.assert_array_equal(
        found, draw(tiny_synthesis, Performance(expected, "tiny", "nearest"))
    )


@pytest.mark.parametrize(
    ("person", "method", "words"),
    [
        ("nobody", None, "there are tiny, other"),
        ("other", "nearest", "other is drawn by drawing"),
        (None, "gan", "tiny is drawn by nearest, conditional"),
    ],
)
def test_an_unknown_person_or_method_is_refused_with_those_that_are_there(
    tiny_synthesis: SynthesisPredictor,
    dancer: Skeletons,
    person: str | None,
    method: str | None,
    words: str,
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        draw(tiny_synthesis, Performance(dancer, person, method))


def test_persons_lie_beside_one_another(
    tiny_person: Person, tiny_synthesis: SynthesisPredictor, dancer: Skeletons, tmp_path: Path
) -> None:
    path = tmp_path / "synthesis.safetensors"
    save_person(path, tiny_person, HEADER)
    second = tmp_path / "synthesis-anna.safetensors"
    save_person(second, dataclasses.replace(tiny_person, name="anna"), HEADER)
    predictor = SynthesisPredictor.from_checkpoint(path)
    assert list(predictor.persons) == ["tiny", "anna"]
    assert predictor.header is not None
    assert predictor.header.licence == "CC0-1.0"
    for method in ("nearest", "conditional"):
        performance = Performance(dancer, "tiny", method)
        found, expected = (draw(one, performance) for one in (predictor, tiny_synthesis))
        # Weights are kept in half precision.
        assert np.abs(found.astype(int) - expected).mean() < 1
    save_person(second, tiny_person, HEADER)
    with pytest.raises(CheckpointError, match="tiny is the person of several"):
        SynthesisPredictor.from_checkpoint(path)


def test_a_damaged_checkpoint_is_refused(tiny_person: Person, tmp_path: Path) -> None:
    path = tmp_path / "synthesis.safetensors"
    save_person(path, tiny_person, HEADER)
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    for damage in ("stance", "nearest.ends", "conditional.network.plate"):
        save_checkpoint(path, {k: v for k, v in tensors.items() if k != damage}, header)
        with pytest.raises(CheckpointError, match="does not fit its network"):
            load_person(path)
    config = header.config | {"methods": {"gan": {"network": "nonsense"}}}
    save_checkpoint(path, tensors, dataclasses.replace(header, config=config))
    with pytest.raises(CheckpointError, match="nonsense"):
        load_person(path)


def test_methods_of_one_person_are_joined_and_those_of_two_are_not(tiny_person: Person) -> None:
    drawn = dataclasses.replace(tiny_person, nearest=None)
    nearest = dataclasses.replace(tiny_person, generators={})
    assert joined([drawn, nearest]).methods == ("nearest", "conditional")
    with pytest.raises(InvalidInputError, match="conditional is in several"):
        joined([drawn, tiny_person])
    with pytest.raises(InvalidInputError, match="of anna, tiny"):
        joined([drawn, dataclasses.replace(nearest, name="anna")])
