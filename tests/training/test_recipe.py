from dataclasses import dataclass, field
from pathlib import Path

import pytest

from model.errors import InvalidInputError
from training.recipe import load_recipe, parse_recipe, recipe_as_dict
from training.silhouette.recipe import SilhouetteRecipe

RECIPES = Path(__file__).parents[2] / "training" / "recipes"
STAGES = "[[stages]]\nimage_size = 64\nsteps = 2\nbatch_size = 1\n"


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner = field(default_factory=Inner)
    parts: tuple[Inner, ...] = ()

    def __post_init__(self) -> None:
        if self.name == "bad":
            raise ValueError("name is bad; another is needed")


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "path", sorted((RECIPES / "silhouette").glob("*.toml")), ids=lambda p: p.stem
)
def test_the_shipped_recipes_can_be_read(path: Path) -> None:
    recipe = load_recipe(path, SilhouetteRecipe)
    assert recipe.stages
    assert recipe.loss_mask == "dressed"


def test_values_come_from_the_file_and_defaults_from_the_dataclass(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "a"\n[[parts]]\nrate = 1\n[[parts]]\n')
    assert load_recipe(path, Outer) == Outer("a", Inner(0.5), (Inner(1.0), Inner(0.5)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "a"\nrats = 1', "rats is not a key"),
        ('name = "a"\n[inner]\nrats = 1', "inner.rats is not a key"),
        ('name = "a"\n[[parts]]\n[[parts]]\nrats = 1', "parts.1.rats is not a key"),
        ('name = "a"\n[inner]\nrate = "fast"', "inner.rate is 'fast'"),
        ("[inner]\nrate = 1", "name is missing"),
        ('name = "bad"', "name is bad; another is needed"),
        ("name = ", "not a TOML file"),
    ],
)
def test_a_mistake_is_named_by_its_path(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        load_recipe(write(tmp_path, text), Outer)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages = []", "at least one stage"),
        (STAGES.replace("steps = 2", "steps = 0"), "steps is 0"),
        (STAGES + "[data]\nphoto_fraction = 2.0", "photo_fraction is 2.0"),
        (STAGES + "[network]\nnum_stack = 3", "network.num_stack is not a key"),
        (STAGES + "[optimisation]\nprecision = 'fp8'", "optimisation.precision is 'fp8'"),
        ("loss_mask = 'nude'\n" + STAGES, "loss_mask is 'nude'"),
    ],
)
def test_a_silhouette_recipe_refuses_what_cannot_train(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        load_recipe(write(tmp_path, text), SilhouetteRecipe)


def test_a_recipe_survives_being_written_as_plain_values(tmp_path: Path) -> None:
    recipe = load_recipe(RECIPES / "silhouette" / "default.toml", SilhouetteRecipe)
    assert parse_recipe(recipe_as_dict(recipe), SilhouetteRecipe, "there and back") == recipe


def test_plain_values_are_taken_of_dataclasses_only() -> None:
    with pytest.raises(ValueError, match="dataclass"):
        recipe_as_dict({"name": "a"})


def test_a_file_says_over_another_what_it_says_itself(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'name = "base"\n[inner]\nrate = 1.0\n[[parts]]\n[[parts]]\n'
    )
    path = write(tmp_path, 'extends = "base.toml"\nname = "own"\n')
    assert load_recipe(path, Outer) == Outer("own", Inner(1.0), (Inner(), Inner()))
    path = write(tmp_path, 'extends = "base.toml"\n[inner]\nrate = 2.0\n[[parts]]\nrate = 3.0\n')
    assert load_recipe(path, Outer) == Outer("base", Inner(2.0), (Inner(3.0),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "recipe.toml"', "extends itself"),
        ("extends = 3", "extends is 3; a file's name is needed"),
    ],
)
def test_a_file_that_extends_nothing_sensible_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        load_recipe(write(tmp_path, text), Outer)


def test_an_extended_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.toml"):
        load_recipe(write(tmp_path, 'extends = "none.toml"'), Outer)


def test_values_can_be_set_over_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "own"\n[inner]\nrate = 2.0\n[[parts]]\n')
    overrides = ["inner.rate=3.5", "name=other", "parts=[{rate = 1.5}, {}]"]
    assert load_recipe(path, Outer, overrides) == Outer("other", Inner(3.5), (Inner(1.5), Inner()))


@pytest.mark.parametrize("text", ["name", "=1", "inner..rate=1", "inner.speed=1"])
def test_an_override_that_fits_nothing_is_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, 'name = "own"\n[inner]\nrate = 2.0\n[[parts]]\n')
    with pytest.raises(InvalidInputError, match=r"is not KEY=VALUE|inner.speed is not a key"):
        load_recipe(path, Outer, [text])
