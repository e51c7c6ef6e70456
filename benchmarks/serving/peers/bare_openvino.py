"""A loop of OpenVINO alone over pictures that are decoded and letterboxed already.

python -m benchmarks.serving.peers.bare_openvino WORK SECONDS PHOTO ... prints pictures a second, or
null where OpenVINO does not run the network. The network is the one that the server runs.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from app.capabilities import CLOTHING, SILHOUETTE, Capability, Predictors
from app.settings import Settings
from benchmarks.openvino_alone import Streams
from model.backend.openvino_network import PRECISIONS, OpenVinoNetwork
from model.picture_file.reader import decode_picture
from model.processors import count_threads


def main(arguments: Sequence[str]) -> None:
    """Measure and print JSON."""
    seconds, settings = float(arguments[1]), Settings()
    rows: dict[str, Capability[Any]] = {row.slug: row for row in (SILHOUETTE, CLOTHING)}
    predictor = Predictors.load(settings).need(rows[arguments[0]])
    network = predictor.network
    per_s = None
    if isinstance(network, OpenVinoNetwork):
        pictures = [
            predictor.prepare_batch([decode_picture(Path(name).read_bytes(), settings.max_pixels)])
            for name in arguments[2:]
        ]
        tensors = [picture.on(torch.device("cpu")) for picture in pictures]
        streams = Streams(network.mapped, count_threads(), PRECISIONS[network.dtype])
        streams.run(tensors[0], 2 * count_threads())
        per_s = streams.pictures_per_s(tensors, seconds)
    json.dump({"per_s": per_s}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
