"""What the generator is told to do."""

import dataclasses
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What to send, how fast, and for how long."""

    port: int
    path: str
    content_type: str
    bodies: tuple[str, ...]
    """Files, each the body of a request; sent in turn."""
    seconds: float
    warm_up_s: float = 1.0
    drain_s: float = 4.0
    """How long the last requests may still be answered."""
    rate: float | None = None
    """Requests a second, open loop. None: closed loop."""
    connections: int = 1
    """The clients of a closed loop; the most connections of an open one."""
    health: str | None = None
    """A path to ask for all the while, 20 times a second, on a connection of its own."""
    seed: int = 0


def as_json(load: Load) -> str:
    """What the generator reads."""
    return json.dumps(dataclasses.asdict(load))
