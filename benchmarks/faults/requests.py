"""Requests of every kind, each determined by its number, good and bad."""

import contextlib
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
        ["good", "broken photo", "nonsense", "look", "hang up", "half close"],
        weights=[60, 15, 10, 10, 4, 1],
    )[0]
    if kind == "good":
        return http.send(good_request(http, chance)).status_code
    if kind == "broken photo":
        path = chance.choice([*PHOTO_PATHS.values()])
        return http.post(path, files={"image": _broken(chance)}).status_code
    if kind == "nonsense":
        path = chance.choice(["/mesh", "/mesh/errors", *PHOTO_PATHS.values(), "/nowhere"])
        head = {"Content-Type": chance.choice(["application/json", "multipart/form-data", "a/b"])}
        return http.post(path, content=chance.randbytes(2000), headers=head).status_code
    if kind == "look":
        paths = ["/models", "/health/ready", "/metrics", "/openapi.json", "/nowhere"]
        return http.get(chance.choice(paths)).status_code
    request = raw(good_request(http, chance))
    with server.connect() as connection:
        if kind == "half close":
            return _half_closed(connection, request)
        connection.sendall(request[: chance.randrange(len(request) + 1)])
        _reset(connection)
    return 0


def good_request(http: httpx.Client, chance: random.Random) -> httpx.Request:
    """To any of the paths that compute something, with nothing wrong in it."""
    kind = chance.choices([*PHOTO_PATHS, "mesh", "errors"], weights=[20, 10, 10, 15, 5])[0]
    if kind in PHOTO_PATHS:
        head = {"Accept": chance.choice(MAP_TYPES[:2] if kind == "weighted" else MAP_TYPES)}
        files = {"image": photo(chance)}
        return http.build_request("POST", PHOTO_PATHS[kind], files=files, headers=head)
    if kind == "mesh":
        head = {"Accept": chance.choice(MESH_TYPES)}
        return http.build_request("POST", "/mesh", json={"betas": _betas(chance)}, headers=head)
    pair = {"predicted": {"betas": _betas(chance)}, "ground_truth": {"betas": _betas(chance)}}
    return http.build_request("POST", "/mesh/errors", json=pair)


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


def raw(request: httpx.Request) -> bytes:
    """Its bytes on a connection of its own."""
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    target = request.url.raw_path.decode()
    return f"{request.method} {target} HTTP/1.1\r\n{head}\r\n".encode() + request.read()


def raw_photo(http: httpx.Client, chance: random.Random) -> bytes:
    return raw(http.build_request("POST", "/confidence", files={"image": photo(chance)}))


def _half_closed(connection: socket.socket, request: bytes) -> int:
    """The status for a client that will say no more, and listens; 0: it was hung up on."""
    connection.sendall(request)
    connection.shutdown(socket.SHUT_WR)
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1 << 16):
            answer += part
    return int(answer.split(b" ", 2)[1]) if answer else 0


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
