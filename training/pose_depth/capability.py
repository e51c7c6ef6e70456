"""What training offers for the depth of poses."""

from training.capability import Capability, Command

CAPABILITY = Capability(
    slug="pose_depth",
    commands={
        "fit": Command("training.pose_depth.task:FITTING", "train a refiner of poses"),
        "evaluate": Command("training.pose_depth.evaluate", "measure a refiner of poses"),
        "compare": Command("training.pose_depth.compare", "train refiners alike, in one table"),
        "figures": Command("training.pose_depth.figures", "poses before and after"),
    },
    data={
        "pose-library": Command(
            "training.pose_depth.library", "exact poses of motion capture, without pictures"
        ),
        "pose-pairs": Command(
            "training.pose_depth.make_pairs", "make pairs of MediaPipe's poses and exact ones"
        ),
    },
)
