"""SMPL's forward pass: ours beside the smplx package, on the committed asset."""

import contextlib
import dataclasses
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.timing import fastest, report
from model.body.asset import SmplAsset, load_asset
from model.body.smpl import Smpl

ASSET = Path(__file__).parents[1] / "checkpoints" / "body_neutral.safetensors"


def run() -> None:
    """Batches of 1, 16 and 256, with pose correctives as SMPL has them."""
    _, asset = load_asset(ASSET)
    generator = torch.Generator().manual_seed(0)
    correctives = torch.randn(*asset.v_template.shape, 207, generator=generator) * 1e-3
    asset = dataclasses.replace(asset, posedirs=correctives)
    ours, theirs = Smpl(asset), _smplx(asset)
    for num in (1, 16, 256):
        betas = torch.randn(num, 10, generator=generator)
        pose = torch.randn(num, 23, 3, generator=generator) * 0.4
        orient, transl = torch.randn(2, num, 3, generator=generator)
        peer = theirs(num)

        def our_mesh(b: Any = betas, p: Any = pose, o: Any = orient, t: Any = transl) -> Any:
            return ours(b, p, o, t).vertices

        def their_mesh(
            b: Any = betas, p: Any = pose, o: Any = orient, t: Any = transl, peer: Any = peer
        ) -> Any:
            return peer(betas=b, body_pose=p.flatten(1), global_orient=o, transl=t).vertices

        with torch.inference_mode():
            apart = float((our_mesh() - their_mesh()).abs().max())
            rounds = 30 if num < 100 else 5
            times = fastest({"habitus": our_mesh, "smplx": their_mesh}, rounds)
        report(f"SMPL, {num} bodies of 13,718 vertices (apart {apart:.1e} m)", times, "habitus")


def _smplx(asset: SmplAsset) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from smplx import SMPL
        from smplx.utils import Struct
    tensors = {name: tensor.numpy() for name, tensor in asset.tensors().items()}
    struct = Struct(
        v_template=tensors["v_template"],
        shapedirs=tensors["shapedirs"],
        posedirs=tensors["posedirs"],
        J_regressor=tensors["J_regressor"],
        kintree_table=np.stack([tensors["parents"], np.arange(24)]),
        weights=tensors["lbs_weights"],
        f=tensors["faces"],
    )

    def build(num: int) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):  # it remarks on the number of betas
            return SMPL("", data_struct=struct, batch_size=num)

    return build
