"""Body measurements: ours beside sections by trimesh and convex hulls by scipy."""

import time
from pathlib import Path

import numpy as np
import torch
import trimesh
from scipy.spatial import ConvexHull

from benchmarks.timing import fastest, report
from model.body.predictor import BodyPredictor

ASSET = Path(__file__).parents[1] / "checkpoints" / "body_neutral.safetensors"
NUM_BODIES = 16
LEVELS = np.linspace(0.1, 0.9, 13)
"""Statures above the floor: as many sections as there are girths."""


def run() -> None:
    """All measurements of 16 bodies, beside 13 plain sections and hulls of each.

    In processor time on one thread. The plain sections are given their levels, whereas ours finds
    them.
    """
    torch.set_num_threads(1)
    predictor = BodyPredictor.from_checkpoint(ASSET)
    betas = torch.randn(NUM_BODIES, 10, generator=torch.Generator().manual_seed(0))
    bodies = predictor.smpl.shape(betas).vertices.numpy()
    tape, faces = predictor.tape, predictor.faces

    def plain() -> None:
        for vertices in bodies:
            mesh = trimesh.Trimesh(vertices, faces, process=False)
            floor, top = mesh.bounds[:, 1]
            for level in floor + LEVELS * (top - floor):
                section = mesh.section(plane_origin=[0, level, 0], plane_normal=[0, 1, 0])
                ConvexHull(section.vertices[:, [0, 2]])

    calls = {"habitus": lambda: tape.measure(bodies), "trimesh and scipy": plain}
    times = fastest(calls, 5, time.process_time)
    report(f"measurements of {NUM_BODIES} bodies of 13,718 vertices", times, "habitus")
    print(f"    {NUM_BODIES / times['habitus']:.0f} bodies a second")
