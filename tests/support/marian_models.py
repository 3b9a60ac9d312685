"""Marian's models made by hand: `.npz`, `.bin` and folders with them, from their descriptions.

Parameters have Marian's names and lie as Marian has them, [in, out]; the forward pass over them is
in marian_forward.py.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import pathlib
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[Any]
Options = dict[str, Any]

MODEL_YML = "special:model.yml"

# As Marian writes them, of which this is a part; the sizes that it leaves open are below.
OPTIONS: Options = {
    "dec-cell": "ssru",
    "dec-depth": 2,
    "dim-emb": 12,
    "dim-vocabs": [],
    "enc-depth": 2,
    "input-types": [],
    "layer-normalization": False,
    "lemma-dim-emb": 0,
    "right-left": False,
    "tied-embeddings": False,
    "tied-embeddings-all": True,
    "tied-embeddings-src": False,
    "transformer-aan-activation": "swish",
    "transformer-aan-depth": 2,
    "transformer-aan-nogate": False,
    "transformer-decoder-autoreg": "self-attention",
    "transformer-decoder-dim-ffn": 0,
    "transformer-decoder-ffn-depth": 0,
    "transformer-dim-aan": 20,
    "transformer-dim-ffn": 18,
    "transformer-ffn-activation": "relu",
    "transformer-ffn-depth": 2,
    "transformer-guided-alignment-layer": "last",
    "transformer-heads": 3,
    "transformer-no-projection": False,
    "transformer-postprocess": "dan",
    "transformer-postprocess-emb": "d",
    "transformer-postprocess-top": "",
    "transformer-preprocess": "",
    "transformer-tied-layers": [],
    "type": "transformer",
    "version": "v1.9.56 6f6d484 2020-12-14 03:59:54 -0800",
}
SOURCE_VOCAB, TARGET_VOCAB = 13, 11
STUDENT: Options = {"transformer-decoder-autoreg": "rnn"}
AVERAGE: Options = {"transformer-decoder-autoreg": "average-attention"}

_KINDS = {"float32": 0x404, "float16": 0x402, "int8": 0x101}
INTGEMM8 = {"browsermt": 0x4101, "marian": 0x10001}


def options(**changes: Any) -> Options:
    """Options with some of them changed, `_` standing for `-`; a change to None leaves one out."""
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in (OPTIONS | named).items() if value is not None}


def yaml(values: Mapping[str, Any]) -> str:
    """As yaml-cpp writes a mapping of texts, numbers and lists of them."""
    lines = []
    for name, value in values.items():
        if isinstance(value, list):
            rows = [f"  - {item}" for item in value] or ["  []"]
            lines += [f"{name}:", *rows]
        elif isinstance(value, bool):
            lines.append(f"{name}: {str(value).lower()}")
        else:
            lines.append(f"{name}: {value}" if value != "" else f'{name}: ""')
    return "".join(f"{line}\n" for line in lines)


class _Maker:
    """Draws parameters."""

    def __init__(self, chosen: Options, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._chosen = chosen
        self._dim: int = chosen["dim-emb"]
        self.made: dict[str, Floats] = {}

    def matrix(self, name: str, inner: int, out: int) -> None:
        deviation = inner**-0.5 if "_W" in name else 1.0
        self.made[name] = self._random.standard_normal((inner, out), np.float32) * np.float32(
            deviation
        )

    def bias(self, name: str, size: int) -> None:
        self.made[name] = self._random.standard_normal((1, size), np.float32) / np.float32(4)

    def linear(self, prefix: str, suffix: str, inner: int, out: int) -> None:
        self.matrix(f"{prefix}_W{suffix}", inner, out)
        self.bias(f"{prefix}_b{suffix}", out)

    def norm(self, name: str, suffix: str = "") -> None:
        self.bias(f"{name}_ln_bias{suffix}", self._dim)
        self.bias(f"{name}_ln_scale{suffix}", self._dim)
        self.made[f"{name}_ln_scale{suffix}"] += 1

    def norms(self, before: str, behind: str) -> None:
        if "n" in self._chosen["transformer-preprocess"]:
            self.norm(before, "_pre")
        if "n" in self._chosen["transformer-postprocess"]:
            self.norm(behind)

    def attention(self, prefix: str) -> None:
        for suffix in "qkvo":
            self.linear(prefix, suffix, self._dim, self._dim)
        self.norms(f"{prefix}_Wo", f"{prefix}_Wo")

    def feed_forward(self, prefix: str, width: int) -> None:
        self.linear(prefix, "1", self._dim, width)
        self.linear(prefix, "2", width, self._dim)
        self.norms(f"{prefix}_ffn", f"{prefix}_ffn")

    def mixer(self, layer: str) -> None:
        chosen, dim = self._chosen, self._dim
        kind = chosen["transformer-decoder-autoreg"]
        if kind == "self-attention":
            self.attention(f"{layer}_self")
        elif kind == "rnn":
            self.matrix(f"{layer}_rnn_W", dim, dim)
            self.linear(f"{layer}_rnn", "f", dim, dim)
            self.norms(f"{layer}_rnn", f"{layer}_rnn_ffn")
        else:
            if chosen["transformer-aan-depth"] == 2:
                self.linear(f"{layer}_aan", "1", dim, chosen["transformer-dim-aan"])
                self.linear(f"{layer}_aan", "2", chosen["transformer-dim-aan"], dim)
            if not chosen["transformer-aan-nogate"]:
                self.linear(f"{layer}_aan", "i", dim, dim)
                self.linear(f"{layer}_aan", "f", dim, dim)
            self.norms(f"{layer}_aan_ffn", f"{layer}_aan_ffn")

    def embeddings(self) -> None:
        chosen, dim = self._chosen, self._dim
        if chosen["tied-embeddings-all"] or chosen["tied-embeddings-src"]:
            self.matrix("Wemb", TARGET_VOCAB, dim)
        else:
            self.matrix("encoder_Wemb", SOURCE_VOCAB, dim)
            self.matrix("decoder_Wemb", TARGET_VOCAB, dim)
        if not (chosen["tied-embeddings-all"] or chosen["tied-embeddings"]):
            self.matrix("decoder_ff_logit_out_Wt", TARGET_VOCAB, dim)
        self.bias("decoder_ff_logit_out_b", TARGET_VOCAB)

    def stack(self, name: str) -> None:
        chosen = self._chosen
        width = chosen["transformer-dim-ffn"]
        if name == "decoder":
            width = chosen["transformer-decoder-dim-ffn"] or width
        tied = chosen["transformer-tied-layers"] if name == "decoder" else []
        depth = max(tied, default=chosen[f"{name[:3]}-depth"])
        for number in range(1, depth + 1):
            layer = f"{name}_l{number}"
            if name == "encoder":
                self.attention(f"{layer}_self")
            else:
                self.mixer(layer)
                self.attention(f"{layer}_context")
            self.feed_forward(f"{layer}_ffn", width)
        if "n" in chosen["transformer-postprocess-emb"]:
            self.norm(f"{name}_emb", "_pre")
        if "n" in chosen.get("transformer-postprocess-top", ""):
            self.norm(f"{name}_top")


def parameters(chosen: Options, seed: int = 5) -> dict[str, Floats]:
    """Seeded parameters of a model with these options."""
    maker = _Maker(chosen, seed)
    maker.embeddings()
    maker.stack("encoder")
    maker.stack("decoder")
    return dict(sorted(maker.made.items()))


@dataclasses.dataclass(frozen=True)
class Integers:
    """What intgemm makes of a matrix.

    `values` lie as they do in the file, [out, in] but for embeddings; `shape` is what it says.
    """

    values: npt.NDArray[np.int8]
    multiplier: float
    shape: tuple[int, ...]

    def floats(self, name: str) -> Floats:
        """The matrix that it stands for under that name, [in, out] but for embeddings."""
        floats = self.values / np.float32(self.multiplier)
        return floats if name.endswith("Wemb") else floats.T


def is_weight(name: str) -> bool:
    """Whether intgemm makes integers of it."""
    return name.endswith("Wemb") or name.rpartition("_")[2] in (
        *("Wq", "Wk", "Wv", "Wo", "W1", "W2", "W", "Wf", "Wi"),
    )


def integers(name: str, matrix: Floats) -> Integers:
    """The nearest integers, with one multiplier for the whole matrix."""
    multiplier = np.float32(127) / np.abs(matrix).max()
    lying = matrix if name.endswith("Wemb") else matrix.T
    values = np.rint(lying * multiplier).astype(np.int8)
    return Integers(np.ascontiguousarray(values), float(multiplier), matrix.shape)


def quantized(made: Mapping[str, Floats], *, alphas: bool = True) -> dict[str, Floats | Integers]:
    """The parameters with integers for weights, as marian-conv makes them."""
    found: dict[str, Floats | Integers] = {}
    for name, values in made.items():
        if not is_weight(name):
            found[name] = values
            continue
        found[name] = integers(name, values)
        if alphas:
            alpha = "none" if name.endswith("Wemb") else name
            found[f"{alpha}_QuantMultA"] = np.full((1, 1), 17.5, np.float32)
    return dict(sorted(found.items()))


@dataclasses.dataclass(frozen=True)
class Entry:
    """An item of a `.bin`."""

    name: bytes
    kind: int
    shape: tuple[int, ...]
    data: bytes


def entries(
    made: Mapping[str, Floats | Integers],
    chosen: Options | None = None,
    *,
    fork: str = "browsermt",
    dtype: str = "float32",
    padding: int = 60,
) -> list[Entry]:
    """The items of a `.bin`, the options at their end; `padding` follows what is intgemm8."""
    found = []
    for name, values in made.items():
        if isinstance(values, Integers):
            data = (
                values.values.tobytes() + struct.pack("<f", values.multiplier) + b"\xaa" * padding
            )
            found.append(Entry(name.encode() + b"\0", INTGEMM8[fork], values.shape, data))
        else:
            cast = values.astype(dtype)
            found.append(Entry(name.encode() + b"\0", _KINDS[dtype], cast.shape, cast.tobytes()))
    if chosen is not None:
        text = yaml(chosen).encode() + b"\0"
        found.append(Entry(MODEL_YML.encode() + b"\0", _KINDS["int8"], (len(text),), text))
    return found


def binary(items: list[Entry], *, version: int = 1, behind: bytes = b"") -> bytes:
    """A `.bin` of these items."""
    content = struct.pack("<2Q", version, len(items))
    for item in items:
        content += struct.pack("<4Q", len(item.name), item.kind, len(item.shape), len(item.data))
    content += b"".join(item.name for item in items)
    content += b"".join(struct.pack(f"<{len(item.shape)}i", *item.shape) for item in items)
    padding = 256 - (len(content) + 8) % 256
    content += struct.pack("<Q", padding) + b"\0" * padding
    return content + b"".join(item.data for item in items) + behind


def items(content: bytes) -> list[Entry]:
    """The items of such a `.bin`."""
    _, count = struct.unpack_from("<2Q", content)
    heads = [struct.unpack_from("<4Q", content, 16 + 32 * n) for n in range(count)]
    stream = io.BytesIO(content)
    stream.seek(16 + 32 * count)
    names = [stream.read(head[0]) for head in heads]
    shapes = [struct.unpack(f"<{head[2]}i", stream.read(4 * head[2])) for head in heads]
    stream.seek(struct.unpack("<Q", stream.read(8))[0], io.SEEK_CUR)
    return [
        Entry(name, kind, shape, stream.read(size))
        for name, shape, (_, kind, _, size) in zip(names, shapes, heads, strict=True)
    ]


def array(values: Values, header: str | None = None) -> bytes:
    """An array as cnpy writes it."""
    kind = values.dtype.str if values.dtype.itemsize > 1 else "|i1"
    shape = ", ".join(map(str, values.shape))
    text = header or f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}, ), }}"
    text += " " * (-(len(text) + 11) % 16) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + values.tobytes()


def zipped(files: Mapping[str, bytes], *, compressed: bool = False) -> bytes:
    """A zip file."""
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def npz(
    made: Mapping[str, Floats],
    chosen: Options,
    *,
    dtype: str = "float32",
    compressed: bool = False,
) -> bytes:
    """A `.npz` of these parameters and options."""
    files = {f"{name}.npy": array(values.astype(dtype)) for name, values in made.items()}
    text = np.frombuffer(yaml(chosen).encode() + b"\0", np.int8)
    files[f"{MODEL_YML}.npy"] = array(text)
    return zipped(files, compressed=compressed)


def write(path: pathlib.Path, content: bytes) -> pathlib.Path:
    """A file, compressed if its name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def shortlist(lists: list[list[int]], *, first: int = 3, best: int = 50) -> bytes:
    """A `lex.s2t.bin` with the target ids of each source id."""
    offsets = np.cumsum([0, *map(len, lists)]).astype("<u8")
    ids = np.array([id for own in lists for id in own], "<u4")
    body = struct.pack("<4Q", first, best, len(offsets), len(ids))
    body += offsets.tobytes() + ids.tobytes()
    return struct.pack("<2Q", 0xF11A48D5013417F5, checksum(body)) + body


def checksum(body: bytes) -> int:
    """What a shortlist's header says of what follows."""
    found = 0
    for place in range(0, len(body) - 7, 8):
        (word,) = struct.unpack_from("<Q", body, place)
        found = (found ^ (word + 0x9E3779B9 + (found << 6) + (found >> 2))) % 2**64
    return found
