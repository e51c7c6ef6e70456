"""Habitus on Ray Serve: the same app in each replica, with its own batching.

On a machine of its own, or a head node of a cluster (`pip install -e '.[ray]'`):

    RAY_SERVE_ENABLE_HA_PROXY=1 serve run deploy.ray_app:application max_replicas=4 num_gpus=1

HAProxy takes the place of Ray's own proxy, which is written in Python and costs several times the
latency. HABITUS_* variables that are set where this runs hold in every replica. HABITUS_HOST and
HABITUS_PORT do not count: Ray listens. Checkpoints are read in the replica, by the path that
HABITUS_CHECKPOINTS has there.
"""

import os

import torch
from fastapi import FastAPI
from pydantic import BaseModel, Field
from ray import serve
from ray.serve.config import AutoscalingConfig

from app.__main__ import DRAIN_MARGIN_S
from app.main import create_app
from app.settings import PREFIX, Settings

NOT_OURS = {f"{PREFIX}HOST", f"{PREFIX}PORT"}


class Scale(BaseModel, extra="forbid"):
    """How much of the cluster to use: the arguments of `serve run`."""

    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=1, ge=1)
    num_gpus: float = Field(default=0, ge=0, description="Of each replica.")
    num_cpus: float = Field(default=1, gt=0, description="Of each replica; its threads too.")


@serve.ingress()
class Replica:
    """One process with one engine."""

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Made where it runs: nothing of it travels."""
        # Ray listens, on every address; HABITUS_ALLOWED_HOSTS may still name its names.
        settings = Settings(host="0.0.0.0")
        torch.set_num_threads(settings.cpu_threads)
        self._served = create_app(settings)
        return self._served

    def check_health(self) -> None:
        """Ray starts another replica in the place of one whose device is lost or hangs.

        Raises:
            RuntimeError: Only a new process helps.
        """
        engine = self._served.state.service.engine
        if not engine.alive:
            raise RuntimeError(engine.failure)


def application(scale: Scale) -> serve.Application:
    """What `serve run` and `serve build` take."""
    settings = Settings()
    # Our own door refuses what is too much, at once and with Retry-After. Ray must let enough
    # through for that: by default it holds back all but five requests, and no batch grows.
    at_the_door = 2 * settings.max_queue + settings.max_batch
    deployment = serve.deployment(
        name="habitus",
        max_ongoing_requests=at_the_door,
        max_queued_requests=at_the_door,
        autoscaling_config=AutoscalingConfig(
            min_replicas=scale.min_replicas,
            max_replicas=max(scale.min_replicas, scale.max_replicas),
            # One batch runs and the next fills: more is waiting that another replica would end.
            target_ongoing_requests=2 * settings.max_batch,
        ),
        # Requests that were accepted are answered before a replica goes.
        graceful_shutdown_timeout_s=settings.timeout_s + DRAIN_MARGIN_S,
        health_check_period_s=2,
        ray_actor_options={
            "num_cpus": scale.num_cpus,
            "num_gpus": scale.num_gpus,
            "runtime_env": {"env_vars": _variables()},
        },
    )(Replica)
    return deployment.bind()


def _variables() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name not in NOT_OURS
    }
