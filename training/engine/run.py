"""The folder of a run: its description, its states and its best weights."""

import dataclasses
import json
import logging
import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.checkpoint import load_header
from model.errors import CheckpointError, InvalidInputError
from training.engine.atomic import leftovers, write_text
from training.engine.distributed import num_processes
from training.engine.precision import device_name
from training.engine.state import load_state, save_state

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def last(self) -> Path:
        """State after the last saved step."""
        return self.path / "last.safetensors"

    @property
    def previous(self) -> Path:
        """The state saved before the last one, in case the last one is damaged."""
        return self.path / "previous.safetensors"

    @property
    def best(self) -> Path:
        """The weights with the best score so far."""
        return self.path / "best.safetensors"

    @property
    def description(self) -> Path:
        """The recipe, commit, versions and devices."""
        return self.path / "run.json"

    @classmethod
    def create(cls, path: Path, recipe: dict[str, Any], initial: str | None = None) -> "RunFolder":
        """Begin a run. A run without a saved state is replaced.

        Args:
            path: The folder.
            recipe: Of the run.
            initial: Checkpoint that the weights start from. Its lineage is stored, since the file
                may have changed when the run ends.

        Raises:
            InvalidInputError: The folder holds a run already.
            FileNotFoundError: There is no such checkpoint.
            CheckpointError: It is damaged.
        """
        folder = cls(path)
        if any(file.exists() for file in (folder.last, folder.previous, folder.best)):
            raise InvalidInputError(
                f"{path} already holds a run; continue it with --resume or choose another --out"
            )
        description = {
            "recipe": recipe,
            "commit": current_commit(),
            "command": "python -m training " + shlex.join(sys.argv[1:]),
            "lineage": [
                dataclasses.asdict(part)
                for part in (load_header(Path(initial)).lineage if initial else ())
            ],
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        }
        write_text(folder.description, json.dumps(description, indent=2) + "\n")
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The folder of a run that exists.

        Raises:
            InvalidInputError: There is no run in the folder.
        """
        folder = cls(path)
        if not folder.description.exists():
            raise InvalidInputError(f"{path} holds no run to continue")
        return folder

    def describe(self) -> dict[str, Any]:
        """The description that `create` wrote.

        Raises:
            InvalidInputError: The file is damaged.
        """
        try:
            description: dict[str, Any] = json.loads(self.description.read_text())
        except json.JSONDecodeError as error:
            raise InvalidInputError(f"{self.description} is damaged: {error}") from error
        return description

    def note_session(self, device: torch.device) -> None:
        """Add commit, device, processes and threads of this start of the run to the description."""
        description = self.describe()
        session = {
            "commit": current_commit(),
            "torch": torch.__version__,
            "device": device_name(device),
            "num_processes": num_processes(),
            "num_threads": torch.get_num_threads(),
        }
        description["sessions"] = [*description.get("sessions", []), session]
        write_text(self.description, json.dumps(description, indent=2) + "\n")

    def load_last(self) -> dict[str, Any] | None:
        """The last state, or the one before if it is damaged; None if there is none.

        Raises:
            CheckpointError: All saved states are damaged.
        """
        damages = []
        for path in (self.last, self.previous):
            if path.exists():
                try:
                    state = load_state(path)
                except CheckpointError as error:
                    damages.append(str(error))
                    continue
                for damage in damages:
                    logger.warning("%s; continuing from %s", damage, path.name)
                return state
        if damages:
            raise CheckpointError("; ".join(damages) + "; there is no other state to continue from")
        return None

    def clear_away(self) -> None:
        """Remove incomplete files of killed processes, and rename damaged states.

        The process that saves must call this first, so that a damaged last state does not replace
        a good previous one.
        """
        for path in (self.last, self.previous, self.best):
            for leftover in leftovers(path):
                leftover.unlink()
        for path in (self.last, self.previous):
            if path.exists() and not _is_whole(path):
                path.replace(path.with_name(f"damaged-{path.name}"))

    def load_best(self) -> dict[str, Any]:
        """The weights and metrics with the best score.

        Raises:
            InvalidInputError: There was no validation yet.
        """
        if not self.best.exists():
            raise InvalidInputError(f"{self.path} has no validated weights yet")
        return load_state(self.best)

    def save_last(self, state: dict[str, Any]) -> None:
        """Replace the last state, and keep the one before.

        Raises:
            StorageError: The disk is full. Earlier states are unchanged.
        """
        save_state(self.last, state, self.previous)

    def save_best(self, state: dict[str, Any]) -> None:
        """Replace the best weights.

        Raises:
            StorageError: The disk is full. Earlier weights are unchanged.
        """
        save_state(self.best, state)


def _is_whole(path: Path) -> bool:
    try:
        load_state(path)
    except CheckpointError:
        return False
    return True


def current_commit() -> str:
    """The commit of this code, with a plus if files have changed; `unknown` without git."""
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
