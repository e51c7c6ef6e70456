"""ONNX Runtime gives what the predictors' networks give."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training.clothing.evaluate import EXPORT as CLOTHING
from training.engine.export import Export
from training.silhouette.evaluate import EXPORT as SILHOUETTE

onnxruntime = pytest.importorskip("onnxruntime")
EXPORTS = {"silhouette": SILHOUETTE, "clothing": CLOTHING}


@pytest.fixture(scope="module", params=EXPORTS)
def exported(
    request: pytest.FixtureRequest, repo_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Export, Path, Any]:
    """A network as it is published, its checkpoint, and the session that runs its export."""
    export = EXPORTS[request.param]
    checkpoint = repo_root / "checkpoints" / f"{request.param}.safetensors"
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    export.write(checkpoint, path)
    return (
        export,
        checkpoint,
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]),
    )


@pytest.mark.parametrize("num", [1, 3])
def test_onnx_runtime_gives_the_same_maps(exported: tuple[Export, Path, Any], num: int) -> None:
    export, checkpoint, session = exported
    network, side, header = export.predictor.load_network(checkpoint)
    served = export.predictor.served(network, torch.float32)
    images = torch.rand(num, 3, side, side, generator=torch.Generator().manual_seed(num))
    with torch.inference_mode():
        expected = served(images).numpy()
    (found,) = session.run(["maps"], {"images": images.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["sha256"] == header.sha256
    assert metadata["licence"] == header.licence
    assert int(metadata["input_size"]) == side
