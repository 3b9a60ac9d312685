"""A process ends as its program says, whatever its threads are doing inside the library."""

import subprocess
import sys
import textwrap

import pytest

from support.lanes import but_slow

STATUS = 3

PROGRAM = """
import threading, time
import numpy as np
import pyattn

translator = pyattn.load(threads=1)
model = translator.model
ids = translator.tokenizer.encode(["I am hungry, and you are not."])
# Laid out so that its last axis has to be copied, which NumPy does without the GIL.
turned = np.ones((64, 4096), np.float32).T
x = np.ones((1, 8, 64, 64), np.float32)
weight = np.ones((512, 512), np.float32)
started = threading.Event()

def work():
    while True:
        started.set()
        {work}

for _ in range({threads}):
    threading.Thread(target=work, daemon=True).start()
started.wait()
time.sleep(0.05)
raise SystemExit({status})
"""

WORK = {
    "many sentences": 'translator.translate(["I am hungry."] * 5000)',
    "one sentence after the other": 'translator.translate("I am hungry.")',
    "a stream": 'for _ in translator.stream(["I am hungry."] * 500): pass',
    "tokens": "for _ in model.generate_stream(ids[0]): pass",
    "progress": "model.generate(ids * 100, progress=lambda done: sum(range(1000)))",
    "encoding": "model.encode(ids * 50)",
    "scoring": "model.score(ids * 50, ids * 50)",
    "loading": "pyattn.load(threads=1)",
    "attention": "pyattn.ops.attention(x, x, x)",
    "copies": "pyattn.ops.layer_norm(turned, turned[0].copy(), turned[0].copy())",
    "packing": "pyattn.ops.pack(weight)",
    "awaiting": "__import__('asyncio').run(wait())",
}


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )


# From texts to kernels, and what holds the GIL in between; the others are for the whole suite.
FAST = ("many sentences", "a stream", "loading", "attention")


@pytest.mark.parametrize("work", but_slow(WORK, *(WORK.keys() - {*FAST})))
def test_daemon_threads_do_not_change_the_status(work: str) -> None:
    program = textwrap.dedent(PROGRAM).format(work=WORK[work], status=STATUS, threads=3)
    if work == "awaiting":
        program = f"async def wait():\n    await model.submit(ids * 20)\n{program}"
    for _ in range(3):
        done = run(program)
        assert (done.returncode, done.stderr) == (STATUS, "")


def test_exit_hook_may_translate_and_wait_for_a_thread_that_does() -> None:
    # Hooks run in reverse: this one, registered before the import, is the last of all.
    done = run("""
import atexit, threading
def last():
    thread.join(30)
    print(thread.is_alive(), translator.translate("I am hungry."))
atexit.register(last)
import pyattn
translator = pyattn.load(threads=1)
thread = threading.Thread(
    target=lambda: translator.translate(["I am hungry."] * 200), daemon=True
)
thread.start()
""")
    assert (done.stdout, done.stderr, done.returncode) == ("False Tengo hambre.\n", "", 0)
