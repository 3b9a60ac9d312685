"""A service for the browser's tests of the page: the included model, and two toys.

    PYTHONPATH=tests python tests/serving/page_server.py 5071 [SETTING=VALUE]...

The toys make Spanish into "English" in capitals, and English into Hebrew, which is written from
right to left.
"""

from __future__ import annotations

import logging
import sys

from pyattn.serving import app
from pyattn.serving.running import run
from pyattn.serving.settings import read_setting
from support.speaker import speaking

_HEBREW = str.maketrans("abcdefghijklmnopqrstuvwxyz", "אבגדהוזחטיכלמנסעפצקרשתאבגד")


def main(port: str, *assignments: str) -> None:
    named = dict(one.split("=", 1) for one in assignments)
    settings = {name: read_setting(name, text) for name, text in named.items()}
    models = {
        "en-es": None,
        "es-en": speaking(str.upper),
        "en-he": speaking(lambda text: text.lower().translate(_HEBREW)),
    }
    logging.disable(logging.INFO)
    served = app(models, **settings)
    run(
        served,
        host="127.0.0.1",
        port=int(port),
        announce=lambda address: print(address, flush=True),  # noqa: T201
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
