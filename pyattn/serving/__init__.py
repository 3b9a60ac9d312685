"""Translation as a service: several interfaces on one port, all texts decoded as one batch.

    app = pyattn.serving.app({"en-es": pyattn.load()})

`app` is an ASGI application for any server; `pyattn serve` runs it. Needs the extra `serve`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

try:
    import prometheus_client  # noqa: F401
    import starlette  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"pyattn.serving: needs the package {error.name}: pip install pyattn[serve]"
    ) from None

from pyattn.serving.settings import ServiceSettings

if TYPE_CHECKING:
    from pyattn.pivot import Pivot
    from pyattn.serving.catalog import Source
    from pyattn.serving.service import Application
    from pyattn.translator import Translator

__all__ = ["ServiceSettings", "app"]


def app(models: Mapping[str, Source] | None = None, **settings: Any) -> Application:
    """The service as an ASGI application.

    Args:
        models: Models by name: each a translator, or a path or a name for `pyattn.load`; None for
            the included model. A name such as "en-es" says which languages the model is for, and
            the model is loaded with the first text that needs it. A model with another name is
            loaded at once, and used for all languages that it has.
        **settings: Fields of `ServiceSettings`; those that are not given are taken from the
            environment.

    Raises:
        ModelError: if a model cannot be loaded, or its languages are not known.
        TypeError: if there is no such setting, or it has a wrong type.
        ValueError: if a setting has a wrong value.
    """
    from pyattn.hub.resolving import check_model
    from pyattn.serving import deepl, google, immersive, libretranslate, operations, own, static
    from pyattn.serving.service import Service, application

    chosen = ServiceSettings.chosen(settings)

    def load(source: Any) -> Translator | Pivot:
        from pyattn.loading import load_translator

        return load_translator(source, dtype=chosen.dtype, threads=chosen.threads)

    named = {"en-es": None} if models is None else dict(models)
    for source in named.values():
        if isinstance(source, str | os.PathLike):
            check_model(source)  # a wrong path fails now, and not with the first text
    service = Service(named, chosen, load)
    interfaces = (libretranslate, own, deepl, google, immersive)
    endpoints = [endpoint for one in interfaces for endpoint in one.ENDPOINTS]
    pages = static.routes() if chosen.page else []
    return application(service, [*endpoints, *operations.endpoints(endpoints)], pages)
