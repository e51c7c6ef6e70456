"""How well the bones found in photos agree with the photos' own labels."""

from collections.abc import Iterable
from dataclasses import dataclass

from tqdm import tqdm

from training.datasets.bones import (
    BONES,
    LARGEST_BACKGROUND,
    VISIBILITY,
    background_share,
    bone_line,
    bone_mask,
    visible_bones,
)
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import CcpKeypoints


@dataclass
class BoneReport:
    """Counts over photos."""

    photos: int = 0
    bare: tuple[int, ...] = ()
    """Numbers of the photos in which no bone is used."""
    visible: int = 0
    """Bones whose joints are visible enough."""
    leaving: int = 0
    """Those of them that are not used because they run onto the background."""
    pixels: int = 0
    """On visible bones."""
    background_pixels: int = 0
    """Those of them that are labelled background."""
    coverage: float = 0.0
    """Sum over photos of the share of the photo that the used bones fill."""

    def text(self) -> str:
        """Some lines to print."""
        share = 100 * self.background_pixels / max(1, self.pixels)
        coverage = 100 * self.coverage / max(1, self.photos)
        bare = f": {', '.join(map(str, self.bare))}" if self.bare else ""
        return (
            f"{self.visible} of {self.photos * len(BONES)} bones are visible to {VISIBILITY}\n"
            f"{share:.2f} % of their pixels are labelled background\n"
            f"{self.leaving} bones with more than {100 * LARGEST_BACKGROUND:.0f} % are not used\n"
            f"{len(self.bare)} of {self.photos} photos are left without{bare}\n"
            f"{coverage:.2f} % of a photo's pixels are known by its bones\n"
        )


def check_bones(
    dataset: ClothingCoParsing, keypoints: CcpKeypoints, numbers: Iterable[int]
) -> BoneReport:
    """Compare with the labels, at the photos' own resolution.

    Args:
        dataset: The photos.
        keypoints: Found in them.
        numbers: Which photos.
    """
    report = BoneReport()
    null = dataset.label_id("null")
    for number in tqdm(numbers, desc="comparing bones with labels", unit="photo"):
        background = dataset.read(number).labels == null
        pose = keypoints.pose(number, (background.shape[0], background.shape[1]))
        lines = [bone_line(bone, pose, background.shape) for bone in visible_bones(pose)]
        shares = [background_share(line, background) for line in lines]
        used = bone_mask(pose, background)
        report.photos += 1
        report.visible += len(lines)
        report.leaving += sum(share > LARGEST_BACKGROUND for share in shares)
        report.pixels += sum(int(line.sum()) for line in lines)
        report.background_pixels += sum(int((line & background).sum()) for line in lines)
        report.coverage += float(used.mean())
        if not used.any():
            report.bare += (number,)
    return report
