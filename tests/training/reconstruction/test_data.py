import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch.utils.data import default_collate

from model.errors import InvalidInputError
from model.reconstruction.decode import y_up_to_camera
from model.reconstruction.inputs import preprocess
from model.reconstruction.network import LAYERS, NetworkInput
from training.engine.batches import SampleKey
from training.reconstruction.data import (
    TrainingSamples,
    load_people,
    to_sample,
    validation_samples,
    view_of,
)
from training.reconstruction.recipe import DataRecipe, ReconstructionRecipe
from training.reconstruction.stored_people import DRESSED, NAKED, StoredPeople, of_split


def with_inputs(recipe: ReconstructionRecipe, inputs: str) -> ReconstructionRecipe:
    return dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, inputs=inputs))


@pytest.mark.parametrize("inputs", LAYERS)
def test_samples_are_what_the_predictor_would_give_the_network(
    stored: StoredPeople, recipe: ReconstructionRecipe, inputs: str
) -> None:
    config = with_inputs(recipe, inputs).network
    sample = to_sample(stored[1], config, 32, height_known=True)
    view = view_of(stored[1], config, height_known=True)
    expected, crop = preprocess(view, config, 32)
    assert isinstance(sample.inputs, NetworkInput)
    for got, part in zip(sample.inputs, expected, strict=True):
        torch.testing.assert_close(got, part[0])
    assert sample.images.shape == (config.num_channels, 32, 32)
    assert sample.crop_centre.tolist() == list(crop.centre)


def test_only_training_sees_the_true_silhouettes(
    stored: StoredPeople, recipe: ReconstructionRecipe
) -> None:
    person = stored[0]
    for inputs, place in (("dressed", DRESSED), ("body", NAKED)):
        view = view_of(person, with_inputs(recipe, inputs).network)
        np.testing.assert_array_equal(view.silhouette, person.layers[..., place] / np.float32(255))
    view = view_of(person, with_inputs(recipe, "body").network)
    np.testing.assert_array_equal(view.keypoints, person.keypoints)
    for inputs in ("photo", "weighted_photo", "map", "photo_and_map"):
        view = view_of(person, with_inputs(recipe, inputs).network)
        assert view.silhouette is None
        np.testing.assert_array_equal(view.keypoints, person.found)


def test_the_truth_shows_the_joints_where_they_are(
    stored: StoredPeople, recipe: ReconstructionRecipe
) -> None:
    person = stored[4]
    batch = default_collate([to_sample(person, recipe.network, 32)])
    torch.testing.assert_close(
        y_up_to_camera(batch.pelvis), torch.from_numpy(person.joints[:1]), atol=1e-5, rtol=0
    )
    (matrices,) = batch.rotations.numpy()
    np.testing.assert_allclose(matrices, Rotation.from_rotvec(person.pose).as_matrix(), atol=1e-5)
    ankle = y_up_to_camera(torch.from_numpy(person.joints[None, 7:8]))
    pixels = batch.true_cameras.project(ankle)[0, 0]
    np.testing.assert_allclose(pixels, person.keypoints[15, :2], atol=0.05)


def test_a_known_size_is_an_input_and_an_unknown_one_is_not(
    stored: StoredPeople, recipe: ReconstructionRecipe
) -> None:
    person, config = stored[0], recipe.network
    assert view_of(person, config).height_m is None
    known = view_of(person, config, height_known=True, weight_known=True)
    assert known.height_m == pytest.approx(float(person.stature[0]))
    assert known.weight_kg == pytest.approx(float(person.stature[1]))
    sample = to_sample(person, config, 32, weight_known=True)
    assert sample.known.tolist()[2:] == [0, 1]
    assert sample.known[0] == 0


def test_a_sample_depends_on_its_key_alone(recipe: ReconstructionRecipe) -> None:
    people = load_people(recipe.data, "training")
    samples = TrainingSamples(recipe, people)
    for one, other in zip(samples[SampleKey(5, 32)], samples[SampleKey(5, 32)], strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(samples[SampleKey(5, 32)].images, samples[SampleKey(6, 32)].images)


def test_sizes_are_known_in_the_share_of_samples_that_the_recipe_says(
    recipe: ReconstructionRecipe,
) -> None:
    recipe = dataclasses.replace(recipe, height_known_fraction=0.5, weight_known_fraction=0.1)
    samples = TrainingSamples(recipe, load_people(recipe.data, "training"))
    known = torch.stack([samples[SampleKey(number, 32)].known[2:] for number in range(150)])
    assert known[:, 0].mean() == pytest.approx(0.5, abs=0.12)
    assert known[:, 1].mean() == pytest.approx(0.1, abs=0.08)


def test_samples_without_augmentation_are_the_stored_ones(recipe: ReconstructionRecipe) -> None:
    nothing = {field.name: 0.0 for field in dataclasses.fields(recipe.augmentation)}
    recipe = dataclasses.replace(
        recipe,
        augmentation=dataclasses.replace(recipe.augmentation, **nothing),
        height_known_fraction=0.0,
        weight_known_fraction=0.0,
    )
    people = load_people(recipe.data, "training")
    sample = TrainingSamples(recipe, people)[SampleKey(0, 32)]
    found = [
        number
        for number in range(len(people))
        if torch.allclose(to_sample(people[number], recipe.network, 32).images, sample.images)
    ]
    assert len(found) == 1


def test_no_subject_is_in_two_splits(prepared: Path) -> None:
    subjects = []
    for split in ("training", "validation", "test"):
        people = StoredPeople.open([prepared], of_split(split, 0.5))
        subjects.append({people.name(number).subject for number in range(len(people))})
    assert len(set.union(*subjects)) == sum(map(len, subjects)) == 6
    assert min(len(found) for found in subjects[:2]) > 0


def test_validation_is_on_few_pictures_at_most(recipe: ReconstructionRecipe) -> None:
    few = dataclasses.replace(recipe.data, max_validation=2)
    assert len(validation_samples(dataclasses.replace(recipe, data=few))) == 2


def test_folders_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="--people"):
        load_people(DataRecipe(), "training")
