"""OpenVINO in a process that also does other things."""

import subprocess
import sys


def test_importing_it_loads_no_telemetry() -> None:
    code = (
        "import sys; from model.backend.openvino_library import load_openvino; load_openvino(); "
        "print(sorted(name for name in sys.modules if name.startswith('openvino_telemetry.')))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert output.strip() == "[]"


def test_signals_are_handled_after_networks_are_gone() -> None:
    """A core that is destroyed may take the stack of the thread's signal handlers with it."""
    code = """
import os, signal, torch
from torch import nn
from model.backend.conversion import converted
from model.backend.openvino_network import OpenVinoNetwork

signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
networks = [
    OpenVinoNetwork(converted(nn.Conv2d(3, number, 1).eval(), 16, None), torch.float32)
    for number in (1, 2)
]
del networks[0]  # the older one first
del networks[0]
os.kill(os.getpid(), signal.SIGUSR1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
