"""Where rendered people come from, in a folder's settings and in the words of a checkpoint."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from training.synthetic.export import SETTINGS_FILE

_SEEDS = re.compile(r"\(seeds ([\d, ]+)\)")


def origins(folders: Sequence[Path]) -> dict[str, Any]:
    """Seeds, and whether any pose is from motion capture.

    Args:
        folders: That `data synth` wrote; of others nothing is known.
    """
    records = [folder / SETTINGS_FILE for folder in folders]
    settings = [json.loads(record.read_text()) for record in records if record.is_file()]
    return {
        "seeds": sorted({one["seed"] for one in settings}),
        "recorded_poses": any(one.get("poses") for one in settings),
    }


def in_words(settings: Iterable[dict[str, Any]]) -> str:
    """The people of several folders, for the header of a checkpoint.

    Args:
        settings: Of folders that `data reconstruction` wrote.
    """
    folders = list(settings)
    seeds = sorted({int(seed) for one in folders for seed in one["seeds"]})
    told = f"(seeds {', '.join(map(str, seeds))})" if seeds else "(of unknown seeds)"
    people = f"rendered people of `data synth` {told}"
    if any(one["recorded_poses"] for one in folders):
        people += ", half of them in poses of the CMU Graphics Lab Motion Capture Database"
    networks = sorted({one["silhouette"][:12] for one in folders})
    return f"{people}, as the silhouette network {', '.join(networks)} sees them"


def told_seeds(words: str) -> set[str]:
    """The seeds that `in_words` named."""
    return {seed for listed in _SEEDS.findall(words) for seed in listed.split(", ")}
