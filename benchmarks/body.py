"""SMPL's forward pass: ours beside the smplx package, on the committed asset."""

import contextlib
import dataclasses
import io
import itertools
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.timing import fastest, report
from model.body.asset import SmplAsset, load_asset
from model.body.smpl import Smpl

ASSET = Path(__file__).parents[1] / "checkpoints" / "body_neutral.safetensors"


def run() -> None:
    """Batches of 1, 16 and 256, with pose correctives as SMPL has them.

    In processor time on one thread; memory is the most that was allocated at once in a call.
    """
    torch.set_num_threads(1)
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
            calls = {"habitus": our_mesh, "smplx": their_mesh}
            times = fastest(calls, rounds, time.process_time)
            peaks = {name: _peak_bytes(call) for name, call in calls.items()}
        report(f"SMPL, {num} bodies of 13,718 vertices (apart {apart:.1e} m)", times, "habitus")
        for name, peak in peaks.items():
            print(f"    {name:<22}{peak / 1e6:9.1f} MB")


def _peak_bytes(call: Callable[[], object]) -> int:
    """The most that tensors took at once during a call, what was there before left out."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        call()
    recorded = profiler.profiler
    assert recorded is not None
    assert recorded.kineto_results is not None
    steps = [e for e in recorded.kineto_results.events() if e.name() == "[memory]"]
    steps.sort(key=lambda event: event.start_ns())
    return int(max(itertools.accumulate(event.nbytes() for event in steps)))


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
