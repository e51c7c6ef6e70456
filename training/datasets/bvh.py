"""Motion capture in BVH files: a skeleton, and its rotations in every frame.

Source: the BioVision Hierarchy as Meredith and Maddock describe it (Motion Capture File Formats
Explained, 2001).

J joints, F frames.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError

MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Motion:
    """One clip. The axes and the unit of length are the file's."""

    names: tuple[str, ...]
    """(J,)"""
    parents: tuple[int, ...]
    """(J,) index of each joint's parent, -1 for the root; parents come first."""
    offsets: NDArray[np.float64]
    """(J, 3) from the parent's place to the joint's at rest."""
    rotations: NDArray[np.float64]
    """(F, J, 3, 3) each joint relative to its parent."""
    seconds_per_frame: float

    def global_rotations(self) -> NDArray[np.float64]:
        """Each joint in the file's axes, (F, J, 3, 3)."""
        found = self.rotations.copy()
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                found[:, joint] = found[:, parent] @ found[:, joint]
        return found


def read_bvh(path: Path, every: int = 1) -> Motion:
    """Read a clip.

    Args:
        path: The file.
        every: Read one frame in so many, the first among them.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It is no BVH file, or larger than `MAX_BYTES`.
    """
    if path.stat().st_size > MAX_BYTES:
        raise InvalidInputError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    text = path.read_text(encoding="utf-8", errors="replace")
    head, found, tail = text.partition("MOTION")
    if not found or not head.lstrip().startswith("HIERARCHY"):
        raise InvalidInputError(f"{path} is no BVH file: HIERARCHY and MOTION are needed")
    try:
        skeleton = _read_hierarchy(head.split())
        return _read_motion(skeleton, tail.strip().splitlines(), every)
    except (ValueError, IndexError) as error:
        raise InvalidInputError(f"{path} is a damaged BVH file: {error}") from error


@dataclass
class _Skeleton:
    names: list[str]
    parents: list[int]
    offsets: list[list[float]]
    channels: list[list[str]]


def _read_hierarchy(words: list[str]) -> _Skeleton:
    skeleton = _Skeleton([], [], [], [])
    open_joints: list[int] = []
    place = 1
    while place < len(words):
        word = words[place]
        if word in ("ROOT", "JOINT"):
            skeleton.parents.append(open_joints[-1] if open_joints else -1)
            skeleton.names.append(words[place + 1])
            skeleton.offsets.append([0.0, 0.0, 0.0])
            skeleton.channels.append([])
            open_joints.append(len(skeleton.names) - 1)
            place += 3  # the name and the brace
        elif word == "End":
            place = words.index("}", place) + 1
        elif word == "OFFSET":
            skeleton.offsets[open_joints[-1]] = [float(x) for x in words[place + 1 : place + 4]]
            place += 4
        elif word == "CHANNELS":
            num = int(words[place + 1])
            skeleton.channels[open_joints[-1]] = words[place + 2 : place + 2 + num]
            place += 2 + num
        elif word == "}":
            open_joints.pop()
            place += 1
        else:
            raise ValueError(f"{word!r} is not known in a hierarchy")
    if not skeleton.names:
        raise ValueError("there is no joint")
    return skeleton


def _read_motion(skeleton: _Skeleton, lines: list[str], every: int) -> Motion:
    num = int(lines[0].split(":")[1])
    seconds = float(lines[1].split(":")[1])
    rows = [line for line in lines[2 : 2 + num] if line.strip()][::every]
    width = sum(len(channels) for channels in skeleton.channels)
    values = np.array([row.split() for row in rows], dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != width:
        raise ValueError(f"a frame needs {width} numbers")
    if not np.isfinite(values).all():
        raise ValueError("a number is not finite")
    rotations = np.tile(np.eye(3), (len(values), len(skeleton.names), 1, 1))
    start = 0
    for joint, channels in enumerate(skeleton.channels):
        turns = [i for i, name in enumerate(channels) if name.endswith("rotation")]
        if turns:
            axes = "".join(channels[i][0] for i in turns)
            angles = values[:, [start + i for i in turns]]
            # Capital letters: each turn is about the axes as the turns before left them.
            turned = Rotation.from_euler(axes.upper(), angles, degrees=True)
            rotations[:, joint] = turned.as_matrix()
        start += len(channels)
    return Motion(
        tuple(skeleton.names),
        tuple(skeleton.parents),
        np.array(skeleton.offsets),
        rotations,
        seconds,
    )
