"""Programs for Node, with a service that is a process of its own.

The variable PYATTN_NODE_CLIENTS names the folder with `node_modules`; `.ci/clients` makes one.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
from typing import Any

import pytest

from pyattn import documents
from support import service
from support.lanes import slow

pytestmark = slow

_HERE = pathlib.Path(__file__).parent
_LINES = ["You are welcome.", "Where is the station?"]


def run(script: str, package: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """What a script prints."""
    folder = os.environ.get("PYATTN_NODE_CLIENTS")
    if folder is None or not (pathlib.Path(folder) / "node_modules" / package).is_dir():
        pytest.skip(f"PYATTN_NODE_CLIENTS has no {package}: see .ci/clients")
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    made = subprocess.run(
        [node, str(_HERE / script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    assert made.returncode == 0, made.stderr
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def test_deepl_node(address: str, tmp_path: pathlib.Path) -> None:
    expected = service.translator().translate(_LINES)
    found = run("deepl.mjs", "deepl-node", address, str(tmp_path))
    assert [one["text"] for one in found["texts"]] == expected
    assert [one["detectedSourceLang"] for one in found["texts"]] == ["en"] * 2
    assert [one["billedCharacters"] for one in found["texts"]] == [16, 21]
    assert found["one"]["text"] == expected[0]
    assert "<x>hungry</x>" in found["marked"]["text"]
    assert [[one["code"] for one in side] for side in found["languages"]] == [["en"], ["es"]]
    assert found["usage"]["character"]["count"] > 0
    assert found["pairs"] == [{"sourceLang": "en", "targetLang": "es"}]

    entries = {"station": "terminal", "bank": "caja"}
    assert found["glossary"]["name"] == "towns"
    assert found["glossary"]["entryCount"] == 2
    assert found["glossary"]["glossaryId"] in found["listed"]
    assert found["entries"] == entries
    assert "terminal" in found["termed"]["text"]
    assert found["deleted"].startswith("GlossaryNotFoundError")
    assert found["several"]["name"] == "cities"
    assert found["severalEntries"] == entries | {"station": "parada"}
    assert "parada" in found["severalTermed"]["text"]
    counted = {"sourceLangCode": "en", "targetLangCode": "es", "entryCount": 1}
    assert [counted] in found["severalListed"]

    page = (tmp_path / "page.html").read_bytes()
    made = documents.translate(page, "html", service.translator())
    assert found["document"].encode() == made
    assert found["status"] == len("Where is the station?")
    assert "xyz" in found["noFormat"]
    assert found["wrongKey"].startswith("AuthorizationError")
    assert "not supported" in found["wrongLanguage"]


def test_google_cloud_translate(address: str) -> None:
    place = f"{address}/language/translate/v2"
    found = run("google.mjs", "@google-cloud/translate", GOOGLE_CLOUD_TRANSLATE_ENDPOINT=place)
    expected = service.translator().translate(_LINES)
    assert found["texts"] == expected
    assert found["one"] == expected[0]
    assert "<code>hungry</code>" in found["marked"]
    assert [one["language"] for one in found["detected"]] == ["en", "en"]
    assert found["languages"] == [
        {"code": "en", "name": "English"},
        {"code": "es", "name": "Spanish"},
    ]
    assert found["wrongLanguage"] == {"code": 400, "message": "xx is not supported"}
    assert found["wrongKey"]["code"] == 400
    assert found["wrongKey"]["message"].startswith("API key not valid")
