"""The service under Ray Serve: `serve run ray_serve:service` in this folder.

Ray starts and balances the replicas. There is no `@serve.batch`: the requests of a replica are
decoded together already.
"""

from ray import serve

import pyattn
import pyattn.serving


def make_app() -> object:
    """The application of a replica, made where it runs: a model does not travel."""
    return pyattn.serving.app({"en-es": pyattn.load(threads=2)})


@serve.deployment(
    num_replicas=1,
    max_ongoing_requests=256,
    ray_actor_options={"num_cpus": 2},
)
@serve.ingress(make_app)
class Service:
    """All routes are those of the application."""


service = Service.bind()
