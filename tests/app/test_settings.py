import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings, service_links


def test_every_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "HOST": ("0.0.0.0", "0.0.0.0"),
        "PORT": ("9001", 9001),
        "ROOT_PATH": ("/habitus/v1", "/habitus/v1"),
        "DEVICE": ("cuda:1", "cuda:1"),
        "CHECKPOINTS": ("elsewhere", Path("elsewhere")),
        "MAX_BODY_MB": ("1.5", 1.5),
        "MAX_PIXELS": ("1000", 1000),
        "MAX_JSON_MB": ("1.5", 1.5),
        "MAX_IN_FLIGHT_MB": ("100", 100),
        "WATCHDOG_S": ("12", 12),
        "CPU_THREADS": ("12", 12),
        "PRECISION": ("bfloat16", "bfloat16"),
        "MAX_BATCH": ("2", 2),
        "MAX_WAIT_MS": ("3", 3),
        "MAX_QUEUE": ("4", 4),
        "TIMEOUT_S": ("5", 5),
        "DRAIN_S": ("6", 6),
        "API_KEYS": ("one, two", None),
        "BODY_ASSET": ("", None),
        "API_KEYS_FILE": ("", None),
        "RATE_PER_MINUTE": ("90", 90),
        "ALLOWED_HOSTS": ("Example.org, *.example.org", ("example.org", "*.example.org")),
        "CORS_ORIGINS": ("https://example.org:8443", ("https://example.org:8443",)),
        "BODY_TIMEOUT_S": ("9", 9),
        "SEND_TIMEOUT_S": ("10", 10),
        "KEEP_ALIVE_S": ("11", 11),
        "LOG_FORMAT": ("json", "json"),
    }
    assert {name.lower() for name in values} == set(Settings.model_fields)
    for name, (text, _) in values.items():
        monkeypatch.setenv(f"HABITUS_{name}", text)
    settings = Settings()
    for name, (_, value) in values.items():
        if name != "API_KEYS":
            assert getattr(settings, name.lower()) == value
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]
    assert settings.max_body_bytes == 1_500_000


def test_the_defaults_listen_to_this_machine_only_and_ask_for_no_key() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.device) == ("127.0.0.1", 8000, "auto")
    assert settings.api_keys == ()
    assert settings.checkpoints.name == "checkpoints"
    assert settings.checkpoints.is_absolute()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MAX_QUEUD", "MAX_QUEUE"),
        ("PORTS", "PORT"),
        ("XYZZY", "MAX_WAIT_MS"),
        ("PORT_8000", "PORT"),
    ],
)
def test_a_misspelt_name_is_an_error_that_knows_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    monkeypatch.setenv(f"HABITUS_{name}", "3")
    with pytest.raises(ValidationError) as caught:
        Settings()
    message = str(caught.value)
    assert f"HABITUS_{name} is not a setting; did you mean HABITUS_" in message
    assert message.count("did you mean HABITUS_") == 1
    assert " or HABITUS_" not in message
    if name != "XYZZY":  # which is as far from all
        assert f"HABITUS_{nearest}?" in message


LINKS = {
    "HABITUS_SERVICE_HOST": "10.96.0.12",
    "HABITUS_SERVICE_PORT": "8000",
    "HABITUS_SERVICE_PORT_HTTP": "8000",
    "HABITUS_PORT": "tcp://10.96.0.12:8000",
    "HABITUS_PORT_8000_TCP": "tcp://10.96.0.12:8000",
    "HABITUS_PORT_8000_TCP_PROTO": "tcp",
    "HABITUS_PORT_8000_TCP_PORT": "8000",
    "HABITUS_PORT_8000_TCP_ADDR": "10.96.0.12",
    "HABITUS_CPU_SERVICE_HOST": "10.96.0.13",
    "HABITUS_CPU_PORT": "udp://10.96.0.13:53",
}
"""As Kubernetes sets them for services called habitus and habitus-cpu."""


def test_what_kubernetes_sets_for_a_service_of_this_name_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.port, settings.host) == (8000, "127.0.0.1")
    assert Settings(port=9000).port == 9000
    assert service_links(os.environ) == sorted(LINKS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("DEVICE", "gpu"),
        ("DEVICE", "cuda:x"),
        ("MAX_BODY_MB", "0"),
        ("MAX_PIXELS", "999999999"),
        ("MAX_BATCH", "0"),
        ("MAX_QUEUE", "0"),
        ("MAX_WAIT_MS", "-1"),
        ("TIMEOUT_S", "0"),
        ("LOG_FORMAT", "xml"),
        ("API_KEYS", "one,,two"),
        ("API_KEYS", "sha256:0123"),
        ("API_KEYS_FILE", "/nowhere/keys"),
        ("RATE_PER_MINUTE", "-1"),
        ("RATE_PER_MINUTE", "0.5"),
        ("ROOT_PATH", "habitus"),
        ("ROOT_PATH", "/habitus/"),
        ("ALLOWED_HOSTS", "http://example.org"),
        ("ALLOWED_HOSTS", "example.org:8000"),
        ("ALLOWED_HOSTS", "a*.example.org"),
        ("CORS_ORIGINS", "example.org"),
        ("CORS_ORIGINS", "https://example.org/"),
        ("BODY_TIMEOUT_S", "0"),
        ("SEND_TIMEOUT_S", "0"),
        ("KEEP_ALIVE_S", "0"),
    ],
)
def test_a_value_out_of_range_is_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"HABITUS_{name}", value)
    with pytest.raises(ValidationError, match=re.escape(name.lower())):
        Settings()


def test_an_empty_list_of_keys_asks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HABITUS_API_KEYS", "")
    assert Settings().api_keys == ()


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("127.0.0.1", ("localhost", "127.0.0.1", "[::1]", "127.0.0.1")),
        ("127.0.1.1", ("localhost", "127.0.0.1", "[::1]", "127.0.1.1")),
        ("0.0.0.0", ("*",)),
    ],
)
def test_a_server_on_loopback_is_reached_by_loopback_names_only(
    host: str, hosts: tuple[str, ...]
) -> None:
    assert Settings(host=host).served_hosts == hosts
    assert Settings(host=host, allowed_hosts=("a.org",)).served_hosts == ("a.org",)


def test_settings_cannot_be_changed_and_do_not_show_keys() -> None:
    settings = Settings(api_keys="secret-key")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]
    assert "secret-key" not in repr(settings)


def test_every_setting_is_documented() -> None:
    assert all(field.description for field in Settings.model_fields.values())
