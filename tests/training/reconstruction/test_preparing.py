from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from model.body.predictor import BodyParameters, BodyPredictor
from model.errors import InvalidInputError
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.people import Person
from model.silhouette.predictor import save_silhouette_checkpoint
from tests.training.reconstruction.conftest import prepare_arguments, prepare_folder
from tests.training.reconstruction.people_world import (
    HEADER,
    OF_COCO,
    SIDE,
    KnowingNetwork,
    write_people,
)
from training.datasets.shader import iter_subjects, read_pair
from training.reconstruction import preparing
from training.reconstruction.preparing import matching
from training.reconstruction.regressor_file import read_keypoints, save_keypoints
from training.reconstruction.stored_people import (
    DRESSED,
    MAP,
    NAKED,
    RGB,
    Part,
    StoredPeople,
    claim,
    part_path,
    read_settings,
    write_part,
)

SCALE = 48 / SIDE


def test_every_picture_is_stored_or_counted_as_missed(stored: StoredPeople) -> None:
    assert (len(stored), stored.num_missed) == (11, 1)
    names = [stored.name(number)[1:] for number in range(len(stored))]
    assert ("maleBatch001/0001", 1) not in names
    assert ("maleBatch001/0001", 0) in names


def test_layers_are_the_picture_made_smaller_its_map_and_its_silhouettes(
    stored: StoredPeople, people_folder: Path
) -> None:
    name = stored.name(3)
    subject = {s.key: s for s in iter_subjects(people_folder)}[name.subject]
    dressed, naked = read_pair(subject.folder, name.frame)
    layers = stored[3].layers.astype(float)
    assert layers.shape == (48, 48, 6)
    (found,) = KnowingNetwork(people_folder).predict_batch([dressed[..., :3]])
    for got, full in (
        (layers[..., RGB].mean(), dressed[..., :3].mean()),
        (layers[..., MAP].mean(), found.confidence.mean() * 255),
        (layers[..., DRESSED].mean(), dressed[..., 3].mean()),
        (layers[..., NAKED].mean(), naked[..., 3].mean()),
    ):
        assert got == pytest.approx(full, rel=0.02, abs=1.0)
    assert (layers[..., DRESSED] > 200).sum() > (layers[..., NAKED] > 200).sum()


def test_stored_parameters_show_the_joints_where_the_stored_keypoints_are(
    stored: StoredPeople, tiny_body: BodyPredictor
) -> None:
    for index in (0, 5):
        person = stored[index]
        parameters = BodyParameters(person.betas, person.pose[1:], person.pose[0], person.transl)
        (mesh,) = tiny_body.predict_batch([parameters])
        np.testing.assert_allclose(mesh.joints, person.joints, atol=1e-4)
        ankle = mesh.joints[7]  # left; COCO's 15
        pixel = 24 + person.focal * np.array([ankle[0], -ankle[1]]) / -ankle[2]
        np.testing.assert_allclose(pixel, person.keypoints[15, :2], atol=0.02)


def test_height_and_mass_are_those_of_the_subjects_body(
    stored: StoredPeople, tiny_body: BodyPredictor
) -> None:
    person = stored[1]
    with torch.inference_mode():
        (vertices,) = tiny_body.smpl.shape(torch.tensor(person.betas)[None]).vertices.numpy()
    assert person.stature[0] == pytest.approx(np.ptp(vertices[:, 1]), abs=1e-4)
    assert 10 < person.stature[1] < 200


def test_what_was_stopped_goes_on_where_it_was(
    people_folder: Path, tiny_body: BodyPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "PART_SIZE", 5)
    network = KnowingNetwork(people_folder)
    out = prepare_folder(people_folder, tmp_path / "prepared", tiny_body, network)
    before = StoredPeople.open([out])
    expected = [before[number] for number in range(len(before))]
    names = [before.name(number) for number in range(len(before))]
    part_path(out, 1).unlink()
    with pytest.raises(InvalidInputError, match="lacks 1 of 3 parts"):
        StoredPeople.open([out])
    kept = part_path(out, 0).stat().st_mtime_ns
    prepare_folder(people_folder, out, tiny_body, network)
    assert part_path(out, 0).stat().st_mtime_ns == kept
    again = StoredPeople.open([out])
    assert [again.name(number) for number in range(len(again))] == names
    for one, other in zip(expected[7], again[7], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_command_looks_through_a_network_and_refuses_other_settings_later(
    tiny_body: BodyPredictor,
    silhouette_path: Path,
    body_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    people = write_people(tmp_path / "people", tiny_body, num_subjects=1, num_frames=1)
    out = tmp_path / "prepared"
    out.mkdir()
    # Those that are there already are kept: Anny's are of another body than this one.
    save_keypoints(out, tiny_body.smpl.J_regressor.numpy()[OF_COCO])
    words = ("--data", people, "--silhouette", silhouette_path, "--out", out, "--body", body_path)
    assert preparing.run(prepare_arguments(*words, "--side", 48)) == 0
    assert "1 pictures of 1 subjects" in capsys.readouterr().out
    assert StoredPeople.open([out])[0].layers.shape == (48, 48, 6)
    settings = {**read_settings(out), "side": 40}
    with pytest.raises(InvalidInputError, match="made with another side"):
        claim(out, settings)


@pytest.mark.parametrize("order", ["C", "F"])
def test_keypoints_are_read_as_they_were_given(
    order: Literal["C", "F"], rng: np.random.Generator, tmp_path: Path
) -> None:
    weights = np.asarray(rng.random((17, 30)), order=order)
    save_keypoints(tmp_path, weights)
    np.testing.assert_allclose(read_keypoints([str(tmp_path)]), weights, rtol=1e-6)


def test_a_network_that_looks_for_nobody_is_refused(people_folder: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "hourglass.safetensors"
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    save_silhouette_checkpoint(checkpoint, network, 64, HEADER)
    words = ("--data", people_folder, "--silhouette", checkpoint, "--out", tmp_path / "out")
    with pytest.raises(InvalidInputError, match="does not look for people"):
        preparing.run(prepare_arguments(*words))
    assert not (tmp_path / "out").exists()


def test_the_person_is_the_one_whose_box_is_that_of_the_silhouette() -> None:
    silhouette = np.zeros((20, 20), bool)
    silhouette[5:15, 8:12] = True

    def person(*box: float) -> Person:
        return Person(np.array(box, np.float32), 0.9, np.zeros((17, 3), np.float32))

    near, far, bystander = person(8, 4, 12, 15), person(7, 5, 14, 15), person(0, 0, 3, 10)
    assert matching([bystander, far, near], silhouette) is near
    assert matching([bystander], silhouette) is None
    assert matching([near], np.zeros((20, 20), bool)) is None


def test_pictures_of_two_sizes_are_refused(stored: StoredPeople, tmp_path: Path) -> None:
    one = stored[0]
    other = one._replace(layers=one.layers[:40])
    with pytest.raises(InvalidInputError, match=r"\(40, 48\), \(48, 48\)"):
        write_part(tmp_path, 0, Part([one, other], [stored.name(0)] * 2, []))


def test_a_damaged_part_is_named(prepared: Path, tmp_path: Path) -> None:
    for path in prepared.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    part_path(tmp_path, 0).write_bytes(b"damaged")
    with pytest.raises(InvalidInputError, match=r"part-00000.*damaged"):
        StoredPeople.open([tmp_path])


def test_a_folder_without_settings_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        StoredPeople.open([tmp_path / "nothing"])
    (tmp_path / "prepared.json").write_text("{")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        StoredPeople.open([tmp_path])
