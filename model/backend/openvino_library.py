"""OpenVINO, imported when it is first needed, and without its telemetry."""

import sys
from functools import cache
from types import ModuleType
from typing import Any


class OpenVinoRefusedError(Exception):
    """OpenVINO is not installed, or cannot run a network."""


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
