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
            "training.clothing.task:COMPARISON", "train networks alike, in one table"
        ),
        "average": Command(
            "training.clothing.task:AVERAGING", "average the weights of checkpoints"
        ),
        "balance": Command(
            "training.clothing.label_factors:BALANCE", "raise the probability of rare labels"
        ),
        "export": Command(
            "training.clothing.evaluate:EXPORT", "write the network as an ONNX model"
        ),
        "quantize": Command(
            "training.clothing.evaluate:QUANTIZATION", "make the network in int8 for a CPU"
        ),
        "figures": Command("training.clothing.evaluate:FIGURES", "garments in a photo"),
    },
    data={
        "tagged": Command(
            "training.clothing.label_factors:TAGGED", "label the pixels of CCP's tagged photos"
        ),
    },
)
