"""Skeletons in, pictures of a person out: all persons and all methods behind one predictor.

N frames, S side of the pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import UInt8

from model.backend.choice import PRECISIONS
from model.checkpoint import CheckpointHeader
from model.errors import CheckpointError, InvalidInputError
from model.synthesis.drawn import DrawnFrames
from model.synthesis.normalisation import Stance, normalise
from model.synthesis.person import NEAREST, Person, load_person
from model.synthesis.skeletons import Skeletons, fill_gaps


@dataclass(frozen=True)
class Performance:
    """What shall be drawn."""

    skeletons: Skeletons
    """Of consecutive frames. Where one is missing, it is interpolated, or the nearest one held."""
    person: str | None = None
    """None for the first one."""
    method: str | None = None
    """None for the best that the person has."""
    normalised: bool = False
    """Whether the skeletons are brought to the person's place and height first."""
    first: int = 0
    """Frames before this one are only seen by the network, as those before the first drawn."""


@dataclass(frozen=True)
class DrawnPerformance:
    """What was drawn."""

    frames: UInt8[np.ndarray, "N S S 3"]
    """RGB."""
    person: str
    method: str


class Renderer(Protocol):
    """One method of one person."""

    @property
    def image_size(self) -> int:
        """S."""

    @property
    def frames_seen(self) -> int:
        """Skeletons that a picture depends on: its own and those before."""

    def render(self, skeletons: Skeletons, /) -> UInt8[np.ndarray, "N S S 3"]:
        """A picture for each skeleton."""


class SynthesisPredictor:
    """Persons by name, each with methods by name."""

    def __init__(
        self,
        persons: Sequence[Person],
        device: torch.device | str = "cpu",
        header: CheckpointHeader | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Make the networks ready.

        Args:
            persons: At least one; the first is drawn where no name is given.
            device: Where to run.
            header: Of the first person's checkpoint.
            dtype: What convolutions compute in; None for float32.

        Raises:
            ValueError: Two have the same name, or there is none.
        """
        names = [person.name for person in persons]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"persons are {names}; at least one is needed, with different names")
        self.device = torch.device(device)
        self.header = header
        self._stances: dict[str, Stance] = {person.name: person.stance for person in persons}
        self._renderers: dict[str, dict[str, Renderer]] = {}
        for person in persons:
            made: dict[str, Renderer] = {}
            for method in person.methods:
                if method == NEAREST:
                    assert person.nearest is not None
                    made[method] = person.nearest
                else:
                    network = person.generators[method]
                    made[method] = DrawnFrames(network, self.device, dtype or torch.float32)
            self._renderers[person.name] = made

    @classmethod
    def from_checkpoint(
        cls, path: Path, device: torch.device | str = "cpu", precision: str = "auto"
    ) -> "SynthesisPredictor":
        """Load a person, and those of the files `synthesis-*.safetensors` beside the first.

        Args:
            path: The first person's checkpoint.
            device: Where to run.
            precision: A name of `PRECISIONS`; `auto` and `int8` are float32.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: A file is damaged or holds something else, or two hold persons of the
                same name.
        """
        files = [path, *sorted(path.parent.glob(f"{path.stem}-*.safetensors"))]
        headers, persons = zip(*map(load_person, files), strict=True)
        names = [person.name for person in persons]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise CheckpointError(
                f"{', '.join(twice)} is the person of several of {', '.join(f.name for f in files)}"
            )
        return cls(persons, device, headers[0], PRECISIONS[precision])

    @property
    def persons(self) -> dict[str, tuple[str, ...]]:
        """The methods of each person, the best last."""
        return {name: tuple(methods) for name, methods in self._renderers.items()}

    def image_size(self, person: str, method: str) -> int:
        """S of a person's method."""
        return self._renderers[person][method].image_size

    def stance(self, person: str) -> Stance:
        """Where a person stands, whom the predictor knows."""
        return self._stances[person]

    def check(self, performance: Performance) -> tuple[str, str]:
        """The person and the method that will draw it.

        Raises:
            InvalidInputError: There is no such person or method.
        """
        person = performance.person or next(iter(self._renderers))
        if person not in self._renderers:
            raise InvalidInputError(f"person is {person!r}; there are {', '.join(self._renderers)}")
        methods = tuple(self._renderers[person])
        method = performance.method or methods[-1]
        if method not in methods:
            raise InvalidInputError(
                f"method is {method!r}; {person} is drawn by {', '.join(methods)}"
            )
        return person, method

    def split(self, performance: Performance, most: int) -> list[Performance]:
        """Parts that give, one after another, the same frames.

        Args:
            performance: What shall be drawn.
            most: Frames of a part.

        Raises:
            InvalidInputError: There is no such person or method, or no frame has a person.
        """
        person, method, skeletons = self._prepared(performance)
        seen = self._renderers[person][method].frames_seen
        parts = []
        for start in range(performance.first, len(skeletons), most):
            before = max(0, start - seen + 1)
            inside = skeletons.part(before, start + most)
            parts.append(Performance(inside, person, method, first=start - before))
        return parts

    def predict_batch(self, items: Sequence[Performance]) -> list[DrawnPerformance]:
        """The pictures of each performance.

        Raises:
            InvalidInputError: There is no such person or method, no frame has a person, or the
                method needs numbers that are not there.
        """
        return [self._draw(item) for item in items]

    def _prepared(self, item: Performance) -> tuple[str, str, Skeletons]:
        """Person, method, and skeletons as the method takes them."""
        person, method = self.check(item)
        skeletons = fill_gaps(item.skeletons)
        if item.normalised:
            skeletons = normalise(skeletons, Stance.of(skeletons), self._stances[person])
        return person, method, skeletons

    def _draw(self, item: Performance) -> DrawnPerformance:
        person, method, skeletons = self._prepared(item)
        frames = self._renderers[person][method].render(skeletons)
        return DrawnPerformance(frames[item.first :], person, method)
