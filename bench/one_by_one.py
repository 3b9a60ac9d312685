"""A service of LibreTranslate's shape: CTranslate2 with int8 weights, one text at a time.

python bench/one_by_one.py FOLDER --port 5001
"""

from __future__ import annotations

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ctranslate2
import sentencepiece


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description="Serve a model of CTranslate2.")
    parser.add_argument("folder", type=Path, help="a converted model, with source.spm, target.spm")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--longest", type=int, default=256, help="most tokens of a translation")
    options = parser.parse_args()
    source = sentencepiece.SentencePieceProcessor(str(options.folder / "source.spm"))
    target = sentencepiece.SentencePieceProcessor(str(options.folder / "target.spm"))
    model = ctranslate2.Translator(
        str(options.folder), compute_type="int8", inter_threads=1, intra_threads=1
    )
    turn = threading.Lock()

    def translated(text: str) -> str:
        tokens = [*source.encode(text, out_type=str), "</s>"]
        with turn:
            [found] = model.translate_batch(
                [tokens], beam_size=4, max_decoding_length=options.longest
            )
        return str(target.decode(found.hypotheses[0]))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_GET(self) -> None:
            self._answer({"status": "ok"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer({"translatedText": translated(json.loads(body)["q"])})

        def _answer(self, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    Server(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
