"""Number formats that a device computes in."""

import torch


def cpu_prefers_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 faster than float32.

    All do that have tiles for it (AMX). Of the AVX512-BF16 instructions alone it depends on the
    maker, measured with two cores each: an AMD of the Zen 4 kind trains the hourglass (2x128,
    128 px) on 62 samples a second in bfloat16 and on 32 in float32; on an Intel Xeon whose tiles a
    virtual machine hides, matrices of 2,048 multiply at 169 GFLOP/s in bfloat16 and at 284 in
    float32, and a training step of the lite network takes 1.6 s and 1.1 s. Intel's older ones that
    never had tiles (Cooper Lake) were not measured, and are taken for like it.

    A rule and not a trial: what a network answers should not depend on what else a machine was
    doing when it was started.
    """
    # torch 2.11 does not say; float32 is right there, only slower.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    if capabilities.get("amx_bf16"):
        return True
    is_intel = str(capabilities.get("cpu_name", "")).startswith("Intel")
    return bool(capabilities.get("avx512_bf16")) and not is_intel
