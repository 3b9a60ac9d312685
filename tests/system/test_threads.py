"""Threads, forks, signals and settings; most of it in processes of its own."""

import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from pyattn import Model, ops
from support.inputs import ISAS, checkpoint, floats, sentences, weights
from support.processes import output, start

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc or sets affinity")


def run(code: str, **environment: str) -> str:
    """What the code prints."""
    return output(code, **environment).decode().strip()


@linux_only
def test_import_and_loading_leave_no_thread() -> None:
    # NumPy's own threads are there before.
    out = run(
        """
        import os, time
        import numpy
        def threads(): return len(os.listdir("/proc/self/task"))
        before = threads()
        import pyattn
        imported = threads()
        from support.inputs import checkpoint
        model = pyattn.Model(checkpoint("post"), dtype="float32", threads=3)
        # Those that packed the weights end on their own.
        deadline = time.monotonic() + 20
        while threads() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        loaded = threads()
        model.encode([[1, 2]])
        running = threads()
        model.close()
        print(imported - before, loaded - before, running - before, threads() - running)
        """
    )
    # The model's own thread, its two helpers; closing ends at least the former.
    imported, loaded, running, closed = map(int, out.split())
    assert (imported, loaded, running) == (0, 0, 3)
    assert closed < 0


def results(model: Model, sources: list[list[int]]) -> list[Any]:
    found = [best for [best] in model.generate(sources, beam_size=2)]
    return [(best.tokens, best.token_scores.tobytes()) for best in found]


@pytest.mark.parametrize("threads", [1, 3])
def test_python_threads_share_a_model(threads: int) -> None:
    with Model(checkpoint("post"), dtype="float32", threads=threads) as model:
        batches = [sentences(seed, model.config, 9, 20) for seed in range(4)]
        wanted = [results(model, batch) for batch in batches]
        found: dict[int, list[Any]] = {}

        def work(n: int) -> None:
            found[n] = [results(model, batches[n]) for _ in range(5)]

        workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [found[n] for n in range(4)] == [[one] * 5 for one in wanted]


def test_python_threads_share_the_kernels() -> None:
    x, packed = floats(1, 300, 200), ops.pack(weights(2, 300, 200))
    wanted = ops.linear(x, packed).tobytes()
    found: list[bytes] = []

    def work() -> None:
        found.extend(ops.linear(x, packed).tobytes() for _ in range(20))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 60
    assert set(found) == {wanted}


def test_model_that_is_closed_under_a_call_finishes_it() -> None:
    model = Model(checkpoint("post"), dtype="float32", threads=2)
    sources = sentences(1, model.config, 200, 30)
    wanted = results(model, sources)
    for _ in range(5):
        model = Model(checkpoint("post"), dtype="float32", threads=2)
        running = threading.Event()
        found: list[Any] = []

        def work(model: Model = model, running: Any = running, found: Any = found) -> None:
            running.set()
            try:
                found.append(results(model, sources))
            except ValueError as error:
                found.append(str(error))

        worker = threading.Thread(target=work)
        worker.start()
        running.wait()
        model.close()
        worker.join()
        assert found in ([wanted], ["model: it is closed"])


def test_many_models_come_and_go() -> None:
    wanted = None
    for _ in range(30):
        with Model(checkpoint("odd"), dtype="float32", threads=2) as model:
            [memory] = model.encode([[1, 2, 3]])
            assert wanted in (None, memory.tobytes())
            wanted = memory.tobytes()


@linux_only
@pytest.mark.parametrize("used", [False, True])
def test_forked_child_runs_the_model(used: bool) -> None:
    out = run(
        f"""
        import os
        import numpy as np
        from support.inputs import checkpoint, floats, sentences, weights
        from pyattn import Model, ops

        model = Model(checkpoint("post"), dtype="float32", threads=3)
        x, packed = floats(1, 300, 200), ops.pack(weights(2, 300, 200))
        sources = sentences(1, model.config, 40, 20)

        def work():
            found = [best.tokens for [best] in model.generate(sources)]
            return found, ops.linear(x, packed).tobytes()

        first = work() if {used} else None
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                same = work()
                # A child of the child, too.
                grandchild = os.fork()
                if grandchild == 0:
                    os._exit(0 if work() == same else 2)
                status = os.waitpid(grandchild, 0)[1]
                os._exit(0 if first in (None, same) and status == 0 else 1)
            children.append(child)
            assert first in (None, work())
        print([os.waitpid(child, 0)[1] for child in children])
        model.close()
        """
    )
    assert out == "[0, 0, 0]"


@linux_only
def test_forked_pool_runs_the_model() -> None:
    out = run(
        """
        import multiprocessing
        from support.inputs import checkpoint, sentences
        from pyattn import Model

        model = Model(checkpoint("post"), dtype="float32", threads=2)
        batches = [sentences(seed, model.config, 9, 20) for seed in range(6)]

        def work(batch):
            return [best.tokens for [best] in model.generate(batch)]

        wanted = [work(batch) for batch in batches]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(work, batches) == wanted)
        """
    )
    assert out == "True"


@linux_only
def test_request_of_the_parent_is_refused_in_a_child() -> None:
    out = run(
        """
        import os
        from support.inputs import checkpoint
        from pyattn import Model

        model = Model(checkpoint("post"), dtype="float32", threads=2)
        endless = {"suppress_tokens": (0,), "max_new_tokens": 200}
        request = model.submit([[1, 2, 3]] * 20_000, **endless)
        found = [best.tokens for [best] in model.generate([[4, 5]], **endless)]
        for n in range(5):
            child = os.fork()
            if child == 0:
                # What the parent has under way goes on there, and is in nobody's way here.
                same = [best.tokens for [best] in model.generate([[4, 5]], **endless)] == found
                for ask in (request.results, lambda: request.result(7), lambda: request.is_done(7)):
                    try:
                        ask()
                    except ValueError as error:
                        same &= "submitted before fork()" in str(error)
                    else:
                        same = False
                request.cancel()
                os._exit(0 if same else 1)
            print(os.waitpid(child, 0)[1])
        print(request.done())
        request.cancel()
        """
    )
    assert out.split() == ["0"] * 5 + ["False"]


LONG_RUNS = {
    # Far more work than a signal takes to come.
    "generate": "model.generate([[1, 2, 3]] * 200_000, suppress_tokens=(0,), max_new_tokens=200)",
    "encode": "model.encode([[1] * 200] * 20_000)",
    "linear": "[ops.linear(x, packed) for _ in range(100_000)]",
}


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("call", LONG_RUNS)
def test_interrupt_stops_a_run_and_spares_the_model(call: str) -> None:
    with start(
        f"""
        import threading
        from support.inputs import checkpoint, floats, weights
        from pyattn import Model, ops

        model = Model(checkpoint("post"), dtype="float32", threads=2)
        x, packed = floats(1, 500, 500), ops.pack(weights(2, 500, 500))
        wanted = model.encode([[1, 2, 3]])[0].tobytes()
        try:
            # Says so from the midst of the call, unless it is very late to begin.
            threading.Timer(0.3, print, ["running"], {{"flush": True}}).start()
            {LONG_RUNS[call]}
        except KeyboardInterrupt:
            pass
        else:
            raise SystemExit("was not interrupted")
        assert model.encode([[1, 2, 3]])[0].tobytes() == wanted
        ops.linear(x, packed)
        print("usable")
        """
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        process.send_signal(signal.SIGINT)
        try:
            out, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert out.strip() == b"usable", errors
    assert process.returncode == 0


@linux_only
def test_signal_that_the_program_waits_for_is_left_to_it() -> None:
    # Any thread that does not block it would end the process.
    out = run(
        """
        import os, signal
        from support.inputs import checkpoint, floats, weights
        from pyattn import Model, ops

        model = Model(checkpoint("post"), dtype="float32", threads=2)
        model.encode([[1, 2, 3]])
        ops.linear(floats(1, 300, 200), ops.pack(weights(2, 300, 200)))
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        os.kill(os.getpid(), signal.SIGUSR1)
        print(signal.sigwait([signal.SIGUSR1]) == signal.SIGUSR1)
        """,
        OPENBLAS_NUM_THREADS="1",  # NumPy's threads block nothing
    )
    assert out == "True"


def test_exception_of_progress_stops_a_run_and_spares_the_model() -> None:
    with Model(checkpoint("post"), dtype="float32", threads=2) as model:
        seen = []

        def stop(done: int) -> None:
            seen.append(done)
            raise RuntimeError("enough")

        endless = {"suppress_tokens": (0,), "max_new_tokens": 200}
        with pytest.raises(RuntimeError, match="enough"):
            model.generate([[1, 2, 3]] * 100_000, progress=stop, **endless)
        assert len(seen) == 1
        assert len(model.generate([[1, 2]], max_new_tokens=3)[0][0].token_scores) <= 3


def test_progress_counts_up_to_the_number_of_sources() -> None:
    with Model(checkpoint("pre"), dtype="float32", threads=1) as model:
        seen: list[int] = []
        sources = sentences(1, model.config, 300, 20)
        model.generate(sources, progress=seen.append, beam_size=4)
        assert seen == sorted(seen)
        assert set(seen) <= set(range(301))


@linux_only
def test_default_threads_are_those_of_the_affinity() -> None:
    out = run(
        """
        import os
        import pyattn
        from support.inputs import checkpoint
        allowed = sorted(os.sched_getaffinity(0))
        assert 1 <= pyattn.cpu_info().threads <= len(allowed)
        os.sched_setaffinity(0, allowed[:1])
        with pyattn.Model(checkpoint("odd")) as model:
            print(pyattn.cpu_info().threads, model.threads)
        """
    )
    assert out == "1 1"


def test_number_of_threads_is_set_by_the_environment() -> None:
    code = """
        import pyattn
        from support.inputs import checkpoint
        with pyattn.Model(checkpoint("odd")) as model, \\
                pyattn.Model(checkpoint("odd"), dtype="float32", threads=2) as other:
            print(pyattn.cpu_info().threads, model.threads, other.threads)
        """
    assert run(code, PYATTN_NUM_THREADS="3") == "3 3 2"


def test_number_of_threads_that_is_none_is_named() -> None:
    out = run(
        """
        import os
        import pyattn
        from support.inputs import checkpoint, floats
        for value in ("0", "-1", "two", "1.5", "1025", "9" * 40, " ", "3 "):
            os.environ["PYATTN_NUM_THREADS"] = value
            for call in (pyattn.cpu_info, lambda: pyattn.Model(checkpoint("odd"))):
                try:
                    call()
                except ValueError as error:
                    print(error)
            # What does not need it does not ask for it.
            pyattn.Model(checkpoint("odd"), dtype="float32", threads=1).encode([[1]])
        """
    )
    wanted = "PYATTN_NUM_THREADS: expected a whole number from 1 to 1024"
    assert out.splitlines() == [wanted] * 16


def test_level_is_set_by_the_environment() -> None:
    out = run(
        f"""
        import os
        import numpy as np
        import pyattn
        from support.inputs import checkpoint
        for isa in {ISAS}:
            os.environ["PYATTN_ISA"] = isa
            with pyattn.Model(checkpoint("odd")) as model:
                packed = pyattn.ops.pack(np.ones((1, 1), np.float32))
                print(pyattn.cpu_info().isa, model.config.isa, packed.isa)
        """
    )
    assert out.splitlines() == [f"{isa} {isa} {isa}" for isa in ISAS]


def test_unknown_level_is_named() -> None:
    out = run(
        """
        import numpy as np
        import pyattn
        from support.inputs import checkpoint
        x = np.ones((2, 2), np.float32)
        for call in (
            pyattn.cpu_info,
            lambda: pyattn.Model(checkpoint("odd")),
            lambda: pyattn.ops.pack(x),
            lambda: pyattn.ops.layer_norm(x, x[0], x[0]),
        ):
            try:
                call()
            except ValueError as error:
                print(error)
        pyattn.ops.pack(x, isa="portable")
        """,
        PYATTN_ISA="mmx",
    )
    wanted = f"isa: this machine does not run 'mmx', expected one of {', '.join(ISAS)}"
    assert out.splitlines() == [wanted] * 4


@pytest.mark.parametrize("isa", ISAS)
def test_denormal_numbers_of_the_caller_are_left_alone(isa: str) -> None:
    tiny = np.full(100, 1e-40, np.float32)

    def assert_denormals_live() -> None:
        assert (tiny * np.float32(0.5) > 0).all()
        assert (tiny + tiny > tiny).all()

    assert_denormals_live()
    for rows in (1, 1000):  # on this thread, and on the team's
        x = floats(1, rows, 64)
        ops.linear(x, ops.pack(weights(2, 64, 64), isa=isa))
        ops.layer_norm(x, x[0], x[0], isa=isa)
        ops.attention(x[None, None], x[None, None], x[None, None], isa=isa)
        assert_denormals_live()
        with pytest.raises(ValueError, match="linear: x has shape"):
            ops.linear(x[:, :3], ops.pack(weights(2, 64, 64), isa=isa))
        assert_denormals_live()
    with Model(checkpoint("odd"), dtype="float32", threads=2, isa=isa) as model:
        model.generate([[1, 2, 3]])
        assert_denormals_live()
    assert_denormals_live()


def test_kernels_give_the_same_bits_on_any_number_of_threads() -> None:
    code = f"""
        import hashlib
        from support.inputs import floats, weights
        from pyattn import ops
        for isa in {ISAS}:
            digest = hashlib.sha256()
            x = floats(1, 333, 130)
            for rows in (5, 333):
                packed = ops.pack(weights(2, 517, 130), isa=isa)
                digest.update(ops.linear(x[:rows], packed, activation="gelu").tobytes())
            wide = floats(3, 700, 500)
            digest.update(ops.layer_norm(wide, wide[0], wide[1], isa=isa).tobytes())
            q = floats(4, 3, 4, 75, 20)
            digest.update(ops.attention(q, q, q, causal=True, isa=isa).tobytes())
            print(digest.hexdigest())
        """
    outputs = {run(code, PYATTN_NUM_THREADS=threads) for threads in "123"}
    assert len(outputs) == 1
