"""What the operator decides: every HABITUS_* environment variable."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.environment import PREFIX, check_names, is_service_address
from app.keys import KeyRing, parse_key, read_keys

BYTES_PER_MB = 1_000_000
PILLOW_MAX_PIXELS = 89_478_485
"""Pillow warns of larger pictures, and its warnings of them are errors here."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_HOST_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(r"\*|https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d+)?")


class ConfigurationError(Exception):
    """A setting that cannot be honoured on this machine."""


class Settings(BaseSettings):
    """How the service runs. An unknown HABITUS_ name is an error, not a setting without effect."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; 0.0.0.0 for every one of IPv4, :: for IPv6 and IPv4.",
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 for any free one."
    )
    root_path: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Prefix that a proxy takes off the path before it passes a request on, such "
        "as /habitus.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda:all|cuda(:\d+)?(,cuda:\d+)*)$",
        description="auto, cpu, cuda:N or mps; auto takes the first that is there: cuda, mps, cpu. "
        "Several CUDA devices work on one queue: cuda:0,cuda:1, or cuda:all.",
    )
    cpu_threads: int = Field(
        default=1,
        ge=1,
        description="On a CPU: threads of each batch while several run. As many run at once as "
        "the cores hold: 1 answers the most requests. A lone batch has all threads.",
    )
    checkpoints: Path = Field(
        default=Path(__file__).resolve().parents[1] / "checkpoints",
        description="Folder of the checkpoints; by default the one beside the package.",
    )
    body_asset: Path | None = Field(
        default=None,
        description="Body asset that /mesh serves, such as a converted SMPL; by default "
        "body_neutral.safetensors in HABITUS_CHECKPOINTS, the open body.",
    )
    max_body_mb: float = Field(
        default=20, gt=0, description="Largest request body, in megabytes of 1,000,000 bytes."
    )
    max_pixels: int = Field(
        default=50_000_000,
        ge=256,
        le=PILLOW_MAX_PIXELS,
        description="Largest picture, in pixels; read from its header before it is decoded.",
    )
    max_json_mb: float = Field(
        default=4,
        gt=0,
        description="Largest request body where no picture is sent, in megabytes: two meshes of "
        "20,000 vertices as JSON take 2.7.",
    )
    max_in_flight_mb: float = Field(
        default=2000,
        gt=0,
        description="Most memory that decoded pictures, 16 bytes a pixel, and answers that are not "
        "sent yet may take together, in megabytes, where it is more than one request; one more is "
        "answered 503.",
    )
    max_batch: int = Field(
        default=8,
        ge=1,
        description="Most items that the device takes at once; on a CPU, of pictures no more than "
        "HABITUS_CPU_THREADS.",
    )
    max_wait_ms: float = Field(
        default=0,
        ge=0,
        description="How long the device waits for a batch to fill, in milliseconds. "
        "0: it takes what is queued; batches fill by themselves when it is busy.",
    )
    max_queue: int = Field(
        default=32,
        ge=1,
        description="Most requests with work for a device, queued and running; one more is "
        "answered 503 at once, before its body is read.",
    )
    timeout_s: float = Field(
        default=30,
        gt=0,
        description="Seconds from the first byte of a request to its result; then 504.",
    )
    watchdog_s: float = Field(
        default=120,
        gt=0,
        description="Seconds that a device may work on one batch; after that /health/live is 503, "
        "for a supervisor to restart the server.",
    )
    drain_s: float = Field(
        default=0,
        ge=0,
        description="Seconds that connections are still accepted after a SIGTERM, while "
        "/health/ready is 503 already, for load balancers to notice.",
    )
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Accepted API keys, separated by commas; none: everybody may ask. "
        "`sha256:` and the hex digest of a key stands for the key. "
        "Sent as `X-API-Key: KEY` or `Authorization: Bearer KEY`. /health/*, /docs "
        "and /openapi.json stay open.",
    )
    api_keys_file: Path | None = Field(
        default=None,
        description="File of further API keys, one a line, such as a Docker or Kubernetes secret.",
    )
    rate_per_minute: int = Field(
        default=0,
        ge=0,
        description="Requests that each API key, or each address where there are no keys, may make "
        "in a minute that begins with the first; then 429. 0: no limit.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names under which clients may reach the server, separated by commas, with "
        "`*.` for subdomains and `*` for any; others are answered 400, but for health checks and "
        "/metrics. None: localhost only when it listens on a loopback address, so that no web page "
        "can reach it by a name of its own; any otherwise.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins whose web pages may ask, separated by commas, such as "
        "https://example.org; `*` for any. None: no web page of another origin.",
    )
    max_bodies_mb: float = Field(
        default=500,
        gt=0,
        description="Most that all request bodies together may hold while they arrive and are "
        "answered, in megabytes; one more is answered 503.",
    )
    body_timeout_s: float = Field(
        default=20,
        gt=0,
        description="Seconds for a whole request body to arrive; then 408. Less than "
        "HABITUS_TIMEOUT_S, which bounds all of the request.",
    )
    send_timeout_s: float = Field(
        default=60,
        gt=0,
        description="Seconds for a client to take a whole answer; then the connection is closed.",
    )
    keep_alive_s: int = Field(
        default=75,
        ge=1,
        description="Seconds that an idle connection is kept; more than the proxies in front do.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Log lines: text or json."
    )

    @model_validator(mode="before")
    @classmethod
    def _check_environment(cls, values: dict[str, object]) -> dict[str, object]:
        # pydantic-settings ignores variables that belong to no field, even with extra="forbid".
        check_names(os.environ, cls.model_fields)
        if is_service_address(values.get("port")):
            return {name: value for name, value in values.items() if name != "port"}
        return values

    @field_validator("api_keys", "allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str) or not value:
            return value or ()
        entries = [entry.strip() for entry in value.split(",")]
        if not all(entries):
            raise ValueError("what is between two commas is empty")
        return entries

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for entry in value:
            parse_key(entry.get_secret_value())
        return value

    @field_validator("body_asset", "api_keys_file", mode="before")
    @classmethod
    def _no_file(cls, value: object) -> object:
        return value or None  # an empty variable is how a compose file says that there is none

    @field_validator("api_keys_file")
    @classmethod
    def _check_file(cls, value: Path | None) -> Path | None:
        KeyRing([] if value is None else read_keys(value))
        return value

    @field_validator("allowed_hosts", "cors_origins")
    @classmethod
    def _lower(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(entry.lower() for entry in value)

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if not _HOST_NAME.fullmatch(entry):
                raise ValueError(
                    f"{entry!r} is not a host name; example.org, *.example.org, [::1] and * are"
                )
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if not _ORIGIN.fullmatch(entry):
                raise ValueError(
                    f"{entry!r} is not an origin; https://example.org, http://localhost:3000 and "
                    "* are, without a path"
                )
        return value

    def key_ring(self) -> KeyRing:
        """The API keys, from the environment and from the file.

        Raises:
            ValueError: The file is gone since the settings were read.
        """
        entries = [key.get_secret_value() for key in self.api_keys]
        return KeyRing([*entries, *(read_keys(self.api_keys_file) if self.api_keys_file else ())])

    @property
    def served_hosts(self) -> tuple[str, ...]:
        """`allowed_hosts`, or what it means when it is left out."""
        if self.allowed_hosts:
            return self.allowed_hosts
        is_loopback = self.host in ("localhost", "::1") or self.host.startswith("127.")
        return (*LOOPBACK_NAMES, self.host) if is_loopback else ("*",)

    @property
    def max_body_bytes(self) -> int:
        """`max_body_mb` in bytes."""
        return int(self.max_body_mb * BYTES_PER_MB)

    @property
    def max_bodies_bytes(self) -> int:
        """`max_bodies_mb` in bytes."""
        return int(self.max_bodies_mb * BYTES_PER_MB)
