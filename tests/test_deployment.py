import ast
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from safetensors import safe_open

from app.settings import Settings

START = ["python", "-m", "app"]
SHIPPED = {"app", "model", "checkpoints", "LICENSE"}
UID = "10001"

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
        "user": {"type": "string", "pattern": r"^\d+:\d+$"},
        "entrypoint": STRINGS,
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
        "mem_limit": {"type": "string", "pattern": r"^\d+[mg]$"},
        "pids_limit": {"type": "integer", "minimum": 1},
        "logging": {
            "type": "object",
            "required": ["driver", "options"],
            "properties": {
                "driver": {"enum": ["local", "json-file"]},
                "options": {
                    "type": "object",
                    "required": ["max-size", "max-file"],
                    "additionalProperties": {"type": "string"},
                },
            },
            "additionalProperties": False,
        },
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


def interpolated(value: str, environment: Mapping[str, str]) -> str:
    """`${NAME:-default}` and `${NAME:+replacement}`, as compose reads them."""

    def replaced(found: re.Match[str]) -> str:
        name, operator, word = found.groups()
        is_set = bool(environment.get(name))
        if operator == "+":
            return word if is_set else ""
        return environment[name] if is_set else word

    return re.sub(r"\$\{(\w+):([-+])([^}]*)\}", replaced, value)


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


def test_the_image_ships_only_what_may_be_used_commercially(repo_root: Path) -> None:
    licences = {}
    for path in (repo_root / "checkpoints").glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            licences[path.name] = file.metadata()["licence"]
    assert len(licences) == 3
    for name, licence in licences.items():
        assert set(licence.split(" AND ")) <= {"Apache-2.0", "CC0-1.0"}, name


def test_every_stage_is_named_where_it_is_used(instructions: list[tuple[str, str]]) -> None:
    stages = [rest.split(" AS ")[1] for name, rest in instructions if " AS " in rest]
    used = [found for _, rest in instructions for found in re.findall(r"--from=(\S+)", rest)]
    assert used
    assert set(used) <= set(stages)


def test_the_image_runs_as_the_user_and_the_group_of_the_manifests(
    repo_root: Path, instructions: list[tuple[str, str]]
) -> None:
    users = [rest for name, rest in final_stage(instructions) if name == "USER"]
    assert users[-1] == f"{UID}:{UID}"
    made = " ".join(rest for name, rest in final_stage(instructions) if name == "RUN")
    assert f"--gid {UID} habitus" in made
    assert f"--uid {UID} --gid {UID}" in made
    for manifest in (repo_root / "deploy" / "kubernetes").iterdir():
        text = manifest.read_text()
        assert re.findall(r"runAsUser: (\d+)", text) == [UID]
        assert re.findall(r"runAsGroup: (\d+)", text) == [UID]


def test_only_a_change_of_the_dependencies_installs_them_again(
    instructions: list[tuple[str, str]],
) -> None:
    [index] = [i for i, (name, rest) in enumerate(instructions) if "--requirement" in rest]
    sources = {source for names, _, _ in copied(instructions[:index]) for source in names}
    assert sources == {"pyproject.toml", "constraints.txt"}


@pytest.fixture
def install_torch(
    repo_root: Path, instructions: list[tuple[str, str]], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the image's own instruction where the index holds the given versions, without a net.

    The project then depends on PyTorch only, and the wheels are empty.
    """
    [command] = [rest for name, rest in instructions if "--requirement" in rest]
    pins = dict(re.findall(r"^(torch(?:vision)?)==(\S+)$", constraints(repo_root), re.MULTILINE))

    def install(build: str, **versions: str) -> subprocess.CompletedProcess[str]:
        index, work = tmp_path / "simple", tmp_path / "work"
        work.mkdir()
        (work / "constraints.txt").write_text(constraints(repo_root))
        (work / "pyproject.toml").write_text(
            '[project]\nname = "habitus"\nversion = "0"\ndependencies = ["torch", "torchvision"]\n'
        )
        for name, pinned in pins.items():
            write_wheel(index / name, name, f"{versions.get(name, pinned)}+{build}")
        venv = tmp_path / "venv"
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "VIRTUAL_ENV": str(venv),
            "UV_CACHE_DIR": str(tmp_path / "cache"),
            "UV_OFFLINE": "1",
            "TORCH_BACKEND": "",
            "TORCH_INDEX_URL": index.as_uri(),
        }
        subprocess.run(["uv", "venv", "-q", venv], env=environment, check=True)
        return subprocess.run(
            ["sh", "-c", f"{command} && uv pip list"],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
        )

    return install


def constraints(repo_root: Path) -> str:
    return (repo_root / "constraints.txt").read_text()


def write_wheel(folder: Path, name: str, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wheel, information = f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / wheel, "w") as file:
        file.writestr(
            f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        file.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\nRoot-Is-Purelib: true\n"
        )
        file.writestr(f"{information}/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{wheel.replace("+", "%2B")}">{wheel}</a>')


def test_pytorch_comes_from_the_index_that_is_named(
    install_torch: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = install_torch("cpu")
    assert done.returncode == 0, done.stderr
    versions = dict(line.split()[:2] for line in done.stdout.splitlines() if "torch" in line)
    assert versions.keys() == {"torch", "torchvision"}
    assert all(version.endswith("+cpu") for version in versions.values())


def test_an_index_without_the_pinned_version_of_pytorch_fails_the_build(
    install_torch: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = install_torch("cpu", torch="2.0.0")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "torch==" in done.stderr


def test_what_the_service_does_not_need_is_not_installed(
    instructions: list[tuple[str, str]],
) -> None:
    [command] = [rest for name, rest in instructions if "--requirement" in rest]
    [excluded] = re.findall(r"echo (\w+) > (\S+)", command)
    assert excluded[0] == "triton"
    assert f"--excludes {excluded[1]}" in command


def test_memory_is_kept_small_in_the_image_and_by_make_serve(
    repo_root: Path, instructions: list[tuple[str, str]]
) -> None:
    environment = [rest for name, rest in final_stage(instructions) if name == "ENV"]
    assert any("MALLOC_ARENA_MAX=1" in shlex.split(rest) for rest in environment)
    serve = re.search(r"^serve:.*\n\t(.*)", (repo_root / "Makefile").read_text(), re.MULTILINE)
    assert serve
    assert "MALLOC_ARENA_MAX=1" in serve[1].split()


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
                patch.setenv(name, interpolated(value, {}))
            settings = Settings()
        assert not settings.key_ring()
        assert settings.host == "0.0.0.0"
        assert service["ports"] == [f"127.0.0.1:8000:{settings.port}"]
        grace_s = int(service["stop_grace_period"].removesuffix("s"))
        assert grace_s > settings.timeout_s


def test_the_compose_file_has_the_structure_that_compose_reads(compose: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(COMPOSE).validate(compose)


def test_the_services_are_locked_down_and_bounded(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert all("size=" in mount for mount in service.get("tmpfs", ()))
        assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
    for service in (*services.values(), compose["services"]["proxy"]):
        assert service["mem_limit"]
        assert service["pids_limit"]
    for service in services.values():
        assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
        assert service["volumes"] == ["./checkpoints:/habitus/checkpoints:ro"]
        # More than 1.6 GB, the most that was measured on a processor.
        assert int(service["mem_limit"].removesuffix("g")) >= 4


def test_api_keys_come_from_a_secret_file(
    compose: dict[str, Any], services: dict[str, Any], tmp_path: Path
) -> None:
    given = {"API_KEYS_FILE": str(tmp_path / "keys")}
    file = interpolated(compose["secrets"]["api_keys"]["file"], given)
    assert file == given["API_KEYS_FILE"]
    for service in services.values():
        assert service["secrets"] == ["api_keys"]
        variable = service["environment"]["HABITUS_API_KEYS_FILE"]
        assert interpolated(variable, given) == "/run/secrets/api_keys"
        assert interpolated(variable, {}) == ""


def test_one_service_reserves_a_gpu_and_the_other_is_a_profile(compose: dict[str, Any]) -> None:
    gpu, cpu = compose["services"]["habitus"], compose["services"]["habitus-cpu"]
    [device] = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert "profiles" not in gpu
    assert cpu["profiles"] == ["cpu"]
    assert "deploy" not in cpu
    assert cpu["image"] != gpu["image"]


def test_the_service_without_a_gpu_is_built_without_cuda(
    services: dict[str, Any], instructions: list[tuple[str, str]]
) -> None:
    arguments = {
        name: {key: interpolated(value, {}) for key, value in service["build"]["args"].items()}
        for name, service in services.items()
    }
    assert arguments["habitus-cpu"] == {"TORCH_BACKEND": "cpu", "TORCH_INDEX_URL": ""}
    assert arguments["habitus"] == {"TORCH_BACKEND": "", "TORCH_INDEX_URL": ""}
    declared = {rest.partition("=")[0] for name, rest in instructions if name == "ARG"}
    assert arguments["habitus"].keys() <= declared


def test_the_trial_of_the_image_says_what_it_would_try_where_there_is_no_engine(
    repo_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    done = subprocess.run(
        [repo_root / "deploy" / "try_image.sh"],
        env={"PATH": f"{tmp_path}:{os.defpath}"},
        capture_output=True,
        text=True,
        check=True,
    )
    first, *checks = done.stdout.splitlines()
    assert "nothing was tried" in first
    assert len(checks) > 10
    assert all(check.startswith("  - ") for check in checks)


def test_the_trial_of_the_image_confines_it_as_compose_does(
    repo_root: Path, services: dict[str, Any]
) -> None:
    script = (repo_root / "deploy" / "try_image.sh").read_text()
    service = services["habitus-cpu"]
    for option in (
        "--read-only",
        f"--tmpfs {service['tmpfs'][0]}",
        f"--cap-drop {service['cap_drop'][0]}",
        f"--security-opt {service['security_opt'][0]}",
        f"--memory {service['mem_limit']}",
        f"--pids-limit {service['pids_limit']}",
        f"HABITUS_API_KEYS_FILE=/run/secrets/{service['secrets'][0]}",
    ):
        assert option in script


def test_no_package_index_is_named(repo_root: Path) -> None:
    for name in ("Dockerfile", "docker-compose.yml", ".dockerignore", "deploy/try_image.sh"):
        hosts = re.findall(r"https?://([\w.-]+)", (repo_root / name).read_text())
        assert set(hosts) <= {"127.0.0.1"}
