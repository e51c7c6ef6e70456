"""The manifests are ones that a cluster would take, and speak of the server as it is."""

from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings

VERSION = "1.34"
# KServe's own resource is in no schema package: the part of v1beta1 that the manifest uses.
PORT = {
    "type": "object",
    "required": ["containerPort", "protocol"],
    "properties": {
        # Knative tells the protocol of a port by its name.
        "name": {"enum": ["http1", "h2c"]},
        "containerPort": {"type": "integer", "minimum": 1, "maximum": 65535},
        "protocol": {"const": "TCP"},
    },
    "additionalProperties": False,
}
INFERENCE_SERVICE = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "required": ["predictor"],
            "properties": {
                "predictor": {
                    "type": "object",
                    "required": ["containers"],
                    "properties": {
                        "minReplicas": {"type": "integer", "minimum": 0},
                        "containerConcurrency": {"type": "integer", "minimum": 0},
                        "timeout": {"type": "integer", "minimum": 1},
                        "enableServiceLinks": {"type": "boolean"},
                        "volumes": {"type": "array"},
                        "containers": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "object",
                                "required": ["name", "image", "ports"],
                                "properties": {
                                    "name": {"const": "kserve-container"},
                                    "ports": {"type": "array", "items": PORT, "maxItems": 1},
                                },
                            },
                        },
                    },
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def manifests(repo_root: Path) -> dict[str, dict[str, Any]]:
    folder = repo_root / "deploy" / "kubernetes"
    paths = sorted(folder.glob("*.yaml"))
    documents = [d for path in paths for d in yaml.safe_load_all(path.read_text())]
    return {document["kind"]: document for document in documents}


def pods(manifests: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pod that each of the two makes, and its only container."""
    return {
        "Deployment": manifests["Deployment"]["spec"]["template"]["spec"],
        "InferenceService": manifests["InferenceService"]["spec"]["predictor"],
    }


def settings_of(container: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    with monkeypatch.context() as patch:
        for variable in container["env"]:
            if variable["name"] != "HABITUS_API_KEYS_FILE":  # it is there in the cluster only
                patch.setenv(variable["name"], variable["value"])
        return Settings()


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_the_manifests_fit_kubernetes_own_schema(
    manifests: dict[str, dict[str, Any]], kind: str
) -> None:
    kubernetes_validate.validate(manifests[kind], VERSION, strict=True)


def test_the_schema_check_can_fail(manifests: dict[str, dict[str, Any]]) -> None:
    wrong = {**manifests["Service"], "spec": {"port": 80}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_the_inference_service_is_one_and_its_container_fits_kubernetes_schema(
    manifests: dict[str, dict[str, Any]],
) -> None:
    service = manifests["InferenceService"]
    jsonschema.Draft202012Validator(INFERENCE_SERVICE).validate(service)
    predictor = service["spec"]["predictor"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": service["metadata"],
        "spec": {"containers": predictor["containers"], "volumes": predictor["volumes"]},
    }
    kubernetes_validate.validate(pod, VERSION, strict=True)


def test_the_probes_ask_what_the_server_answers_at_the_port_where_it_listens(
    manifests: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    documented = create_app(Settings(), load=lambda _: Predictors()).openapi()["paths"]
    for pod in pods(manifests).values():
        [container] = pod["containers"]
        [port] = container["ports"]
        assert port["containerPort"] == settings_of(container, monkeypatch).port
        probes = [probe["httpGet"] for name, probe in container.items() if name.endswith("Probe")]
        assert len(probes) >= 2
        for probe in probes:
            assert probe["port"] in (port["name"], port["containerPort"])
            assert probe["path"] in documented
        assert container["readinessProbe"]["httpGet"]["path"].endswith("/ready")
        assert container["livenessProbe"]["httpGet"]["path"].endswith("/live")


def test_requests_in_flight_are_given_their_time(
    manifests: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = pods(manifests)["Deployment"]
    settings = settings_of(pod["containers"][0], monkeypatch)
    assert settings.drain_s > 0
    assert pod["terminationGracePeriodSeconds"] > settings.drain_s + settings.timeout_s + 2
    predictor = pods(manifests)["InferenceService"]
    settings = settings_of(predictor["containers"][0], monkeypatch)
    assert predictor["timeout"] > settings.timeout_s
    assert predictor["containerConcurrency"] == settings.max_queue


def test_the_pods_are_locked_down_and_have_a_gpu(manifests: dict[str, dict[str, Any]]) -> None:
    for pod in pods(manifests).values():
        [container] = pod["containers"]
        security = {**pod.get("securityContext", {}), **container["securityContext"]}
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["runAsGroup"] == 10001
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert mounts == {volume["name"] for volume in pod["volumes"]}
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_kubernetes_sets_no_variables_of_a_service_named_habitus(
    manifests: dict[str, dict[str, Any]],
) -> None:
    assert all(pod["enableServiceLinks"] is False for pod in pods(manifests).values())


def test_the_service_finds_its_pods(manifests: dict[str, dict[str, Any]]) -> None:
    deployment, service = manifests["Deployment"]["spec"], manifests["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"].items() <= labels.items()
    assert service["selector"].items() <= labels.items()
    [port] = deployment["template"]["spec"]["containers"][0]["ports"]
    assert [entry["targetPort"] for entry in service["ports"]] == [port["name"]]
