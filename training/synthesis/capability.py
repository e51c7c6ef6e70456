"""What training offers for synthesis."""

from training.capability import Capability, Command

CAPABILITY = Capability(
    slug="synthesis",
    commands={
        "fit": Command("training.synthesis.task:FITTING", "learn to draw one person"),
    },
)
