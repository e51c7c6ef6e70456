"""What training offers for clothing."""

from training.capability import Capability, Command

CAPABILITY = Capability(
    slug="clothing",
    commands={
        "fit": Command("training.clothing.task:FITTING", "train a clothing network"),
        "evaluate": Command(
            "training.clothing.evaluate:EVALUATION", "measure a clothing checkpoint"
        ),
        "compare": Command(
            "training.clothing.compare:COMPARISON", "train networks alike, in one table"
        ),
        "average": Command(
            "training.clothing.task:AVERAGING", "average the weights of checkpoints"
        ),
        "balance": Command(
            "training.clothing.balance", "raise the probability of rarely predicted labels"
        ),
        "export": Command("training.clothing.export:EXPORT", "write the network as an ONNX model"),
        "figures": Command("training.clothing.figures", "garments in a photo, curves of a run"),
    },
    data={
        "prepare": Command("training.clothing.sources", "pack photos for quick reading"),
        "tagged": Command("training.clothing.tagged", "label the pixels of CCP's tagged photos"),
    },
)
