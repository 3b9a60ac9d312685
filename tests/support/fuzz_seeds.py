"""A tiny model of every format, all of them sound, for fuzzing.py to spoil."""

from __future__ import annotations

import json
import pathlib
import shutil
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.commands.conversion import convert
from pyattn.files.native import write_native
from support import (
    ctranslate2_folders,
    family_folders,
    marian_folders,
    marian_models,
    model_folders,
    pruned_folders,
    tokenizer_folders,
)
from support.decoder_folders import decoder_folder
from support.inputs import checkpoint
from support.paths import GOLDEN

Values = npt.NDArray[Any]

# What a folder of Hugging Face's layout consists of; the rest is what it is to compute.
_HUGGING_FACE = ("config.json", "generation_config.json", "model.safetensors", "pytorch_model.bin")
# Tokenizers, each with the golden model that stands in for its family, and how many ids that gets.
_TOKENIZERS = (
    ("bart-json", "bart-tied-gelu-5", 340),
    ("bart-merges", "bart-tied-gelu-5", 340),
    ("byt5", "t5-untied-gated-8", 260),
    ("m2m-pieces", "m2m100-tied-relu-6", 300),
    ("madlad-json", "t5-untied-gated-8", 200),
    ("mbart-pieces", "mbart-untied-relu-8", 160),
    ("nllb-json", "m2m100-tied-relu-6", 200),
    ("pegasus-pieces", "pegasus-tied-relu-3", 260),
    ("t5-pieces", "t5-untied-gated-8", 200),
    ("t5gemma-json", "t5gemma-tied-gated-8", 200),
)
_VOCABULARY = ("shared.weight", "embed_tokens.weight", "lm_head.weight")


def write_seeds(folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the models, each as a folder or a file that can be loaded, and says where."""
    pieces = marian_folders.trained()
    marian = _marian(folder, pieces)
    return [
        *_native(folder, marian[0]),
        *_hugging_face(folder),
        *_with_tokenizers(folder, pieces),
        *_ctranslate2(folder, pieces),
        _argos(folder, pieces),
        *marian,
        *_textbook(folder),
        *_gguf(folder),
        *_states(folder),
        *_long(folder),
        *_encoders(folder),
        *_around_encoders(folder),
        *_decoders(folder),
        *_pruned(folder),
    ]


def _native(folder: pathlib.Path, translating: pathlib.Path) -> list[pathlib.Path]:
    paths = []
    for name, dtype in (("odd", "float32"), ("odd", "int8"), ("ssru", "int8"), ("umt5", "float32")):
        paths.append(folder / f"native-{name}-{dtype}")
        write_native(paths[-1], checkpoint(name), dtype=dtype)
    paths.append(folder / "native-translating-int4")
    convert(translating, paths[-1], dtype="int4")
    paths.append(folder / "native-translating-bfloat16")
    convert(translating, paths[-1], dtype="bfloat16")
    paths.append(folder / "native-shortlist")
    convert(translating, paths[-1])
    return paths


def _hugging_face(folder: pathlib.Path) -> list[pathlib.Path]:
    """The smaller golden models, and one that is saved in pieces."""
    paths = []
    for golden in sorted(GOLDEN.glob("*-*-*")):
        files = [golden / name for name in _HUGGING_FACE if (golden / name).exists()]
        weights = [file for file in files if file.suffix != ".json"]
        if weights and sum(file.stat().st_size for file in files) < 100_000:
            paths.append(folder / f"huggingface-{golden.name}")
            paths[-1].mkdir()
            for file in files:
                shutil.copy(file, paths[-1])
    config = model_folders.config()
    tensors = model_folders.tensors(config)
    for form in ("pickled", "legacy", "sharded"):
        path = model_folders.folder(folder / f"huggingface-{form}", config, {})
        (path / "model.safetensors").unlink()
        if form == "sharded":
            model_folders.write_shards(path, tensors)
        elif form == "legacy":
            content = model_folders.legacy_pickled(tensors)
            (path / "pytorch_model.bin").write_bytes(content)
        else:
            model_folders.write_pickled(path / "pytorch_model.bin", tensors)
        paths.append(path)
    return paths


def _with_tokenizers(folder: pathlib.Path, pieces: bytes) -> list[pathlib.Path]:
    """Hugging Face's folders that translate texts."""
    paths = []
    for name, model, rows in _TOKENIZERS:
        path = tokenizer_folders.golden_folder(folder / f"huggingface-{name}", name)
        stated = json.loads((path / "config.json").read_text())
        values = json.loads((GOLDEN / model / "config.json").read_text())
        special = {key: value for key, value in stated.items() if key.endswith("_token_id")}
        values |= special | {"vocab_size": rows}
        if values["model_type"] == "t5gemma":
            values["encoder"] |= {"vocab_size": rows}
            values["decoder"] |= {"vocab_size": rows}
        weights = {
            key: _of_rows(key, array, rows) for key, array in family_folders.stored(model).items()
        }
        paths.append(model_folders.folder(path, values, weights))
    size = len(marian_folders.numbered(pieces))
    config = model_folders.config(vocab_size=size, decoder_start_token_id=2, pad_token_id=2)
    path = folder / "huggingface-marian-pieces"
    paths.append(model_folders.folder(path, config, model_folders.tensors(config)))
    for name in ("source.spm", "target.spm"):
        (path / name).write_bytes(pieces)
    (path / "vocab.json").write_text(json.dumps(marian_folders.numbered(pieces)))
    return paths


def _of_rows(name: str, array: Values, rows: int) -> Values:
    """A golden model's tensor, for another number of ids."""
    if name.endswith(_VOCABULARY):
        return np.resize(array, (rows, array.shape[1]))
    return np.resize(array, (1, rows)) if name.endswith("final_logits_bias") else array


def _ctranslate2(folder: pathlib.Path, pieces: bytes) -> list[pathlib.Path]:
    paths = []
    for version, dtype in ((1, "int16"), (3, "float32"), (4, "int8"), (6, "bfloat16"), (6, "int8")):
        path = folder / f"ctranslate2-{version}-{dtype}"
        paths.append(
            ctranslate2_folders.folder(
                path, ctranslate2_folders.checkpoint(), version=version, dtype=dtype
            )
        )
    path = folder / "ctranslate2-translating"
    config = ctranslate2_folders.CONFIG | {"add_source_eos": True}
    paths.append(
        ctranslate2_folders.folder(
            path, ctranslate2_folders.checkpoint(), dtype="int8", config=config
        )
    )
    for name in ("source.spm", "target.spm"):
        (path / name).write_bytes(pieces)
    for golden in sorted(GOLDEN.glob("ctranslate2-t5-*")):
        paths.append(folder / golden.name)
        shutil.copytree(golden, paths[-1], ignore=shutil.ignore_patterns("golden.json"))
    return paths


def _argos(folder: pathlib.Path, pieces: bytes) -> pathlib.Path:
    made = ctranslate2_folders.folder(folder / "argos", ctranslate2_folders.checkpoint())
    path = folder / "package.argosmodel"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("en_es/metadata.json", '{"from_code": "en", "to_code": "es"}')
        archive.writestr("en_es/sentencepiece.model", pieces)
        for file in sorted(made.iterdir()):
            archive.write(file, f"en_es/model/{file.name}")
    shutil.rmtree(made)
    return path


def _marian(folder: pathlib.Path, pieces: bytes) -> list[pathlib.Path]:
    """Folders as they are published, and models alone, of each kind of decoder."""
    options = marian_models.options
    student = options(**marian_models.STUDENT)
    average = options(**marian_models.AVERAGE)
    untied = options(tied_embeddings_all=False, transformer_tied_layers=[1, 1])
    made = {
        "marian-attention.npz": marian_models.npz(
            marian_models.parameters(untied), untied, compressed=True
        ),
        "marian-average.npz.gz": marian_models.npz(marian_models.parameters(average), average),
        "marian-student.bin": marian_models.binary(
            marian_models.entries(marian_models.parameters(student), student)
        ),
        "marian-integers.bin.gz": marian_models.binary(
            marian_models.entries(
                marian_models.quantized(marian_models.parameters(student)), student, fork="marian"
            )
        ),
    }
    text = marian_folders.opus(folder / "marian-opus-lexicon", pieces)
    lexicon = "".join(f"{piece} {piece} 0.5\nthe {piece} 0.1\n" for piece in "abc")
    (text / "lex.s2t").write_text(lexicon)
    return [
        marian_folders.firefox(folder / "marian-firefox", pieces),
        marian_folders.firefox(folder / "marian-firefox-split", pieces, ".gz", split=True),
        marian_folders.opus(folder / "marian-opus", pieces, ".gz"),
        text,
        *(marian_models.write(folder / name, content) for name, content in made.items()),
    ]


def _textbook(folder: pathlib.Path) -> list[pathlib.Path]:
    return [
        pathlib.Path(shutil.copy(GOLDEN / "textbook" / name, folder / name))
        for name in ("model.chkpt", "legacy.chkpt")
    ]


def _gguf(folder: pathlib.Path) -> list[pathlib.Path]:
    name = "relu-tied.gguf"
    return [pathlib.Path(shutil.copy(GOLDEN / "gguf" / name, folder / name))]


def _states(folder: pathlib.Path) -> list[pathlib.Path]:
    """State dictionaries, of which `fuzz_models.STATES` knows what they do not say."""
    paths = []
    for name in ("tutorial.pt", "learned.safetensors", "bare.pt"):
        paths.append(folder / f"state-{name}")
        shutil.copy(GOLDEN / "torch_transformer" / name, paths[-1])
    return paths


def _long(folder: pathlib.Path) -> list[pathlib.Path]:
    """Models for long sources."""
    paths = []
    for golden in sorted((GOLDEN / "long").iterdir()):
        paths.append(_copied(folder / f"long-{golden.name}", golden))
    paths.append(folder / "native-long-led")
    convert(GOLDEN / "long" / "led", paths[-1])
    return paths


def _encoders(folder: pathlib.Path) -> list[pathlib.Path]:
    """Encoders that stand alone: bare, of CTranslate2, and with a tokenizer and a head."""
    paths = []
    for kind in ("encoders", "ctranslate2-encoders", "classifiers"):
        for golden in sorted((GOLDEN / kind).iterdir()):
            if golden.is_dir():
                paths.append(_copied(folder / f"{kind}-{golden.name}", golden))
    words = _copied(folder / "classifiers-words", GOLDEN / "classifiers" / "bert")
    ids = json.loads((words / "tokenizer.json").read_text())["model"]["vocab"]
    (words / "tokenizer.json").unlink()
    (words / "vocab.txt").write_text("".join(f"{word}\n" for word in sorted(ids, key=ids.get)))
    (words / "tokenizer_config.json").write_text('{"do_lower_case": true, "model_max_length": 16}')
    merges = _resized(folder / "classifiers-merges", "roberta", "roberta.", 340)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(GOLDEN / "tokenizers" / f"bart-merges-{name}", merges / name)
    pieces = _resized(folder / "classifiers-pieces", "camembert-many", "roberta.", 160)
    tiny = GOLDEN / "tokenizers" / "mbart-pieces-sentencepiece.bpe.model"
    shutil.copy(tiny, pieces / "sentencepiece.bpe.model")
    native = folder / "native-classifier"
    convert(GOLDEN / "classifiers" / "modernbert-reranker", native)
    return [*paths, words, merges, pieces, native]


def _around_encoders(folder: pathlib.Path) -> list[pathlib.Path]:
    """Folders of sentence-transformers."""
    paths = []
    for golden in (GOLDEN / "embedder", GOLDEN / "embedder-t5"):
        paths.append(_copied(folder / f"modules-{golden.name}", golden))
    paths.append(folder / "native-embedder")
    convert(GOLDEN / "embedder", paths[-1])
    return paths


def _decoders(folder: pathlib.Path) -> list[pathlib.Path]:
    """Decoders that stand alone: bare, of CTranslate2, and with a tokenizer and a template."""
    paths = []
    for kind in ("decoders", "ctranslate2-generators"):
        for golden in sorted((GOLDEN / kind).iterdir()):
            paths.append(_copied(folder / f"{kind}-{golden.name}", golden))
    kinds = sorted(path.name for path in (GOLDEN / "prompt_tokenizers").iterdir())
    paths += [decoder_folder(folder / f"generators-{kind}", kind, positions=96) for kind in kinds]
    # What CTranslate2 wrote beside the tokenizer that it was converted with.
    paths.append(
        _copied(folder / "generators-ctranslate2", GOLDEN / "ctranslate2-generators/qwen2")
    )
    for file in (GOLDEN / "prompt_tokenizers" / "qwen2").iterdir():
        if file.name != "golden.json":
            shutil.copy(file, paths[-1])
    for kind, dtype in (("gpt2", "float32"), ("qwen2", "int8")):
        paths.append(folder / f"native-generator-{kind}")
        convert(folder / f"generators-{kind}", paths[-1], dtype=dtype)
    return paths


def _pruned(folder: pathlib.Path) -> list[pathlib.Path]:
    """Models that heads and units were cut from, and that have zeros in their places."""
    paths = []
    for golden in (pruned_folders.BART, pruned_folders.BERT):
        name = golden.name.partition("-")[0]
        paths.append(pruned_folders.whole_folder(folder / f"pruned-{name}-zeros", golden))
        paths.append(pruned_folders.cut_folder(folder / f"pruned-{name}-cut", golden))
    paths.append(folder / "native-pruned-int8")
    write_native(paths[-1], checkpoint("pruned"), dtype="int8")
    paths.append(folder / "native-pruned-float32")
    convert(folder / "pruned-bart-zeros", paths[-1], dtype="float32")
    return paths


def _copied(to: pathlib.Path, golden: pathlib.Path) -> pathlib.Path:
    """A golden folder without what it is to compute."""
    answers = ("*.npz", "golden.json", "searches.json", "texts.json")
    return pathlib.Path(shutil.copytree(golden, to, ignore=shutil.ignore_patterns(*answers)))


def _resized(to: pathlib.Path, name: str, prefix: str, rows: int) -> pathlib.Path:
    """A golden classifier without a tokenizer, and with another number of ids."""
    values = json.loads((GOLDEN / "classifiers" / name / "config.json").read_text())
    weights = family_folders.stored(f"classifiers/{name}")
    words = f"{prefix}embeddings.word_embeddings.weight"
    weights[words] = np.resize(weights[words], (rows, weights[words].shape[1]))
    return model_folders.folder(to, values | {"vocab_size": rows}, weights)
