"""What training offers for reconstruction."""

from training.capability import Capability, Command

CAPABILITY = Capability(
    slug="reconstruction",
    commands={
        "fit": Command("training.reconstruction.task:FITTING", "train the regressor of bodies"),
        "evaluate": Command(
            "training.reconstruction.evaluate:EVALUATION", "measure a regressor's bodies"
        ),
        "compare": Command(
            "training.reconstruction.ablation:ABLATION", "train regressors on different inputs"
        ),
        "calibrate": Command(
            "training.reconstruction.calibrate", "calibrate intervals of measurements"
        ),
        "figures": Command(
            "training.reconstruction.figures", "true and predicted bodies, and tables of errors"
        ),
    },
    data={
        "reconstruction": Command(
            "training.reconstruction.preparing", "look for rendered people with a network"
        ),
    },
)
