"""What training offers for mesh confidence."""

from training.capability import Capability, Command

CAPABILITY = Capability(
    slug="mesh_confidence",
    commands={
        "fit": Command("training.mesh_confidence.task:FITTING", "train a judge of meshes"),
        "evaluate": Command(
            "training.mesh_confidence.evaluate", "measure a judge of meshes on held-out rows"
        ),
        "compare": Command(
            "training.mesh_confidence.compare", "train the reference's classifiers and ours alike"
        ),
        "figures": Command(
            "training.mesh_confidence.figures", "a person's mesh, coloured by trust"
        ),
    },
    data={
        "mesh_confidence": Command(
            "training.mesh_confidence.prepare", "reconstruct people whose joints are known"
        ),
        "h36m-frames": Command(
            "training.datasets.h36m_frames", "take frames out of Human3.6M's videos"
        ),
    },
)
