"""The same sentences through Ray Data, Dask and datasets, against one process.

    pip install "ray[data]" "dask[dataframe]" datasets
    python bench/clusters.py --write bench/results/clusters

translates --sentences different sentences with `pyattn.bulk.Translate` in this process, then in two
actors of Ray Data, one of which is killed when about a third of the rows are there, then under Dask
in two threads and with `datasets.map`. For each, "rows" are the ids that came back, "once" those
that came back exactly once, and "equal" those whose translation has the bytes of the first run.
Ray gets two CPUs and an object store of 200 MB.
"""

from __future__ import annotations

import argparse
import collections
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
from report import origin, table, write

from pyattn.bulk import Translate

_NOUNS = (
    "dog",
    "teacher",
    "train",
    "river",
    "letter",
    "garden",
    "doctor",
    "window",
    "road",
    "boat",
)
_PLACES = ("station", "school", "market", "harbour", "museum", "hospital", "village", "library")
_VERBS = ("is behind", "was near", "will reach", "comes from", "stays in front of")
_BATCH = 250

Rows = Iterable[tuple[int, str]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Translate, compare and print."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    frame = frame_of(options.sentences)
    translate = Translate(threads=1, beam_size=1)
    begin = time.monotonic()
    found = translate(frame)
    truth = dict(zip(found["id"], found["translation"], strict=True))
    rows = [{"engine": "one process", **compared(truth.items(), truth), **_clock(begin)}]
    for name, run in (_ENGINES[engine] for engine in options.engines):
        begin = time.monotonic()
        rows.append({"engine": name, **compared(run(frame, translate), truth), **_clock(begin)})
    packages = ("pyattn", "numpy", "ray", "dask", "datasets", "pandas", "pyarrow")
    results = {
        **machine.provenance("clusters", given, packages),
        "sentences": options.sentences,
        "rows": rows,
    }
    print(markdown(results))
    if options.write:
        write(options.write, results, markdown(results))
    return 0 if all(row["equal"] == row["once"] == options.sentences for row in rows) else 1


def frame_of(count: int) -> Any:
    """A DataFrame of `count` different sentences with their ids."""
    import pandas

    return pandas.DataFrame({"id": range(count), "text": list(sentences(count))})


def sentences(count: int) -> Iterator[str]:
    """Different sentences."""
    for n in range(count):
        noun, place = _NOUNS[n % len(_NOUNS)], _PLACES[n // 10 % len(_PLACES)]
        yield f"The {noun} {_VERBS[n // 80 % len(_VERBS)]} the {place} number {n}."


def compared(found: Rows, truth: dict[int, str]) -> dict[str, int]:
    """How many ids came back, how many exactly once, and how many with the right bytes."""
    pairs = list(found)
    times = collections.Counter(key for key, _ in pairs)
    return {
        "returned": len(pairs),
        "once": sum(times[key] == 1 for key in truth),
        "equal": sum(truth.get(key) == text for key, text in pairs),
    }


def with_ray(frame: Any, translate: Translate) -> Rows:
    """Two actors, one of which is killed in the middle."""
    import ray

    with tempfile.TemporaryDirectory() as folder:
        ray.init(num_cpus=2, object_store_memory=200_000_000, include_dashboard=False)
        try:
            context = ray.data.DataContext.get_current()
            context.enable_progress_bars = False
            # A repartition would wait for a CPU, and the actors have both.
            blocks = [frame[n : n + _BATCH] for n in range(0, len(frame), _BATCH)]
            rows = ray.data.from_pandas(blocks)
            done = rows.map_batches(
                _Noted,
                fn_constructor_args=(translate, folder),
                batch_size=_BATCH,
                batch_format="pandas",
                compute=ray.data.ActorPoolStrategy(size=2),
                num_cpus=1,
            )
            yield from _killing_one(done, Path(folder), len(frame) // 3)
        finally:
            ray.shutdown()


class _Noted:
    """Translates, and leaves its process's number where the killer finds it."""

    def __init__(self, translate: Translate, folder: str) -> None:
        self._translate = translate
        Path(folder, str(os.getpid())).touch()

    def __call__(self, batch: Any) -> Any:
        return self._translate(batch)


def _killing_one(done: Any, folder: Path, when: int) -> Rows:
    """The rows; kills an actor when `when` of them are there."""
    count, killed = 0, False
    for batch in done.iter_batches(batch_format="pandas", batch_size=_BATCH, prefetch_batches=0):
        yield from zip(batch["id"].tolist(), batch["translation"].tolist(), strict=True)
        count += len(batch)
        if count >= when and not killed:
            os.kill(int(next(folder.iterdir()).name), signal.SIGKILL)
            killed = True
    if not killed or len(list(folder.iterdir())) < 3:
        raise RuntimeError("clusters: no actor was killed and replaced")


def with_dask(frame: Any, translate: Translate) -> Rows:
    """Partitions in two threads."""
    import dask.dataframe

    parts = dask.dataframe.from_pandas(frame, npartitions=8)
    meta = frame.head(0).assign(translation=frame["text"].head(0))
    found = parts.map_partitions(translate, meta=meta).compute(scheduler="threads", num_workers=2)
    return zip(found["id"].tolist(), found["translation"].tolist(), strict=True)


def with_datasets(frame: Any, translate: Translate) -> Rows:
    """Batches of a data set."""
    import datasets

    datasets.disable_progress_bars()
    given = datasets.Dataset.from_pandas(frame)
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder, "translated.arrow"))
        found = given.map(translate, batched=True, batch_size=_BATCH, cache_file_name=place)
        return list(zip(found["id"], found["translation"], strict=True))


_ENGINES: dict[str, tuple[str, Callable[[Any, Translate], Rows]]] = {
    "ray": ("Ray Data, two actors, one killed", with_ray),
    "dask": ("Dask, two threads", with_dask),
    "datasets": ("datasets.map", with_datasets),
}


def markdown(results: dict[str, Any]) -> str:
    """The report."""
    names = ("returned", "once", "equal", "seconds")
    rows = [[row["engine"], *(str(row[name]) for name in names)] for row in results["rows"]]
    return "\n".join(
        [
            "# Clusters",
            *origin(results),
            f"{results['sentences']} sentences. Seconds include starting the engine; on a machine",
            "with two cores they compare nothing.",
            "",
            *table(["engine", "rows", "once", "equal", "seconds"], rows),
        ]
    )


def _clock(begin: float) -> dict[str, float]:
    return {"seconds": round(time.monotonic() - begin, 1)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--engines", nargs="+", choices=[*_ENGINES], default=[*_ENGINES])
    parser.add_argument("--write", type=Path, help="write FILE.json and FILE.md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
