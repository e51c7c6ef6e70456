import ast
import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from app.settings import Settings

START = ["python", "-m", "app"]
SHIPPED = {"app", "model", "checkpoints"}

# The part of the Compose Specification that docker-compose.yml uses; nothing else may appear.
STRINGS = {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}
DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
DEVICE = {
    "type": "object",
    "required": ["capabilities"],
    "properties": {
        "driver": {"type": "string"},
        "count": {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]},
        "device_ids": STRINGS,
        "capabilities": STRINGS,
    },
    "not": {"required": ["count", "device_ids"]},
    "additionalProperties": False,
}
SERVICE = {
    "type": "object",
    "required": ["image", "healthcheck"],
    "properties": {
        "build": {
            "type": "object",
            "required": ["context"],
            "properties": {"context": {"const": "."}, "args": {"type": "object"}},
            "additionalProperties": False,
        },
        "image": {"type": "string"},
        "command": STRINGS,
        "init": {"type": "boolean"},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "ports": STRINGS,
        "volumes": STRINGS,
        "secrets": STRINGS,
        "networks": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"aliases": STRINGS},
                "additionalProperties": False,
            },
        },
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "read_only": {"type": "boolean"},
        "tmpfs": STRINGS,
        "cap_drop": STRINGS,
        "security_opt": STRINGS,
        "stop_grace_period": DURATION,
        "profiles": STRINGS,
        "healthcheck": {
            "type": "object",
            "required": ["test"],
            "properties": {
                "test": STRINGS,
                "interval": DURATION,
                "timeout": DURATION,
                "retries": {"type": "integer"},
                "start_period": DURATION,
            },
            "additionalProperties": False,
        },
        "deploy": {
            "type": "object",
            "properties": {
                "resources": {
                    "type": "object",
                    "properties": {
                        "reservations": {
                            "type": "object",
                            "properties": {"devices": {"type": "array", "items": DEVICE}},
                            "additionalProperties": False,
                        }
                    },
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
COMPOSE = {
    "type": "object",
    "required": ["services"],
    "properties": {
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"const": {}}},
        "secrets": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string"}},
                "additionalProperties": False,
            },
        },
    },
    "patternProperties": {"^x-": {}},
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def instructions(repo_root: Path) -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    text = (repo_root / "Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(name, rest) for name, rest in lines]


@pytest.fixture(scope="module")
def compose(repo_root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((repo_root / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    """Those that run Habitus."""
    return {name: s for name, s in compose["services"].items() if name.startswith("habitus")}


def final_stage(instructions: list[tuple[str, str]]) -> list[tuple[str, str]]:
    last = max(index for index, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[last:]


def copied(instructions: list[tuple[str, str]]) -> list[tuple[list[str], str, bool]]:
    """Sources, destination, and whether they come from another stage."""
    copies = []
    for name, rest in instructions:
        if name == "COPY":
            words = shlex.split(rest)
            flags = [word for word in words if word.startswith("--")]
            *sources, destination = (word for word in words if not word.startswith("--"))
            copies.append((sources, destination, any(f.startswith("--from=") for f in flags)))
    return copies


def test_everything_that_is_copied_exists_and_is_not_ignored(
    repo_root: Path, instructions: list[tuple[str, str]]
) -> None:
    ignored = (repo_root / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    sources = {
        source for names, _, staged in copied(instructions) if not staged for source in names
    }
    assert sources == kept
    for source in sources:
        assert (repo_root / source).exists(), source


def test_the_image_ships_the_service_only(instructions: list[tuple[str, str]]) -> None:
    own = [names for names, _, staged in copied(final_stage(instructions)) if not staged]
    assert {name for names in own for name in names} == SHIPPED


def test_every_stage_is_named_where_it_is_used(instructions: list[tuple[str, str]]) -> None:
    stages = [rest.split(" AS ")[1] for name, rest in instructions if " AS " in rest]
    used = [found for _, rest in instructions for found in re.findall(r"--from=(\S+)", rest)]
    assert used
    assert set(used) <= set(stages)


def test_the_image_runs_as_nobody_in_particular(instructions: list[tuple[str, str]]) -> None:
    users = [rest for name, rest in final_stage(instructions) if name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")


def test_image_and_compose_start_what_the_tests_start(
    repo_root: Path, instructions: list[tuple[str, str]], services: dict[str, Any]
) -> None:
    [command] = [rest for name, rest in final_stage(instructions) if name == "CMD"]
    assert ast.literal_eval(command) == START
    assert all(service["command"] == START for service in services.values())
    tests = (repo_root / "tests" / "app" / "test_command.py").read_text()
    assert 'COMMAND = [sys.executable, "-m", "app"]' in tests


def test_the_health_checks_are_python_that_compiles_and_ask_the_readiness(
    instructions: list[tuple[str, str]], services: dict[str, Any]
) -> None:
    [check] = [rest for name, rest in final_stage(instructions) if name == "HEALTHCHECK"]
    tests = [["CMD", *ast.literal_eval(check[check.index("[") :])]]
    tests += [service["healthcheck"]["test"] for service in services.values()]
    for kind, program, option, code in tests:
        assert (kind, program, option) == ("CMD", "python", "-c")
        assert "/health/ready" in code
        compile(code, "healthcheck", "exec")
    assert len({tuple(test) for test in tests}) == 1


def test_the_environment_holds_settings_that_exist(
    instructions: list[tuple[str, str]],
    services: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs = [
        word.partition("=")
        for name, rest in final_stage(instructions)
        if name == "ENV"
        for word in shlex.split(rest)
    ]
    image = {name: value for name, _, value in pairs if name.startswith("HABITUS_")}
    for service in services.values():
        with monkeypatch.context() as patch:
            for name, value in {**image, **service["environment"]}.items():
                patch.setenv(name, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))
            settings = Settings()
        assert settings.host == "0.0.0.0"
        assert service["ports"] == [f"127.0.0.1:8000:{settings.port}"]
        grace_s = int(service["stop_grace_period"].removesuffix("s"))
        assert grace_s > settings.timeout_s


def test_the_compose_file_has_the_structure_that_compose_reads(compose: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(COMPOSE).validate(compose)


def test_the_services_are_locked_down(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        if name.startswith("habitus"):
            assert service["tmpfs"] == ["/tmp"]
            assert service["volumes"] == ["./checkpoints:/habitus/checkpoints:ro"]


def test_one_service_reserves_a_gpu_and_the_other_is_a_profile(compose: dict[str, Any]) -> None:
    gpu, cpu = compose["services"]["habitus"], compose["services"]["habitus-cpu"]
    [device] = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert "profiles" not in gpu
    assert cpu["profiles"] == ["cpu"]
    assert "deploy" not in cpu
    assert cpu["image"] != gpu["image"]


def test_no_package_index_is_named(repo_root: Path) -> None:
    for name in ("Dockerfile", "docker-compose.yml", ".dockerignore"):
        hosts = re.findall(r"https?://([\w.-]+)", (repo_root / name).read_text())
        assert set(hosts) <= {"127.0.0.1", "..."}
