"""What threads share needs no lock of Python's."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import threading

import pytest

from pyattn import Model
from support.inputs import ISAS, checkpoint, sentences


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="Python has a GIL")
def test_import_leaves_the_gil_off() -> None:
    program = "import sys, pyattn._core; print(sys._is_gil_enabled())"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (run.stdout, run.stderr) == ("False\n", "")


def test_model_is_closed_while_other_threads_use_it() -> None:
    sources = sentences(1, checkpoint("post").config, 4, 8)
    for _ in range(10):
        model = Model(checkpoint("post"), dtype="float32", threads=1, isa=ISAS[0])
        wanted = [best[0].tokens for best in model.generate(sources, max_new_tokens=3)]
        others: list[object] = []
        started = threading.Barrier(4)

        def work(model: Model = model, others: list[object] = others) -> None:
            started.wait()
            try:
                while True:
                    found = model.generate(sources, max_new_tokens=3)
                    others.append([best[0].tokens for best in found])
            except ValueError as error:
                others.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        model.close()
        for thread in threads:
            thread.join()
        ends = [other for other in others if isinstance(other, str)]
        assert len(ends) == 3 and all("closed" in end for end in ends)
        assert all(other == wanted for other in others if not isinstance(other, str))
