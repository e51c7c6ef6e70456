"""Requests of every kind, each determined by its number, good and bad."""

import io
import random
import socket
import struct

import httpx
import numpy as np
from PIL import Image

from benchmarks.faults.server import Server

MESH_TYPES = (
    "application/json",
    "model/gltf-binary",
    "model/obj",
    "model/ply",
    "application/x-npz",
)
PHOTO_PATHS = {
    "photo": "/confidence",
    "weighted": "/confidence/weighted-image",
    "garments": "/clothing",
}
MAP_TYPES = ("image/png", "application/x-npy", "application/json")


def one_of_all(server: Server, http: httpx.Client, chance: random.Random) -> int:
    """The status of a request of any kind; 0 for one that hangs up."""
    kind = chance.choices(
        [*PHOTO_PATHS, "broken photo", "mesh", "errors", "nonsense", "look", "hang up"],
        weights=[20, 10, 10, 15, 15, 5, 10, 10, 5],
    )[0]
    if kind in PHOTO_PATHS:
        head = {"Accept": chance.choice(MAP_TYPES[:2] if kind == "weighted" else MAP_TYPES)}
        files = {"image": photo(chance)}
        return http.post(PHOTO_PATHS[kind], files=files, headers=head).status_code
    if kind == "broken photo":
        return http.post("/confidence", files={"image": _broken(chance)}).status_code
    if kind == "mesh":
        head = {"Accept": chance.choice(MESH_TYPES)}
        return http.post("/mesh", json={"betas": _betas(chance)}, headers=head).status_code
    if kind == "errors":
        pair = {"predicted": {"betas": _betas(chance)}, "ground_truth": {"betas": _betas(chance)}}
        return http.post("/mesh/errors", json=pair).status_code
    if kind == "nonsense":
        path = chance.choice(["/mesh", "/mesh/errors", "/confidence", "/nowhere"])
        head = {"Content-Type": chance.choice(["application/json", "multipart/form-data", "a/b"])}
        return http.post(path, content=chance.randbytes(2000), headers=head).status_code
    if kind == "look":
        paths = ["/models", "/health/ready", "/metrics", "/openapi.json", "/nowhere"]
        return http.get(chance.choice(paths)).status_code
    request = raw_request(http, photo(chance))
    with server.connect() as connection:
        connection.sendall(request[: chance.randrange(len(request) + 1)])
        _reset(connection)
    return 0


def photo(chance: random.Random) -> bytes:
    size = chance.randrange(16, 500), chance.randrange(16, 500)
    coarse = np.frombuffer(chance.randbytes(3 * 64), np.uint8).reshape(8, 8, 3)
    buffer = io.BytesIO()
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR)
    picture.save(buffer, chance.choice(["JPEG", "JPEG", "PNG", "WEBP", "BMP"]))
    return buffer.getvalue()


def _broken(chance: random.Random) -> bytes:
    """A photo with some bytes changed, or cut."""
    picture = bytearray(photo(chance))
    for _ in range(chance.randrange(1, 20)):
        picture[chance.randrange(min(len(picture), 600))] = chance.randrange(256)
    return bytes(picture[: chance.randrange(len(picture))] if chance.random() < 0.5 else picture)


def _betas(chance: random.Random) -> list[float]:
    return [chance.gauss(0, 1.5) for _ in range(chance.randrange(1, 12))]


def raw_request(http: httpx.Client, picture: bytes) -> bytes:
    request = http.build_request("POST", "/confidence", files={"image": picture})
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST /confidence HTTP/1.1\r\n{head}\r\n".encode() + request.read()


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
