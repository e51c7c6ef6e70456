"""Ray Serve with two replicas on this machine: python tests/deploy/ray_host.py PORT.

A file of its own because Ray wants a process of its own, which ends with everything it started.
"""

import sys

import ray
from ray import serve

from deploy.ray_app import Scale, application

if __name__ == "__main__":
    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(application(Scale(min_replicas=2, max_replicas=2)), blocking=True)
