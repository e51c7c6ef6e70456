"""What a capability offers on the command line of training."""

import argparse
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, cast


class Leaf(Protocol):
    """A module, or an object, that is one command."""

    def configure(self, parser: argparse.ArgumentParser, /) -> None:
        """Add its options."""

    def run(self, args: argparse.Namespace, /) -> int:
        """Do the work; the exit status."""


class Functions(NamedTuple):
    """A command of a module that has several."""

    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Command:
    """One leaf of the command tree, imported when it is used: help does not wait for torch."""

    target: str
    """`module` or `module:object` with `configure(parser)` and `run(args) -> int`."""
    help: str

    def load(self) -> Leaf:
        """Import it."""
        module, _, name = self.target.partition(":")
        found = importlib.import_module(module)
        return cast("Leaf", getattr(found, name) if name else found)


@dataclass(frozen=True)
class Capability:
    """One capability's commands."""

    slug: str
    commands: Mapping[str, Command]
    """`python -m training COMMAND <slug>`, by COMMAND."""
    data: Mapping[str, Command] = field(default_factory=dict)
    """`python -m training data NAME`, by NAME: data that only this capability needs."""
