"""People drawn from published statistics, and bodies that have the build that was drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.body.measurements import DENSITY
from training.__main__ import main
from training.assets.anny import AnnyBody
from training.assets.builds import CHANGE_LIMITS, LOCAL_CHANGES, TOLERANCE, draw_traits
from training.assets.girths import NAVEL, NIPPLE, Measurements, Tape
from training.assets.population import US_ADULTS, US_ARMY, Population, draw_people
from training.assets.population_table import compare, measure_people, tape_for


@pytest.fixture(scope="module")
def source() -> AnnyBody:
    return AnnyBody()


@pytest.mark.parametrize("survey", [US_ADULTS, US_ARMY])
def test_drawn_people_have_the_published_statures_and_masses(survey: Population) -> None:
    female = torch.arange(40_000) % 2 == 1
    people = draw_people(survey, female, torch.Generator().manual_seed(0))
    for sex, published in enumerate(survey.published):
        stature, bmi = people.stature[sex::2] * 100, people.bmi[sex::2]
        assert stature.mean().item() == pytest.approx(published.stature_cm[0], abs=0.2)
        assert stature.std().item() == pytest.approx(published.stature_cm[1], abs=0.3)
        # Nobody is heavier than the limit, so heavy people are a little rarer than in the survey.
        assert bmi.mean().item() == pytest.approx(published.bmi[0], abs=1.0)
        assert bmi.min() >= 16
        assert bmi.max() <= 45
    assert people.years.min() >= 18
    assert people.years.max() <= 80


def test_many_us_adults_are_heavy() -> None:
    female = torch.arange(10_000) % 2 == 1
    bmi = draw_people(US_ADULTS, female, torch.Generator().manual_seed(1)).bmi
    # Published shares of obesity and of a body mass index of 40 and more: 0.40 and 0.077.
    assert 0.34 < (bmi >= 30).double().mean() < 0.44
    assert 0.02 < (bmi >= 40).double().mean() < 0.08


def test_a_mesh_has_the_stature_and_the_mass_that_were_drawn(source: AnnyBody) -> None:
    female = torch.tensor([False, True] * 8)
    generator = torch.Generator().manual_seed(2)
    people = draw_people(US_ADULTS, female, generator)
    found, kept = source._solver.solve(people, draw_traits(people, generator))
    assert kept.double().mean() > 0.8
    tape = tape_for(source)
    for index in torch.nonzero(kept)[:, 0].tolist():
        one = {name: values[index : index + 1] for name, values in found.items()}
        measured = tape(source.rest(one)[0][0].numpy())
        assert measured.stature == pytest.approx(people.stature[index].item(), abs=0.006)
        # Raising the arms moves a little volume at the shoulders.
        asked = people.bmi[index].item()
        assert measured.bmi == pytest.approx(asked, rel=TOLERANCE[0] + 0.015)


def test_girths_are_near_those_of_the_surveys(source: AnnyBody) -> None:
    measured = measure_people(source, US_ARMY, 60, torch.Generator().manual_seed(0))
    for sex, published in enumerate(US_ARMY.published):
        for part in ("chest", "waist", "hip"):
            known = getattr(published, f"{part}_cm")[0]
            name = "hips" if part == "hip" else part
            mean = np.mean([getattr(body, name) * 100 for body in measured[sex::2]])
            assert abs(mean - known) < 6, (sex, part)


def test_local_changes_stay_within_their_limits(source: AnnyBody) -> None:
    drawn = source.sample_phenotypes(40, torch.Generator().manual_seed(3))
    for names in LOCAL_CHANGES.values():
        for name in names:
            assert drawn[name].min() >= CHANGE_LIMITS[0]
            assert drawn[name].max() <= CHANGE_LIMITS[1]


def test_the_sex_that_is_asked_for_is_drawn(source: AnnyBody) -> None:
    generator = torch.Generator().manual_seed(4)
    assert (source.sample_phenotypes(5, generator, female=True)["gender"] > 0.5).all()
    assert (source.sample_phenotypes(5, generator, female=False)["gender"] < 0.5).all()
    mixed = source.sample_phenotypes(4, generator)["gender"] > 0.5
    assert mixed.tolist() == [False, True, False, True]


def test_the_tape_measures_a_cylinder() -> None:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    rings = [
        np.stack([0.15 * np.sin(angle), np.full(90, y), 0.15 * np.cos(angle)], -1)
        for y in (0.0, 0.9, 1.05, 1.3, 1.8)
    ]
    ends = np.array([[0, 0, 0], [0, 1.8, 0]])
    vertices = np.concatenate([*rings, ends])
    first, second = np.arange(90), (np.arange(90) + 1) % 90
    faces = [np.stack([second + 0, first, np.full(90, 450)], 1)]
    for ring in range(4):
        a, b = first + 90 * ring, second + 90 * ring
        faces += [np.stack([a, b, b + 90], 1), np.stack([a, b + 90, a + 90], 1)]
    faces.append(np.stack([first + 360, second + 360, np.full(90, 451)], 1))
    base = np.full(452, -1)
    base[90 * 2], base[90 * 3] = NAVEL, NIPPLE
    tape = Tape(np.concatenate(faces), np.ones(452, bool), base)
    measured = tape(vertices)
    around = 2 * np.pi * 0.15
    assert measured.stature == pytest.approx(1.8)
    assert measured.mass == pytest.approx(np.pi * 0.15**2 * 1.8 * DENSITY, rel=2e-3)
    for girth in (measured.chest, measured.waist, measured.hips):
        assert girth == pytest.approx(around, rel=2e-3)


def test_the_table_names_what_a_survey_did_not_measure() -> None:
    body = Measurements(1.7, 70.0, 0.95, 0.85, 1.0)
    ours, theirs = compare("x", "men", [body, replace(body, mass=80.0)], US_ADULTS.published[0])
    assert ours.startswith("| x | men | bodies | 170.0 ± 0.0 | 75.0 ± 5.0 |")
    assert "not measured" in theirs
    assert ours.count("|") == theirs.count("|")


def test_the_command_prints_a_row_for_each_sex_and_survey(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["assets", "population", "--num-bodies", "8"]) == 0
    assert capsys.readouterr().out.count("| bodies |") == 4
