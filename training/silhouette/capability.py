"""What training offers for silhouettes."""

from training.capability import Capability, Command

CAPABILITY = Capability(
    slug="silhouette",
    commands={
        "fit": Command("training.silhouette.task:FITTING", "train the silhouette network"),
        "evaluate": Command(
            "training.silhouette.evaluate:EVALUATION", "measure a silhouette checkpoint"
        ),
        "compare": Command(
            "training.silhouette.task:COMPARISON", "train networks alike, in one table"
        ),
        "average": Command(
            "training.silhouette.task:AVERAGING", "average the weights of checkpoints"
        ),
        "export": Command(
            "training.silhouette.evaluate:EXPORT", "write the network as an ONNX model"
        ),
        "quantize": Command(
            "training.silhouette.evaluate:QUANTIZATION", "make the network in int8 for a CPU"
        ),
        "figures": Command("training.silhouette.evaluate:FIGURES", "confidence map of a photo"),
    },
)
