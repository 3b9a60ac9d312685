"""One run that shows what pyattn bears: mutated inputs, sanitizers, long runs; and a page of it.

    bash .ci/proof --minutes 480                        # makes its environment first
    python bench/proof.py --minutes 20 --folder out/proof --write out/results

--minutes are shared among the parts (`bench/proof_parts.py`); builds with sanitizers come on
top. Each part is a command of its own, whose log and results stay in --folder. The page is written
after each part, so that what ran is kept whatever becomes of the others. A part that fails, or does
not finish, is on the page and makes the status 1. --resume keeps parts that passed at the same
revision, of a clean tree, for the same time and seed. Parts that do not run, since others were
chosen, are on the page as they ran last in that folder, with their revision.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine
from proof_page import page
from proof_parts import PARTS, ROOT, Part, Setting
from report import write

# A part that takes longer does not finish. Machines have other things to do.
_PATIENCE = 4.0
_LEAST_PATIENCE = 3600.0
_PATIENCE_OF_BUILDS = 4 * 3600.0
_LOG_CHARACTERS = 4000
# What stands for "did not finish" as an exit status.
_STOPPED = "stopped"
_PROSE = re.compile(r"[A-Z][^|`\[\]<>{}=]{20,300}[.:!?]")


def main(arguments: Sequence[str] | None = None, parts: Sequence[Part] = PARTS) -> int:
    """Run the parts; 1 if one fails, 130 if somebody interrupts."""
    options = _parser(parts).parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    proof = _Proof(options, parts, sys.argv[1:] if arguments is None else arguments)
    return proof.run()


class _Proof:
    """The parts and their results.

    Args:
        options: Of the command line.
        parts: All there are.
        arguments: The command line.
    """

    def __init__(
        self, options: argparse.Namespace, parts: Sequence[Part], arguments: Sequence[str]
    ) -> None:
        folder = options.folder.resolve()
        sources = options.sources or folder / "sources.txt"
        if options.sources is None:
            sources.write_text("".join(f"{line}\n" for line in prose()), encoding="utf-8")
        self._setting = Setting(folder, options.seed, options.jobs, sources)
        self._options = options
        self._parts = parts
        packages = ("pyattn", "numpy", "sentencepiece", "tokenizers", "pyyaml")
        self._results = machine.provenance("proof", arguments, packages) | {
            "command": os.environ.get(
                "PROOF_COMMAND", shlex.join(["python", "bench/proof.py", *arguments])
            ),
            "levels": _levels(),
            "compiler": _first_line(["c++", "--version"]),
            "seed": options.seed,
            "jobs": options.jobs,
            "minutes": options.minutes,
            "parts": [self._earlier(part) or self._blank(part) for part in parts],
        }

    def run(self) -> int:
        """Runs what was chosen, in order."""
        chosen = self._options.parts or [part.name for part in self._parts]
        status = 0
        for number, part in enumerate(self._parts):
            if part.name not in chosen:
                continue
            if (kept := self._kept(part)) is not None:
                self._note(number, kept)
                print(f"{part.name}: kept of an earlier run", flush=True)
                continue
            if part.needs and self._status(part.needs) in ("failed", "unfinished"):
                self._note(number, self._blank(part) | {"why": f"needs `{part.needs}`"})
                status = 1
                continue
            print(f"{part.name}: {part.title}", flush=True)
            try:
                done = self._done(part)
            except KeyboardInterrupt:
                why = {"status": "unfinished", "why": "interrupted", "log": ""}
                self._note(number, self._blank(part) | why)
                return 130
            self._note(number, done)
            print(f"{part.name}: {done['status']} in {done['took']:.0f} s", flush=True)
            status |= done["status"] != "passed"
        return status

    def _status(self, name: str) -> str:
        return next(str(one["status"]) for one in self._results["parts"] if one["name"] == name)

    def _blank(self, part: Part) -> dict[str, Any]:
        return {
            **{"name": part.name, "title": part.title, "status": "not run", "asked": 0.0},
            **{"took": 0.0, "cases": 0, "lines": [], "findings": [], "log": "", "command": ""},
        }

    def _note(self, number: int, done: dict[str, Any]) -> None:
        """Keeps what a part came to, and writes the page."""
        self._results["parts"][number] = done
        write(self._options.write, self._results, page(self._results))

    def _identity(self) -> dict[str, Any]:
        """What a part's results hold for."""
        return {
            "revision": self._results["versions"].get("revision"),
            "seed": self._options.seed,
            "minutes": self._options.minutes,
        }

    def _earlier(self, part: Part) -> dict[str, Any] | None:
        """What a part came to when it ran last."""
        place = self._setting.folder / f"{part.name}.done.json"
        if not place.exists():
            return None
        found: dict[str, Any] = json.loads(place.read_text("utf-8"))
        return found | {"kept": True}

    def _kept(self, part: Part) -> dict[str, Any] | None:
        """An earlier result that still holds."""
        found = self._earlier(part) if self._options.resume else None
        if found is None:
            return None
        identity = self._identity()
        clean = identity["revision"] and not str(identity["revision"]).endswith("-dirty")
        if not clean or found["identity"] != identity or found["status"] != "passed":
            return None
        return found

    def _done(self, part: Part) -> dict[str, Any]:
        """Runs a part to its end."""
        seconds = self._options.minutes * 60 * part.share
        result = self._setting.folder / f"{part.name}.json"
        result.unlink(missing_ok=True)
        command = part.command(self._setting, seconds, result)
        patience = max(_LEAST_PATIENCE, seconds * _PATIENCE) if seconds else _PATIENCE_OF_BUILDS
        began = time.monotonic()
        code, log = _executed(command, self._setting.folder / f"{part.name}.log", patience)
        done = self._blank(part) | {
            "asked": seconds,
            "took": time.monotonic() - began,
            "date": datetime.date.today().isoformat(),
            "command": shlex.join(command).replace(sys.executable, "python"),
            "identity": self._identity(),
        }
        done |= _judged(part, result, code, patience)
        done["log"] = "" if done["status"] == "passed" else log
        # Without the places of this machine, which tracebacks have, too.
        text = json.dumps(done, indent=1)
        text = text.replace(f"{self._setting.folder}/", "FOLDER/").replace(f"{ROOT}/", "")
        done = json.loads(text)
        place = self._setting.folder / f"{part.name}.done.json"
        place.write_text(text + "\n", encoding="utf-8")
        return done


def _executed(command: Sequence[str], log: Path, patience: float) -> tuple[int | str, str]:
    """The status of a command, and the end of its log; it and its children are ended in time."""
    environment = {"SANITIZED": str(log.parent / "sanitized")} | os.environ
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        code: int | str = _STOPPED
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return code, log.read_text("utf-8", "replace")[-_LOG_CHARACTERS:]


def _judged(part: Part, result: Path, code: int | str, patience: float) -> dict[str, Any]:
    """What a part came to: passed only if its status, its results and their end say so."""
    try:
        found = part.read(result)
    except (OSError, ValueError, KeyError) as error:
        why = f"its results cannot be read: {type(error).__name__}: {error}"
        if code == _STOPPED:
            why = f"stopped after {patience:.0f} s"
        return {"status": "unfinished", "why": why, "lines": [], "findings": [], "cases": 0}
    about = {"lines": found.lines, "findings": found.findings, "cases": found.cases}
    if code == _STOPPED or not found.complete:
        why = f"stopped after {patience:.0f} s" if code == _STOPPED else f"exit status {code}"
        return {"status": "unfinished", "why": why, **about}
    if code or found.findings:
        return {"status": "failed", "why": f"exit status {code}", **about}
    return {"status": "passed", **about}


def prose() -> list[str]:
    """Sentences of the documents, which are in the repository and nobody else's."""
    found: dict[str, None] = {}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if {"gathered", "out"} & {*path.parts}:
            continue
        text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
        for block in text.split("\n\n"):
            found |= dict.fromkeys(_PROSE.findall(" ".join(block.split())))
    return list(found)


def _levels() -> list[str]:
    import pyattn

    return list(pyattn.cpu_info().isas)


def _first_line(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "no compiler"
    return (done.stdout.splitlines() or [""])[0]


def _parser(parts: Sequence[Part]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [part.name for part in parts]
    parser.add_argument("parts", nargs="*", choices=[*names, []], metavar="PART", help=str(names))
    parser.add_argument("--minutes", type=float, default=480.0, help="of all parts, without builds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sources", type=Path, help="a sentence a line; the documents' by default")
    parser.add_argument("--folder", type=Path, default=Path("build/proof"), help="for what is kept")
    parser.add_argument("--resume", action="store_true", help="keep what passed")
    parser.add_argument(
        "--write", type=Path, default=ROOT / "bench/results/proof", metavar="PATH", help="the page"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
