"""OpenVINO, imported when it is first needed, and without its telemetry."""

import sys
import threading
from functools import cache
from types import ModuleType
from typing import Any


class OpenVinoRefusedError(Exception):
    """OpenVINO is not installed, or cannot run a network."""


_making_core = threading.Lock()


@cache
def load_openvino() -> Any:
    """The module `openvino`.

    Its converter reports each import and each conversion to Google Analytics if the package
    `openvino_telemetry`, which it depends on, can be imported. Without that package it uses a stub.

    Raises:
        OpenVinoRefusedError: It is not installed.
    """
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    # None makes an import fail, as the import system documents.
    modules.setdefault("openvino_telemetry", None)
    try:
        import openvino
    except ImportError as error:
        raise OpenVinoRefusedError(f"openvino is not installed: {error}") from error
    return openvino


def openvino_core() -> Any:
    """The only `openvino.Core` of this process. It lives until the process ends.

    The CPU plugin of a core gives the thread that loads it a stack for signal handlers
    (`sigaltstack`), and unmaps that stack when it is destroyed. When two cores are destroyed in the
    order in which they were made, the second one restores the stack of the first, which is gone:
    the next signal with a handler then ends the process with a segmentation fault.

    Source: OpenVINO, `SigAltStackSetup` in src/plugins/intel_cpu/src/sigstack_manager.cpp.

    Raises:
        OpenVinoRefusedError: It is not installed.
    """
    with _making_core:
        return _core()


@cache
def _core() -> Any:
    return load_openvino().Core()
