"""Identity and robustness of the formats of documents, over many random documents.

    python bench/documents.py --count 1000 --mutants 2000

Each document is translated by a function that returns its texts, and has to come back byte for
byte. Each mutant is translated with markup placed at random, and has to end in a translation or in
a DocumentError.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

from pyattn import documents
from pyattn.errors import DocumentError
from support.document_makers import FORMATS, Maker, mutant
from support.package_makers import PACKAGES, PackageMaker, package_mutant
from support.toy_translators import Capitals, identity, shuffled_order

_ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]


def main() -> None:
    """Checks all formats, and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="documents of each format")
    parser.add_argument("--mutants", type=int, default=2000, help="mutants of each format")
    chosen = parser.parse_args()
    print("| format | documents | same bytes | mutants | refused | slowest mutant, ms |")
    print("|---|---|---|---|---|---|")
    for format in [*FORMATS, *PACKAGES]:
        same = sum(is_same(format, seed) for seed in range(chosen.count))
        outcomes = [outcome(format, seed) for seed in range(chosen.mutants)]
        refused = sum(one for one, _ in outcomes)
        slowest = max((seconds for _, seconds in outcomes), default=0) * 1000
        print(
            f"| {format} | {chosen.count} | {same} | {chosen.mutants} | {refused} | {slowest:.0f} |"
        )


def is_same(format: str, seed: int) -> bool:
    """Whether a document comes back byte for byte."""
    encoding = random.Random(seed).choice(_ENCODINGS)
    if format in PACKAGES:
        data = PACKAGES[format](PackageMaker(seed))
    else:
        data = FORMATS[format](Maker(seed)).encode(encoding)
    return documents.translate(data, format, identity) == data


def outcome(format: str, seed: int) -> tuple[bool, float]:
    """Whether a mutant is refused, and the seconds that takes."""
    data = (package_mutant if format in PACKAGES else mutant)(format, seed)
    begin = time.perf_counter()
    try:
        documents.translate(data, format, Capitals(shuffled_order))
    except DocumentError:
        return True, time.perf_counter() - begin
    return False, time.perf_counter() - begin


if __name__ == "__main__":
    main()
