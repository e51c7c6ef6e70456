"""`python -m training quantize`: a checkpoint's network in int8, for a CPU.

The network's convolutions compute in int8 with scales that are calibrated on photos.

Source: Kozlov et al., Neural Network Compression Framework for fast model inference, 2021.

S side of the network's input.
"""

import importlib.util
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from model.backend.conversion import converted
from model.backend.openvino_library import load_openvino
from model.errors import InvalidInputError
from model.picture_predictor import PicturePredictor
from model.staging import preprocess


def quantized_model(
    predictor: type[PicturePredictor[Any, Any, Any]],
    network: Any,
    input_size: int,
    photos: Sequence[UInt8[np.ndarray, "_ _ 3"]],
) -> Any:
    """The `openvino.Model` of a network in int8.

    Args:
        predictor: Of the network's capability.
        network: In PyTorch, on the CPU.
        input_size: S.
        photos: To calibrate with.

    Raises:
        InvalidInputError: The package that quantizes is not installed.
        OpenVinoRefusedError: OpenVINO is missing, or cannot convert the network.
    """
    if importlib.util.find_spec("nncf") is None:
        raise InvalidInputError("quantization needs one more package: pip install 'habitus[int8]'")
    model = converted(predictor.served(network, torch.float32), input_size, None).model
    pictures = [preprocess(photo, input_size)[0].numpy() for photo in photos]
    # NNCF makes and destroys OpenVINO cores, which may take a thread's signal stack with them (see
    # `openvino_core`): a thread that ends has no use for it.
    with ThreadPoolExecutor(1) as once:
        return once.submit(_quantized, model, pictures).result()


def _quantized(model: Any, pictures: Sequence[Float[np.ndarray, "1 3 S S"]]) -> Any:
    load_openvino()  # without its telemetry
    import nncf

    return nncf.quantize(model, nncf.Dataset(pictures), subset_size=len(pictures))
