"""Mutated inputs of every kind, and what reading them comes to.

    python tests/fuzzing.py --count 100000 --jobs 2
    python tests/fuzzing.py documents --seconds 3600 --jobs 2

models     models of every layout, read and run, described, or converted (support/fuzz_models.py)
documents  documents of every format, translated (support/fuzz_documents.py)
inputs     glossaries and files of records (support/fuzz_inputs.py)
requests   requests to the service (support/fuzz_requests.py)

Anything but a result or the documented error is a finding, and so are a second of the processor
(more for large inputs) and more memory than the input has, what a sound one reserves, and 64 MiB
(not counted under a sanitizer, whose own memory it would be). What was found is kept in a folder;
the seed and the number of a case make it again (`--first NUMBER --count 1`).
"""

from __future__ import annotations

import argparse
import importlib
import json
import pathlib
import sys
import tempfile
from typing import Any

from support.fuzz_driver import Fuzzing, Plan

SUBJECTS = {
    "models": ("support.fuzz_models", "Models"),
    "documents": ("support.fuzz_documents", "Documents"),
    "inputs": ("support.fuzz_inputs", "Inputs"),
    "requests": ("support.fuzz_requests", "Requests"),
}


def subject_of(name: str, folder: pathlib.Path) -> Any:
    """What is fuzzed, with its sound inputs in a folder."""
    module, kind = SUBJECTS[name]
    return getattr(importlib.import_module(module), kind)(folder)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Mutate inputs and read them.")
    parser.add_argument("subject", nargs="?", choices=SUBJECTS, default="models")
    parser.add_argument("--count", type=int, help="cases at most; 10,000 without --seconds")
    parser.add_argument("--seconds", type=float, help="after which no case is begun")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("fuzz-findings"))
    parser.add_argument("--no-memory-limit", action="store_true", help="for sanitizers")
    parser.add_argument("--json", type=pathlib.Path, help="a file for the counts and findings")
    options = parser.parse_args()
    count = options.count or (10_000 if options.seconds is None else 1 << 40)
    plan = Plan(
        count=count,
        seconds=options.seconds,
        seed=options.seed,
        first=options.first,
        jobs=options.jobs,
        keep=options.keep,
        limit_memory=not options.no_memory_limit,
    )
    print(f"{options.subject}, seed {plan.seed}, from case {plan.first}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        fuzzing = Fuzzing(subject_of(options.subject, pathlib.Path(place)), plan)
        fuzzing.run()
    print(fuzzing)
    if options.json:
        options.json.write_text(json.dumps(fuzzing.record(), indent=1) + "\n", encoding="utf-8")
    return 1 if fuzzing.findings or not fuzzing.total else 0


if __name__ == "__main__":
    sys.exit(main())
