"""Says where betas are padded or cut to as many as a body asset has."""

from collections import Counter


def fitting(given: int, asset: int) -> str:
    """What becomes of so many betas with an asset that has another number of them."""
    done = "the others are cut" if given > asset else "the missing ones are taken as 0"
    return f"{given} betas, the asset {asset}: {done}"


class FittedBetas:
    """Counts what had another number of betas than its asset."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int, int]] = Counter()

    def add(self, what: str, given: int, asset: int) -> None:
        """Count one.

        Args:
            what: What the betas are, in the plural.
            given: How many it has.
            asset: How many the asset has.
        """
        if given != asset:
            self._counts[what, given, asset] += 1

    def lines(self) -> tuple[str, ...]:
        """A line for each kind."""
        return tuple(
            f"{count} {what} have {fitting(given, asset)}"
            for (what, given, asset), count in sorted(self._counts.items())
        )
