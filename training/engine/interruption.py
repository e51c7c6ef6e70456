"""SIGINT and SIGTERM as a wish that the loop grants after the step."""

import signal
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Inside the `with` block the first signal is only noted.

    After it SIGINT acts as it always did: somebody at a keyboard insists. Another SIGTERM changes
    nothing, since a cluster's scheduler and torchrun may each send one for the same stop.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def requested(self) -> bool:
        """Whether a signal came."""
        return self.signal is not None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = signal.Signals(number)
            signal.signal(signal.SIGINT, self._before[signal.SIGINT])
