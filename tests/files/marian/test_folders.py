"""Folders of Marian's as they are published: found, read, and translated with."""

from __future__ import annotations

import pathlib
import struct
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
import sentencepiece

import pyattn
from pyattn.checkpoint import ModelConfig
from pyattn.commands import main as cli
from pyattn.commands.conversion import convert
from pyattn.commands.inspection import describe
from pyattn.errors import ModelError
from pyattn.files import open_model, read_checkpoint, read_shortlist
from pyattn.files.marian import MarianFiles
from pyattn.files.shortlist import LexicalShortlist
from pyattn.options import GenerationOptions
from pyattn.text.tokenizers import load_tokenizer
from support import marian_models as made
from support.marian_folders import DECODER, firefox, model, opus, pieces, trained, vocabulary

TEXT = "the dog sat on a mat"


@pytest.fixture(scope="module")
def spm() -> bytes:
    return trained()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("split", [False, True])
def test_firefox_folder_translates(
    tmp_path: pathlib.Path, spm: bytes, suffix: str, split: bool
) -> None:
    folder = firefox(tmp_path, spm, suffix, split=split)
    assert isinstance(open_model(folder), MarianFiles)
    processor = sentencepiece.SentencePieceProcessor(model_proto=spm)
    with pyattn.load(folder, threads=1) as translator:
        ids = translator.tokenizer.encode([TEXT])[0]
        assert ids == [*processor.encode(TEXT), 0]
        assert translator.model.config.unk == 1
        assert translator.shortlist is not None
        allowed = translator.shortlist.candidates(ids).tolist()
        size = len(pieces(spm))
        assert translator.shortlist.candidates([]).tolist() == [0, 1, 2]
        wanted = {0, 1, 2, *ids, *((id + 1) % size for id in ids)}
        assert allowed == sorted(wanted)
        [[found]] = translator.results([TEXT], guard=False, min_new_tokens=5, max_new_tokens=9)
        [[same]] = translator.model.generate(
            [ids], shortlist=[allowed], min_new_tokens=5, max_new_tokens=9
        )
        assert found.tokens == same.tokens
        assert set(found.tokens) <= wanted - {1}
        assert found.text == processor.decode(found.tokens).strip()
        options = {"guard": False, "min_new_tokens": 5, "max_new_tokens": 9}
        assert translator.translate(TEXT, **options) == found.text
        other_end = max(set(range(size)) - wanted)
        [[found]] = translator.results(
            [TEXT], end_tokens=[other_end], min_new_tokens=3, max_new_tokens=3
        )
        assert len(found.tokens) == 3
    with pyattn.load(folder, threads=1, shortlist=False) as translator:
        assert translator.shortlist is None
        assert translator.translate(TEXT, min_new_tokens=5, max_new_tokens=9)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_opus_folder_translates(tmp_path: pathlib.Path, spm: bytes, suffix: str) -> None:
    folder = opus(tmp_path, spm, suffix)
    with pyattn.load(folder, threads=1) as translator:
        generation = translator.model.generation
        assert (generation.beam_size, generation.length_penalty) == (6, 0.5)
        assert generation.suppress_tokens == (1,)
        tokens = ["</s>", "<unk>", *sorted(set(pieces(spm)) - {"</s>", "<unk>"})]
        [ids, french] = translator.tokenizer.encode([TEXT, f">>fra<< {TEXT}"])
        processor = sentencepiece.SentencePieceProcessor(model_proto=spm)
        assert [tokens[id] for id in ids] == [*processor.encode(TEXT, out_type=str), "</s>"]
        assert french == [len(tokens), *ids]
        assert translator.tokenizer.decode([ids]) == [TEXT]
        assert translator.shortlist is None
        assert isinstance(translator.translate(TEXT, min_new_tokens=5, max_new_tokens=9), str)


def test_file_itself_is_a_model_and_its_folder_has_the_rest(
    tmp_path: pathlib.Path, spm: bytes
) -> None:
    folder = firefox(tmp_path, spm)
    with (
        pyattn.load(folder, threads=1) as whole,
        pyattn.load(folder / "model.esen.intgemm.alphas.bin", threads=1) as single,
    ):
        assert whole.translate(TEXT, min_new_tokens=5, max_new_tokens=9) == single.translate(
            TEXT, min_new_tokens=5, max_new_tokens=9
        )


def test_command_translates_and_describes(
    tmp_path: pathlib.Path, spm: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = firefox(tmp_path, spm, ".gz")
    assert cli.main(["translate", "--threads", "1", "--model", str(folder), TEXT]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    shown = dict(describe(folder, threads=1))
    assert shown["family"] == "marian"
    assert shown["stored as"].startswith("int8 ")
    assert ", float32 " in shown["stored as"]


def test_two_models_are_told_apart_by_settings_or_by_name(
    tmp_path: pathlib.Path, spm: bytes
) -> None:
    folder = opus(tmp_path, spm)
    (folder / "model.npz").write_bytes((folder / "opus.npz").read_bytes())
    (folder / "opus.npz.optimizer.npz").write_bytes(b"")
    assert read_checkpoint(folder).generation.beam_size == 6
    (folder / "decoder.yml").unlink()
    with pytest.raises(ModelError, match=r"the models model\.npz, opus\.npz, expected one, or a"):
        read_checkpoint(folder)
    checkpoint = read_checkpoint(folder / "model.npz")
    assert checkpoint.generation == GenerationOptions(
        early_stopping=True,
        max_new_tokens=512,
        max_length_factor=3,
        suppress_tokens=(1,),
        alignment_heads=((1, 0),),
    )
    (folder / "x.decoder.yml").write_text(made.yaml(DECODER))
    assert read_checkpoint(folder).generation.beam_size == 6


def test_alignments_come_from_the_layer_that_was_guided(tmp_path: pathlib.Path) -> None:
    made.write(tmp_path / "model.bin", model(20, transformer_guided_alignment_layer=1))
    assert read_checkpoint(tmp_path).generation.alignment_heads == ((0, 0),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["a.npz", "b.npz"]}, "models is a list of 2, expected one model: ensembles"),
        ({"models": ["absent.npz"]}, "models is a list of 1, which is missing; the folder holds"),
        ({"models": [".."]}, "models is '..', expected the name of a file in its folder"),
        ({"models": ["a\\0b"]}, r"models is 'a\\0b', expected the name of a file"),
        ({"models": ["/"]}, "models is '', expected the name of a file"),
        ({"models": ["link.npz"]}, "models is 'link.npz', a link that leads out of the folder"),
        ({"vocabs": ["a" * 9000, "b"]}, "vocabs is a list of 2, which is missing; the folder"),
        ({"vocabs": ["opus.vocab.yml"]}, "vocabs is a list of 1, expected two names, of source"),
        ({"vocabs": ["a.fsv", "a.fsv"]}, "vocabs is a list of 2, 'a.fsv' is not one of .spm, .yml"),
        ({"beam-size": 0}, "beam-size is '0', expected 1 to 256"),
        ({"beam-size": 257}, "beam-size is '257', expected 0 to 256"),
        ({"normalize": "much"}, "normalize is 'much', expected a number"),
        ({"max-length-factor": 0}, "max-length-factor is '0', expected a number above 0, at most"),
        ({"max-length-factor": -2}, "max-length-factor is '-2', expected a number above 0"),
        ({"max-length-factor": "long"}, "max-length-factor is 'long', expected a number"),
        ({"n-best": 3}, "n-best is '3', expected true or false"),
        ({"allow-unk": "much"}, "allow-unk is 'much', expected true or false"),
    ],
)
def test_settings_are_not_believed(
    tmp_path: pathlib.Path, spm: bytes, changes: dict[str, Any], message: str
) -> None:
    folder = opus(tmp_path / "model", spm)
    (tmp_path / "out.npz").write_bytes((folder / "opus.npz").read_bytes())
    (folder / "a.fsv").touch()
    (folder / "link.npz").symlink_to(tmp_path / "out.npz")
    (folder / "decoder.yml").write_text(made.yaml({**DECODER, **changes}))
    with pytest.raises(ModelError) as error:
        read_checkpoint(folder)
    assert str(error.value).startswith(f"decoder.yml: {message}")


@pytest.mark.parametrize(
    "changes",
    [
        {"word-penalty": 0.1},
        {"force-decode": True},
        {"output-omit-bias": True},
        {"output-sampling": ["topk", 10]},
        {"output-sampling": True},
    ],
    ids=str,
)
def test_what_a_search_here_does_not_do_is_warned_of_once(
    tmp_path: pathlib.Path, spm: bytes, changes: dict[str, Any]
) -> None:
    folder = opus(tmp_path, spm)
    (folder / "decoder.yml").write_text(made.yaml({**DECODER, **changes}))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        pyattn.load(folder, threads=1).close()
    (warning,) = seen
    assert str(warning.message).startswith(f"decoder.yml: {next(iter(changes))} is not supported")


def test_settings_say_how_long_targets_are_and_how_many(tmp_path: pathlib.Path, spm: bytes) -> None:
    folder = opus(tmp_path, spm)
    # Marian's own where they do not say so.
    assert read_checkpoint(folder).generation.max_length_factor == 3
    settings = {**DECODER, "max-length-factor": 2.5, "n-best": True, "output-sampling": False}
    (folder / "decoder.yml").write_text(made.yaml(settings))
    found = read_checkpoint(folder).generation
    assert (found.max_length_factor, found.num_hypotheses, found.beam_size) == (2.5, 6, 6)
    (folder / "decoder.yml").unlink()
    assert read_checkpoint(folder).generation.max_length_factor == 3


def test_target_is_no_longer_than_the_factor_allows(tmp_path: pathlib.Path, spm: bytes) -> None:
    folder = opus(tmp_path / "opus", spm)
    settings = {**DECODER, "max-length-factor": 1.5}
    (folder / "decoder.yml").write_text(made.yaml(settings))
    convert(folder, tmp_path / "out")
    for path in (folder, tmp_path / "out"):
        with pyattn.load(path, threads=1) as translator:
            [[found]] = translator.model.generate([[5, 6, 7, 0]], min_new_tokens=5, beam_size=1)
            assert len(found.tokens) <= 6
            [[found]] = translator.model.generate(
                [[5, 6, 7, 0]], min_new_tokens=9, beam_size=1, max_length_factor=0
            )
            assert len(found.tokens) >= 9


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 2", "</s> is missing"),
        (b"</s>: 0\na: 1", "<unk> is missing"),
        (b"</s>: 1\n<unk>: 0", "</s> has id 1, expected 0"),
        (b"</s>: 0\n<unk>: 1\na: 900", "a has id 900, the model's embedding has "),
        (b"</s>: 0\n<unk>: 1\na: -1", "'a' is '-1', expected an id"),
        (b"</s>: 0\n<unk>: 1\na: [1]", "'a' is a list of 1, expected an id"),
        (b"</s>: 0\n<unk>: 1\na: 1", "'<unk>' and 'a' both have id 1"),
        (b"</s>: 0\n<unk>: 1\na: 99999999", "'a' is '99999999', too large for an id"),
        (b"</s>: 0\n<unk>: 1\na: " + b"9" * 5000, "'a' is '99999"),
    ],
)
def test_vocabularies_are_not_believed(
    tmp_path: pathlib.Path, spm: bytes, content: bytes, message: str
) -> None:
    folder = opus(tmp_path, spm)
    (folder / "opus.vocab.yml").write_bytes(content)
    with pytest.raises(ModelError) as error:
        load_tokenizer(folder)
    assert str(error.value).startswith(f"opus.vocab.yml: {message}")


def test_without_vocabularies_or_pieces_there_is_no_tokenizer(
    tmp_path: pathlib.Path, spm: bytes
) -> None:
    folder = opus(tmp_path / "opus", spm)
    (folder / "target.spm").unlink()
    assert load_tokenizer(folder) is None
    folder = firefox(tmp_path / "firefox", spm)
    (folder / "vocab.esen.spm").unlink()
    assert load_tokenizer(folder) is None
    for name in ("vocab.a.spm", "vocab.b.spm"):
        (folder / name).write_bytes(spm)
    with pytest.raises(ModelError, match=r"vocab\.a\.spm, vocab\.b\.spm, expected one vocabulary"):
        load_tokenizer(folder)


# Shortlists


CONFIG = ModelConfig(
    family="marian", source_vocab=4, target_vocab=6, dim=12, encoder_layers=1, decoder_layers=1,
    encoder_heads=1, decoder_heads=1, encoder_ffn=1, decoder_ffn=1, max_positions=9, start=0, end=0,
    unk=1,
)  # fmt: skip
LISTS = [[], [2, 5], [4], [2, 3]]


def shortlist(
    tmp_path: pathlib.Path,
    content: bytes,
    name: str = "lex.s2t.bin",
    settings: Mapping[str, Any] | None = None,
) -> LexicalShortlist:
    """Of a model with two vocabularies of four and of six tokens."""
    tokens = ["</s>", "<unk>", "a", "b", "c", "d"]
    made.write(tmp_path / "model.bin", model(4, 6))
    made.write(tmp_path / "srcvocab.yml", vocabulary(tokens[:4]))
    made.write(tmp_path / "trgvocab.yml", vocabulary(tokens))
    if settings is not None:
        made.write(tmp_path / "config.yml", made.yaml(settings).encode())
    made.write(tmp_path / name, content)
    found = read_shortlist(tmp_path)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["lex.s2t.bin", "lex.50.50.deen.s2t.bin.gz"])
def test_shortlist_has_the_first_ids_and_those_of_the_source(
    tmp_path: pathlib.Path, name: str
) -> None:
    found = shortlist(tmp_path, made.shortlist(LISTS, first=2), name)
    assert len(found) == 4
    assert found.candidates([]).tolist() == [0, 1]
    assert found.candidates([0]).tolist() == [0, 1]
    assert found.candidates([1, 3, 1]).tolist() == [0, 1, 2, 3, 5]
    assert found.candidates([3, 2]).tolist() == [0, 1, 2, 3, 4]


def test_the_end_may_come_whatever_the_shortlist_says(tmp_path: pathlib.Path) -> None:
    assert shortlist(tmp_path, made.shortlist(LISTS, first=0)).candidates([2]).tolist() == [0, 4]


def test_shortlist_as_text_keeps_the_likeliest(tmp_path: pathlib.Path) -> None:
    # Target, source, probability.
    text = "d a 0.5\na a 0.4\nb a 0.3\nNULL a 0.9\nc b 0.2\nz b 0.9\nc z 1\nd NULL 1\n"
    path = tmp_path / "two"
    found = shortlist(path, text.encode(), "lex.s2t", {"shortlist": ["lex.s2t", 1, 2, 0]})
    assert found.candidates([]).tolist() == [0]
    assert found.candidates([2]).tolist() == [0, 2, 5]
    assert found.candidates([3]).tolist() == [0, 1, 4]
    assert found.candidates([1]).tolist() == [0, 4]
    # By default there is room for a hundred of each, which is more than there are.
    found = shortlist(tmp_path / "all", text.encode(), "lex.s2t.gz")
    assert found.candidates([]).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "line 1 has 2 fields, expected target, source and probability"),
        ("a b 1\na b c\n", "line 2 has 'c', expected a probability"),
        ("a b nan", "line 1 has 'nan', expected a probability"),
        ("a b -1", "line 1 has '-1', expected a probability"),
        ("\udcff b 1", "line 1 is not valid UTF-8, or too long"),
    ],
)
def test_malformed_shortlist_as_text_is_refused(
    tmp_path: pathlib.Path, text: str, message: str
) -> None:
    with pytest.raises(ModelError) as error:
        shortlist(tmp_path, text.encode("utf-8", "surrogateescape"), "lex.s2t")
    assert str(error.value) == f"lex.s2t: {message}"


def field(place: int, value: int) -> bytes:
    """A shortlist with another number in its header, and a checksum that agrees."""
    content = bytearray(made.shortlist(LISTS))
    content[8 * place : 8 * place + 8] = struct.pack("<Q", value)
    if place != 1:
        content[8:16] = struct.pack("<Q", made.checksum(bytes(content[16:])))
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (field(0, 0xF11A48D5013417F5)[:40], "40 bytes, too short for a shortlist: truncated"),
        (field(1, 7), "checksum is 0x7, expected 0x"),
        (field(2, 7), "the first 7 target ids may come, the model has 6"),
        (field(2, 2**64 - 1), "the first 18446744073709551615 target ids"),
        (field(3, 1), "a list of 2 ids, expected at most 1"),
        (field(4, 4), "4 offsets, expected 5, one more than the model has source ids"),
        (field(4, 2**64 - 1), "18446744073709551615 offsets, expected 5"),
        (field(5, 6), "108 bytes, expected 112 for 6 ids: truncated, or something"),
        (field(5, 2**64 - 1), "108 bytes, expected 73786976294838206548 for"),
        (field(6, 1), "offsets do not ascend from 0 to 5"),
        (field(7, 5), "offsets do not ascend from 0 to 5"),
        (field(8, 2**63), "offsets do not ascend from 0 to 5"),
        (field(10, 4), "offsets do not ascend from 0 to 5"),
        (field(11, 2 + (6 << 32)), "has the target id 6, the model has 6"),
        (field(11, 2**64 - 1), "has the target id 4294967295, the model has 6"),
        (made.shortlist(LISTS)[:-1], "107 bytes, expected 108"),
        (made.shortlist(LISTS) + b"\0", "109 bytes, expected 108"),
    ],
)
def test_malformed_shortlist_is_refused(
    tmp_path: pathlib.Path, content: bytes, message: str
) -> None:
    with pytest.raises(ModelError) as error:
        shortlist(tmp_path, content)
    assert str(error.value).startswith(f"lex.s2t.bin: {message}")


def test_every_flipped_bit_behind_the_magic_shows(tmp_path: pathlib.Path) -> None:
    content = made.shortlist([[0, 1], [2, 5], [4], [2, 3, 4]])  # of whole words
    shortlist(tmp_path, content)
    for place in range(8, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        with pytest.raises(ModelError, match=r"^lex\.s2t\.bin: "):
            shortlist(tmp_path, bytes(changed))
