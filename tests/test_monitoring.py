"""Prometheus and Grafana ask for metrics that the server has, where it has them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings
from app.telemetry.device_memory import DeviceMemory
from app.telemetry.metrics import Metrics

# PromQL, as far as the dashboard uses it: names with an optional selector, and `by (...)`.
METRIC = re.compile(r"\b((?:habitus|process)_\w+)(?:\{([^}]*)\})?")
LABELS_BY = re.compile(r"by \(([^)]*)\)")
ADDED_BY_PROMETHEUS = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """The labels of every metric, under the names that Prometheus stores."""
    metrics = Metrics()
    known: dict[str, set[str]] = {family.name: set() for family in metrics.registry.collect()}
    known |= {s.name: set() for family in metrics.registry.collect() for s in family.samples}
    for collector in list(metrics.registry._collector_to_names):
        names = set(getattr(collector, "_labelnames", ()))
        for name in metrics.registry._collector_to_names[collector]:
            known[name] = names
    for family in DeviceMemory(["cuda:0"], lambda _: {"free": 1}).collect():
        known[family.name] = {"device", "kind"}
    return known


@pytest.fixture(scope="module")
def dashboard(repo_root: Path) -> dict[str, Any]:
    text = (repo_root / "deploy" / "monitoring" / "grafana" / "habitus.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture(scope="module")
def compose(repo_root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((repo_root / "docker-compose.yml").read_text())
    return loaded


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_every_metric_and_label_of_the_dashboard_exists(
    dashboard: dict[str, Any], labels: dict[str, set[str]]
) -> None:
    asked = set()
    for expression in expressions(dashboard):
        found = METRIC.findall(expression)
        assert found, expression
        has: set[str] = set(ADDED_BY_PROMETHEUS)
        for name, selector in found:
            assert name in labels, name
            asked.add(name)
            has |= labels[name]
            assert set(re.findall(r"(\w+)\s*=~?", selector)) <= has, expression
        for grouping in LABELS_BY.findall(expression):
            assert {part.strip() for part in grouping.split(",")} <= has, expression
        assert expression.count("(") == expression.count(")")
    own = {name for name in labels if name.startswith("habitus_")}
    families = {re.sub(r"_(total|bucket|sum|count|created)$", "", name) for name in own}
    shown = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in asked}
    assert families <= shown, "a metric that nobody sees"


def test_the_legends_name_labels_that_are_left(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            groupings = LABELS_BY.findall(target["expr"])
            if groupings:
                kept = {part.strip() for grouping in groupings for part in grouping.split(",")}
                assert legend <= kept, target


def test_the_panels_lie_beside_each_other(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers)


def test_prometheus_asks_the_service_for_its_metrics_with_a_key(
    repo_root: Path, compose: dict[str, Any]
) -> None:
    text = (repo_root / "deploy" / "monitoring" / "prometheus.yml").read_text()
    [job] = yaml.safe_load(text)["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    for service in ("habitus", "habitus-cpu"):
        aliases = compose["services"][service]["networks"]["default"]["aliases"]
        assert name in aliases
        assert compose["services"][service]["ports"][0].endswith(f":{port}")
    documented = create_app(Settings(), load=lambda _: Predictors()).openapi()["paths"]
    assert job["metrics_path"] in documented
    assert job["authorization"]["type"] == "Bearer"
    secret = Path(job["authorization"]["credentials_file"])
    assert secret.parent == Path("/run/secrets")
    assert secret.name in compose["secrets"]
    assert compose["services"]["prometheus"]["secrets"] == [secret.name]
    default = re.sub(r"\$\{\w+:-(.*)\}", r"\1", compose["secrets"][secret.name]["file"])
    assert (repo_root / default).is_file()


def test_everything_that_is_mounted_exists(repo_root: Path, compose: dict[str, Any]) -> None:
    num_files = 0
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source, _, rest = volume.partition(":")
            if source.startswith("."):
                assert (repo_root / source).exists(), source
                assert rest.endswith(":ro"), volume
                num_files += 1
            else:
                assert source in compose["volumes"], source
    assert num_files >= 5


def test_grafana_finds_its_data_and_its_dashboards(
    repo_root: Path, compose: dict[str, Any], dashboard: dict[str, Any]
) -> None:
    folder = repo_root / "deploy" / "monitoring" / "grafana"
    [source] = yaml.safe_load((folder / "datasources.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    [provider] = yaml.safe_load((folder / "dashboards.yml").read_text())["providers"]
    grafana = compose["services"]["grafana"]
    mounted = [volume.split(":")[1] for volume in grafana["volumes"]]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in mounted
    assert Path(home).parent == Path(provider["options"]["path"])


def test_monitoring_is_asked_for_and_never_comes_by_itself(compose: dict[str, Any]) -> None:
    for name in ("prometheus", "grafana"):
        assert compose["services"][name]["profiles"] == ["monitoring"]
