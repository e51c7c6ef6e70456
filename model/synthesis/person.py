"""One person in a checkpoint: the methods that draw them, and where they stand.

S side of the pictures, which may differ between methods.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from model.checkpoint import (
    CheckpointHeader,
    in_half_precision,
    load_checkpoint,
    save_checkpoint,
)
from model.errors import CheckpointError, InvalidInputError
from model.synthesis.nearest import NearestFrames
from model.synthesis.network import Generator, SynthesisConfig
from model.synthesis.normalisation import Stance

ARCHITECTURE = "person-synthesis"
NEAREST = "nearest"
MethodName = Literal["nearest", "vector", "drawing", "gan", "conditional"]
METHODS: tuple[MethodName, ...] = get_args(MethodName)
"""From the simplest to the best: the default is the last that a person has."""


@dataclass(frozen=True)
class Person:
    """Everything that draws one person."""

    name: str
    stance: Stance
    """Of the frames that were learned from."""
    generators: Mapping[str, Generator]
    """By method."""
    nearest: NearestFrames | None = None
    """The frames that were learned from."""

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            ValueError: The person has no name or no method, or a method is unknown.
        """
        if not self.name:
            raise ValueError("the person has no name")
        if not self.methods:
            raise ValueError("there is no method; at least one is needed")
        if unknown := sorted(set(self.generators) - (set(METHODS) - {NEAREST})):
            raise ValueError(f"unknown methods: {', '.join(unknown)}")

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that this person has, in the order of `METHODS`."""
        return tuple(
            name
            for name in METHODS
            if name in self.generators or (name == NEAREST and self.nearest is not None)
        )


def save_person(path: Path, person: Person, header: CheckpointHeader) -> None:
    """Write what `load_person` reads; weights are kept in half precision.

    Args:
        path: Where to.
        person: Whom.
        header: `architecture` and `config` are filled in here.

    Raises:
        ValueError: A weight is not finite in half precision.
        StorageError: The disk is full or read-only.
    """
    tensors = {"stance": torch.from_numpy(person.stance.numbers())}
    methods: dict[str, Any] = {}
    for name, generator in person.generators.items():
        kept = in_half_precision(generator.state_dict())
        tensors |= {f"{name}.{key}": value for key, value in kept.items()}
        methods[name] = dataclasses.asdict(generator.config)
    if person.nearest is not None:
        tensors |= {f"{NEAREST}.{key}": value for key, value in person.nearest.tensors().items()}
        methods[NEAREST] = {"image_size": person.nearest.image_size}
    config = {"person": person.name, "methods": methods}
    save_checkpoint(
        path, tensors, dataclasses.replace(header, architecture=ARCHITECTURE, config=config)
    )


def load_person(path: Path) -> tuple[CheckpointHeader, Person]:
    """Read a checkpoint onto the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged or holds something else.
    """
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    try:
        config = header.config
        generators = {
            name: _generator(values, _of(name, tensors))
            for name, values in config["methods"].items()
            if name != NEAREST
        }
        nearest = None
        if NEAREST in config["methods"]:
            nearest = NearestFrames.from_tensors(_of(NEAREST, tensors))
        stance = Stance.from_numbers(tensors["stance"].numpy().astype(np.float32))
        return header, Person(str(config["person"]), stance, generators, nearest)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise CheckpointError(f"{path.name} does not fit its network: {error}") from error


def _generator(values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Generator:
    generator = Generator(SynthesisConfig.from_json(values))
    generator.load_state_dict(tensors, strict=True)
    return generator.eval()


def _of(method: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{method}."
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }


def joined(persons: list[Person]) -> Person:
    """One person's methods from several checkpoints.

    Raises:
        InvalidInputError: They have other names, or the same method is there twice.
    """
    names = sorted({person.name for person in persons})
    if len(names) != 1:
        raise InvalidInputError(f"the checkpoints are of {', '.join(names)}; one person is needed")
    methods = [method for person in persons for method in person.methods]
    if twice := sorted({method for method in methods if methods.count(method) > 1}):
        raise InvalidInputError(f"{', '.join(twice)} is in several checkpoints")
    generators = {name: one for person in persons for name, one in person.generators.items()}
    nearest = next((person.nearest for person in persons if person.nearest is not None), None)
    return Person(names[0], persons[0].stance, generators, nearest)
