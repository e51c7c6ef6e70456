"""Lists the files of foreign datasets, and counts the files that are left out."""

import re
from collections import Counter
from pathlib import Path

SYSTEM_NAMES = {
    "__MACOSX",
    "__pycache__",
    "desktop.ini",
    "lost+found",
    "System Volume Information",
    "Thumbs.db",
}


class LeftOut:
    """Counts the files and folders that a reader does not use, by reason, with an example."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, reason: str, example: Path | str) -> None:
        """Count one file or folder.

        Args:
            reason: Completes the sentence "left out are 3 ...".
            example: Shown if it is the first with this reason.
        """
        self._counts[reason] += 1
        self._examples.setdefault(reason, str(example))

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __str__(self) -> str:
        """One line."""
        parts = (
            f"{count} {reason} (such as {self._examples[reason]})"
            for reason, count in self._counts.items()
        )
        return f"left out are {', '.join(parts)}" if self else "nothing is left out"


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is hidden, or belongs to the system or a drive."""
    return path.name[0] in ".@#$~" or path.name in SYSTEM_NAMES


def files_by_number(
    folder: Path, pattern: re.Pattern[str], usual: str, left_out: LeftOut | None = None
) -> dict[int, Path]:
    """The files of a folder by the number in their names, ascending; none without a folder.

    Of two files with the same number, the one with the usual name is used, else the first by name.

    Args:
        folder: Hidden files and folders in it are ignored.
        pattern: Of a whole name; its first group is the number.
        usual: The usual name of a file, as a format string.
        left_out: Other names and second files of a number are counted there.
    """
    left_out = LeftOut() if left_out is None else left_out
    found: dict[int, Path] = {}
    named = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := pattern.fullmatch(path.name):
            number = int(match.group(1))
            named.append((number, path.name != usual.format(number), path.name, path))
        elif not is_hidden(path):
            left_out.add(f"files whose names are not like {usual.format(1)}", path)
    for number, _, _, path in sorted(named):
        if number in found:
            left_out.add("files with the number of another", path)
        else:
            found[number] = path
    return found


def file_of_number(folder: Path, pattern: re.Pattern[str], usual: str, number: int) -> Path:
    """The file of a number as in `files_by_number`; the usual path if there is none."""
    path = folder / usual.format(number)
    return path if path.exists() else files_by_number(folder, pattern, usual).get(number, path)
