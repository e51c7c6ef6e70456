"""A place in the queue that a request holds from the door until its item takes it.

So a picture that is received and decoded will not be refused afterwards. The place travels in a
context variable, as the stages do: whoever submits the request's item spends it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Place:
    """Room for one item. All of it happens on the event loop of its request."""

    def __init__(self, reserve: Callable[[], None], release: Callable[[], None]) -> None:
        """Not held yet.

        Args:
            reserve: Holds the room, or raises why there is none.
            release: Frees it when no item has come.
        """
        self.is_held = False
        self._reserve = reserve
        self._release = release

    def take(self) -> None:
        """Hold the place, or raise why there is none."""
        self._reserve()
        self.is_held = True

    def spend(self) -> bool:
        """Hand the place on to the item.

        Returns:
            Whether it was held.
        """
        was_held, self.is_held = self.is_held, False
        return was_held

    def give_back(self) -> None:
        """Let somebody else have it, if it is still held."""
        if self.spend():
            self._release()


_current: ContextVar[Place | None] = ContextVar("habitus_place", default=None)


@contextmanager
def belonging(place: Place) -> Iterator[None]:
    """Let the place belong to the request that runs in this context; at the end it is free."""
    token = _current.set(place)
    try:
        yield
    finally:
        place.give_back()
        _current.reset(token)


def spend_place() -> bool:
    """Hand the place of the request in this context on to its item: whether it held one."""
    place = _current.get()
    return place is not None and place.spend()
