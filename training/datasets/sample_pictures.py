"""The sample pictures that scikit-image and scikit-learn ship: a test of what is no person.

Nothing is trained or chosen on them.
"""

import importlib.util
from pathlib import Path

FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}
"""Where a package keeps its pictures."""
WITH_PEOPLE = {"astronaut", "camera"}
ENDINGS = {".png", ".jpg"}


def sample_pictures() -> tuple[dict[str, Path], list[str]]:
    """Pictures without people by package and name, and the packages that are not installed."""
    found: dict[str, Path] = {}
    missing = []
    for package, folder in FOLDERS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            missing.append(package)
            continue
        for path in sorted((Path(spec.origin).parent / folder).iterdir()):
            if path.suffix in ENDINGS and path.stem not in WITH_PEOPLE:
                found[f"{package}/{path.stem}"] = path
    return found, missing
