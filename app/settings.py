"""What the operator decides: every HABITUS_* environment variable."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "HABITUS_"
BYTES_PER_MB = 1_000_000
PILLOW_MAX_PIXELS = 178_956_970
"""Pillow refuses larger pictures on its own."""


class ConfigurationError(Exception):
    """A setting that cannot be honoured on this machine."""


class Settings(BaseSettings):
    """How the service runs. An unknown HABITUS_ name is an error, not a setting without effect."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every one."
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 for any free one."
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto, cpu, cuda:N or mps; auto takes the first that is there: cuda, mps, cpu.",
    )
    checkpoints: Path = Field(
        default=Path(__file__).resolve().parents[1] / "checkpoints",
        description="Folder of the checkpoints; by default the one beside the package.",
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
    max_batch: int = Field(default=8, ge=1, description="Most items that the device takes at once.")
    max_wait_ms: float = Field(
        default=0,
        ge=0,
        description="How long the device waits for a batch to fill, in milliseconds. "
        "0: it takes what is queued; batches fill by themselves when it is busy.",
    )
    max_queue: int = Field(
        default=32,
        ge=1,
        description="Most items queued and running; one more is answered 503 at once.",
    )
    timeout_s: float = Field(
        default=30,
        gt=0,
        description="Seconds that an item may wait for the device and run; then 504.",
    )
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Accepted API keys, separated by commas; none: everybody may ask. "
        "Sent as `X-API-Key: KEY` or `Authorization: Bearer KEY`. /health/* stays open.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Log lines: text or json."
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_variables(cls, values: object) -> object:
        # pydantic-settings ignores variables that belong to no field, even with extra="forbid".
        known = sorted(name.upper() for name in cls.model_fields)
        for variable in sorted(os.environ):
            name = variable.upper().removeprefix(PREFIX)
            if variable.upper().startswith(PREFIX) and name not in known:
                meant = difflib.get_close_matches(name, known, n=1) or known
                hint = " or ".join(f"{PREFIX}{name}" for name in meant)
                raise ValueError(f"{variable} is not a setting; did you mean {hint}?")
        return values

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if not isinstance(value, str) or not value:
            return value or ()
        keys = [key.strip() for key in value.split(",")]
        if not all(keys):
            raise ValueError("a key between the commas is empty")
        return keys

    @property
    def max_body_bytes(self) -> int:
        """`max_body_mb` in bytes."""
        return int(self.max_body_mb * BYTES_PER_MB)
