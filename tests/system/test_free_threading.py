"""What threads share needs no lock of Python's: some Pythons have none."""

from __future__ import annotations

import threading

from pyattn import Model
from support.inputs import ISAS, checkpoint, sentences

SOURCES = sentences(1, checkpoint("post").config, 4, 8)


def use(model: Model, started: threading.Barrier, seen: list[object]) -> None:
    """Searches until the model is closed; the last in `seen` is the error."""
    started.wait()
    try:
        while True:
            seen.append([best[0].tokens for best in model.generate(SOURCES, max_new_tokens=3)])
    except ValueError as error:
        seen.append(str(error))


def test_model_is_closed_while_other_threads_use_it() -> None:
    model = Model(checkpoint("post"), dtype="float32", threads=1, isa=ISAS[0])
    wanted = [best[0].tokens for best in model.generate(SOURCES, max_new_tokens=3)]
    started = threading.Barrier(4)
    seen: list[list[object]] = [[], [], []]
    threads = [threading.Thread(target=use, args=(model, started, own)) for own in seen]
    for thread in threads:
        thread.start()
    started.wait()
    model.close()
    for thread in threads:
        thread.join()
    for *found, end in seen:
        assert "closed" in str(end)
        assert all(tokens == wanted for tokens in found)
