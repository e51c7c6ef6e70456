"""What the operator decides: every HABITUS_* environment variable."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.middleware.key_ring import KeyRing, read_keys

PREFIX = "HABITUS_"
BYTES_PER_MB = 1_000_000
PILLOW_MAX_PIXELS = 89_478_485
"""Pillow warns of larger pictures."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_NAME = r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")
_SERVICE_PORT = re.compile(rf"{PREFIX}(\w+_)?PORT")
_SERVICE_VARIABLE = re.compile(
    rf"{PREFIX}(\w+_)?"
    r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


def _matching(pattern: str, what: str) -> AfterValidator:
    def check(entry: str) -> str:
        if not re.fullmatch(pattern, entry.lower()):
            raise ValueError(f"{entry!r} is not {what}")
        return entry.lower()

    return AfterValidator(check)


_HostPattern = Annotated[
    str,
    _matching(rf"\*|(\*\.)?{_NAME}", "a host name, such as example.org, *.example.org, [::1] or *"),
]
_Origin = Annotated[
    str,
    _matching(
        rf"\*|https?://{_NAME}(:\d+)?",
        "an origin without a path, such as https://example.org, http://localhost:3000 or *",
    ),
]


class ConfigurationError(Exception):
    """A setting that cannot be honoured on this machine."""


class Settings(BaseSettings):
    """How the service runs. An unknown HABITUS_* name is an error."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. 0.0.0.0: all of IPv4; ::: all of IPv6 and IPv4.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 for any free one.")
    root_path: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Prefix that a proxy removes from the path, such as /habitus.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda:all|cuda(:\d+)?(,cuda:\d+)*)$",
        description="auto, cpu, cuda:N or mps. auto takes the first available of cuda, mps, cpu. "
        "Several CUDA devices share one queue: cuda:0,cuda:1, or cuda:all.",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        default="auto",
        description="What networks compute in. int8 needs the file of `training quantize`.",
    )
    cpu_threads: int = Field(
        default=1,
        ge=1,
        description="Threads of each batch on a CPU while several run; as many run at once as the "
        "cores allow. 1 gives the highest throughput. A batch that runs alone uses all threads.",
    )
    checkpoints: Path = Field(
        default=Path(__file__).resolve().parents[1] / "checkpoints",
        description="Folder of the checkpoints; by default the one beside the package.",
    )
    body_asset: Path | None = Field(
        default=None,
        description="Body asset of /mesh, such as a converted SMPL; by default "
        "body_neutral.safetensors in HABITUS_CHECKPOINTS.",
    )
    max_body_mb: float = Field(
        default=20, gt=0, description="Largest request body, in megabytes of 1,000,000 bytes."
    )
    max_pixels: int = Field(
        default=50_000_000,
        ge=256,
        le=PILLOW_MAX_PIXELS,
        description="Largest picture, in pixels; checked before decoding.",
    )
    max_json_mb: float = Field(
        default=4,
        gt=0,
        description="Largest body of the endpoints that read numbers, in megabytes. Two meshes of "
        "20,000 vertices as JSON take 2.7.",
    )
    max_in_flight_mb: float = Field(
        default=2000,
        gt=0,
        description="Most memory of request bodies and decoded pictures (16 bytes a pixel) "
        "together, in megabytes; then 503. A single request is always accepted.",
    )
    max_batch: int = Field(
        default=8,
        ge=1,
        description="Most items in a batch; on a CPU at most HABITUS_CPU_THREADS pictures.",
    )
    max_wait_ms: float = Field(
        default=0,
        ge=0,
        description="How long a device waits for a batch to fill, in milliseconds. "
        "0: a free device takes what is queued.",
    )
    max_queue: int = Field(
        default=32,
        ge=1,
        description="Most requests queued and running; then 503, before the body is read.",
    )
    timeout_s: float = Field(
        default=30, gt=0, description="Seconds from the start of a request to its result; then 504."
    )
    watchdog_s: float = Field(
        default=120,
        gt=0,
        description="Seconds that a batch may take; then /health/live is 503, so that a supervisor "
        "restarts the server.",
    )
    drain_s: float = Field(
        default=0,
        ge=0,
        description="Seconds that requests are still accepted after SIGTERM, while /health/ready "
        "is 503 so that load balancers notice.",
    )
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="API keys, separated by commas; `sha256:` and the hex digest of a key stands "
        "for the key. If empty, authentication is off. Sent as `X-API-Key: KEY` or "
        "`Authorization: Bearer KEY`. /health/*, /docs and /openapi.json need no key.",
    )
    api_keys_file: Path | None = Field(
        default=None,
        description="File of more API keys, one a line, such as a Docker or Kubernetes secret.",
    )
    rate_per_minute: int = Field(
        default=0,
        ge=0,
        description="Requests a minute for each API key, or for each address without keys; then "
        "429. 0: no limit.",
    )
    allowed_hosts: Annotated[tuple[_HostPattern, ...], NoDecode] = Field(
        default=(),
        description="Host names that are served, separated by commas: `*.` for subdomains, `*` for "
        "any; others get 400, except for health checks and /metrics. If empty: localhost when "
        "listening on a loopback address (against DNS rebinding), otherwise any.",
    )
    cors_origins: Annotated[tuple[_Origin, ...], NoDecode] = Field(
        default=(),
        description="Origins whose web pages may send requests, separated by commas, such as "
        "https://example.org; `*` for any. If empty, none.",
    )
    body_timeout_s: float = Field(
        default=20, gt=0, description="Seconds for a request body to arrive; then 408."
    )
    send_timeout_s: float = Field(
        default=60,
        gt=0,
        description="Seconds without progress in sending an answer; then the connection is closed "
        "(Linux).",
    )
    keep_alive_s: int = Field(
        default=75,
        ge=1,
        description="Seconds that an idle connection is kept; more than the proxy in front keeps "
        "it.",
    )
    log_format: Literal["text", "json"] = Field(default="text", description="Log format.")

    @model_validator(mode="before")
    @classmethod
    def _check_environment(cls, values: dict[str, Any]) -> dict[str, Any]:
        # pydantic-settings ignores variables that belong to no field, even with extra="forbid".
        known = {f"{PREFIX}{name}".upper() for name in cls.model_fields}
        for variable in sorted({*os.environ} - {*service_links(os.environ)}):
            name = variable.upper()
            if name.startswith(PREFIX) and name not in known:
                [nearest] = difflib.get_close_matches(name, known, n=1, cutoff=0)
                raise ValueError(f"{variable} is not a setting; did you mean {nearest}?")
        if _SERVICE_ADDRESS.fullmatch(str(values.get("port"))):
            del values["port"]
        return values

    @field_validator("api_keys", "allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str) or not value:
            return value or ()
        entries = [entry.strip() for entry in value.split(",")]
        if not all(entries):
            raise ValueError("an entry between two commas is empty")
        return entries

    @field_validator("body_asset", "api_keys_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None  # docker compose sets an unset variable to an empty string

    @field_validator("api_keys", "api_keys_file")
    @classmethod
    def _check_keys(cls, value: tuple[SecretStr, ...] | Path | None) -> object:
        KeyRing(_entries(value))
        return value

    def key_ring(self) -> KeyRing:
        """The API keys from the environment and the file.

        Raises:
            ValueError: The file cannot be read.
        """
        return KeyRing([*_entries(self.api_keys), *_entries(self.api_keys_file)])

    @property
    def served_hosts(self) -> tuple[str, ...]:
        """`allowed_hosts`, or its meaning when empty."""
        if self.allowed_hosts:
            return self.allowed_hosts
        is_loopback = self.host in ("localhost", "::1") or self.host.startswith("127.")
        return (*LOOPBACK_NAMES, self.host) if is_loopback else ("*",)

    @property
    def max_body_bytes(self) -> int:
        """`max_body_mb` in bytes."""
        return int(self.max_body_mb * BYTES_PER_MB)


def _entries(keys: tuple[SecretStr, ...] | Path | None) -> list[str]:
    if isinstance(keys, Path):
        return read_keys(keys)
    return [key.get_secret_value() for key in keys or ()]


def service_links(environment: Mapping[str, str]) -> list[str]:
    """The variables that Kubernetes sets for services whose name begins with habitus.

    Source: Kubernetes documentation, Service, "Environment variables".
    """
    return sorted(
        name
        for name, text in environment.items()
        if _SERVICE_VARIABLE.fullmatch(name.upper())
        or (_SERVICE_PORT.fullmatch(name.upper()) and _SERVICE_ADDRESS.fullmatch(text))
    )
