"""What training offers for synthesis."""

from training.capability import Capability, Command

CAPABILITY = Capability(
    slug="synthesis",
    commands={
        "fit": Command("training.synthesis.task:FITTING", "learn to draw one person"),
        "evaluate": Command("training.synthesis.evaluate", "measure a person's methods"),
        "compare": Command("training.synthesis.compare", "train all methods, in one table"),
        "join": Command("training.synthesis.join", "one person's methods in one checkpoint"),
        "figures": Command("training.synthesis.figures", "a person in a driver's poses"),
    },
    data={
        "synthesis": Command("training.synthesis.video_frames", "frames and skeletons of a video"),
        "performer": Command("training.synthesis.performer", "render a dancing person"),
    },
)
