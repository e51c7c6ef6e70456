"""Ours, as it is shipped: python -m benchmarks.serving.peers.habitus WORK PORT.

With pictures it is `python -m app`. For `no-op` the same command runs with a body predictor that
gives every request the same four vertices.
"""

import os
import sys
from collections.abc import Sequence

import torch

from app.__main__ import main
from app.capabilities import Predictors
from benchmarks.serving import work
from model.body.asset import SmplAsset
from model.body.predictor import BodyMesh, BodyParameters, BodyPredictor
from model.body.smpl import Smpl
from model.skeletons import SMPL_24_PARENTS


class NoOpBody(BodyPredictor):
    """Computes one mesh when it is made, and never again."""

    def __init__(self) -> None:
        joints, vertices = len(SMPL_24_PARENTS), len(work.VERTICES)
        asset = SmplAsset(
            v_template=torch.tensor(work.VERTICES),
            shapedirs=torch.zeros(vertices, 3, 10),
            posedirs=torch.zeros(vertices, 3, 0),
            J_regressor=torch.full((joints, vertices), 1 / vertices),
            parents=torch.tensor(SMPL_24_PARENTS),
            lbs_weights=torch.full((vertices, joints), 1 / joints),
            faces=torch.tensor(work.FACES),
        )
        super().__init__(Smpl(asset))
        [self._mesh] = super().predict_batch([BodyParameters(torch.zeros(1).numpy())])

    def predict_batch(self, items: Sequence[BodyParameters]) -> list[BodyMesh]:
        """The same for all."""
        return [self._mesh] * len(items)


if __name__ == "__main__":
    work_name, port = sys.argv[1:]
    os.environ["HABITUS_PORT"] = port
    if work_name == "no-op":
        sys.exit(main([], load=lambda _: Predictors(body=NoOpBody())))
    sys.exit(main([]))
