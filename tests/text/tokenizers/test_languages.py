"""Languages of models by their names: what is around sources, and what targets begin with."""

import json
import pathlib
import re
from typing import Any

import pytest

from pyattn.errors import ModelError
from pyattn.files.native import write_native
from pyattn.model import Model
from pyattn.text.tokenizers import Languages, Tokenizer, load_tokenizer, tokenizer_files
from pyattn.translator import Translator
from support.tokenizer_folders import golden_folder, random_checkpoint

END = 2


def loaded(folder: pathlib.Path, name: str, settings: Any = None, **config: Any) -> Tokenizer:
    golden_folder(folder, name, **config)
    if settings is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = load_tokenizer(folder)
    assert tokenizer is not None
    return tokenizer


def body(tokenizer: Tokenizer, text: str, **languages: str) -> list[int]:
    """The ids of a text that has its language on one side, without that and the end."""
    (ids,) = tokenizer.encode([text], **languages)
    return [id for id in ids if id != END][1:]


@pytest.mark.parametrize("name", ["nllb-json", "mbart50-json", "mbart50-pieces", "m2m-pieces"])
def test_source_begins_with_its_language(name: str, tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(tmp_path, name)
    text = body(tokenizer, "the cat")
    for language, (id,) in tokenizer.languages.sources.items():
        assert tokenizer.encode(["the cat"], source=language) == [[id, *text, END]]
        assert tokenizer.languages.first_token(language) == id


def test_legacy_nllb_has_the_language_behind_the_end(tmp_path: pathlib.Path) -> None:
    settings = {"src_lang": "fra_Latn", "legacy_behaviour": True}
    tokenizer = loaded(tmp_path, "nllb-json", settings)
    (id,) = tokenizer.languages.sources["fra_Latn"]
    (ids,) = tokenizer.encode(["the cat"])
    assert ids[-2:] == [END, id]
    assert id not in ids[:-1]


def test_mbart_25_has_the_language_behind_the_end_and_its_own_target(
    tmp_path: pathlib.Path,
) -> None:
    tokenizer = loaded(tmp_path, "mbart-pieces")
    languages = tokenizer.languages
    (ids,) = tokenizer.encode(["the cat"], source="de_DE")
    assert ids[-2:] == [END, *languages.sources["de_DE"]]
    assert len(languages.sources) == 25
    assert languages.targets == {"fr_XX": (138,)}  # the model's start
    assert languages.chosen("de_DE", None) == ("de_DE", "fr_XX")
    assert languages.first_token("fr_XX") is None
    with pytest.raises(ValueError, match=r"target is ro_RO, which the model does not have"):
        languages.chosen("de_DE", "ro_RO")


def small_100(folder: pathlib.Path, known_by: str) -> Tokenizer:
    """SMaLL-100's tokenizer: as its class saves it, as it is published, or converted from that."""
    settings = {"tgt_lang": "de", "tokenizer_class": "SMALL100Tokenizer"}
    if known_by == "class":
        return loaded(folder, "m2m-pieces", settings)
    folder.mkdir(exist_ok=True)
    (folder / "tokenization_small100.py").write_text("raise SystemExit\n")
    published = loaded(folder, "m2m-pieces", settings | {"tokenizer_class": "M2M100Tokenizer"})
    if known_by == "code":
        return published
    made = random_checkpoint("m2m_100", end=END, start=END)
    write_native(folder / "native", made, tokenizer_files=tokenizer_files(folder))
    converted = load_tokenizer(folder / "native")
    assert converted is not None
    return converted


@pytest.mark.parametrize("known_by", ["class", "code", "conversion"])
def test_small_100_has_the_target_at_its_head(tmp_path: pathlib.Path, known_by: str) -> None:
    tokenizer = small_100(tmp_path, known_by)
    german, french = (tokenizer.languages.targets[name][0] for name in ("de", "fr"))
    (default,), (named,) = tokenizer.encode(["cat"]), tokenizer.encode(["cat"], target="fr")
    assert (default[0], named[0]) == (german, french)
    assert default[1:] == named[1:]
    assert tokenizer.languages.first_token("fr") is None
    with pytest.raises(ValueError, match="source is en, but this model takes no source language"):
        tokenizer.encode(["cat"], source="en")


def test_number_of_layers_says_nothing_of_the_tokenizer(tmp_path: pathlib.Path) -> None:
    # SMaLL-100 has 12 and 3; so may any other M2M100 or NLLB that was made smaller.
    one = loaded(tmp_path / "one", "m2m-pieces", encoder_layers=12, decoder_layers=3)
    other = loaded(tmp_path / "other", "m2m-pieces")
    assert one.languages.sources == other.languages.sources
    assert one.encode(["cat"], source="de") == other.encode(["cat"], source="de")


@pytest.mark.parametrize("name", ["madlad-json", "madlad-pieces"])
def test_madlad_reads_its_target_in_the_text(name: str, tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(tmp_path, name)
    assert list(tokenizer.languages.targets) == ["en", "pt_BR"]
    written = tokenizer.encode(["<2pt_BR> the cat", " <2pt_BR>the cat"])
    assert tokenizer.encode(["the cat"], target="pt_BR") * 2 == written
    assert tokenizer.encode(["the cat"])[0] != written[0]
    # 4 is the id of the token, whatever the space before it is.
    assert 4 in written[0][:2]


def test_madlad_head_is_what_sentencepiece_makes_of_it(tmp_path: pathlib.Path) -> None:
    import sentencepiece

    tokenizer = loaded(tmp_path, "madlad-pieces")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "spiece.model"))
    assert tokenizer.encode(["the cat"], target="en") == [[*processor.encode("<2en> the cat"), 1]]


@pytest.mark.parametrize("name", ["madlad-json", "madlad-pieces"])
def test_madlad_takes_what_is_no_language_for_text(name: str, tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(tmp_path, name)
    for text in ("<2nd> the cat", " <2zz> cat", "<2EN> cat"):
        assert tokenizer.encode([text]) == tokenizer.encode_bodies([text])
        assert tokenizer.languages.split(text, "texts[0]", "en") == ("en", text)
        assert tokenizer.encode([text], target="en") == tokenizer.encode_bodies([text], target="en")
        rest = tokenizer.encode_bodies([f" {text}"], target="en")
        assert tokenizer.encode([f"<2en> {text}"]) == rest


def test_language_that_text_and_caller_name_must_be_one(tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(tmp_path, "madlad-json")
    assert tokenizer.encode(["<2en> a"], target="en") == tokenizer.encode(["<2en> a"])
    with pytest.raises(ValueError, match=r"^encode: texts\[1\] asks for en, but target is pt_BR"):
        tokenizer.encode(["a", "<2en> a"], target="pt_BR")


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ("eng_Latin", "fra_Latn", "source is eng_Latin, .*nearest of its 3 languages are eng_Latn"),
        ("eng_Latn", "fra_Latm", "target is fra_Latm, which the model does not have; .*fra_Latn"),
        ("eng_Latn", None, "target is not given, expected one of the model's 3 languages, such as"),
        ("<unk>", "fra_Latn", "source is <unk>, which the model does not have"),
        ("x" * 1000, "fra_Latn", r"source is x{97}\.\.\.,"),
    ],
)
def test_unknown_language_names_the_nearest(
    tmp_path: pathlib.Path, source: str, target: str | None, problem: str
) -> None:
    languages = loaded(tmp_path, "nllb-json").languages
    with pytest.raises(ValueError, match=problem):
        languages.chosen(source, target)


@pytest.mark.parametrize("name", ["t5-json", "pegasus-pieces", "bart-json", "byt5"])
def test_model_of_one_pair_refuses_both_arguments(name: str, tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(tmp_path, name)
    for side in ("source", "target"):
        with pytest.raises(ValueError, match=f"{side} is fr, but this model has no languages to"):
            tokenizer.encode(["a"], **{side: "fr"})
    assert tokenizer.languages.chosen(None, None) == (None, None)


def test_source_that_is_not_given_is_an_error(tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(tmp_path, "nllb-json", {"src_lang": None})
    with pytest.raises(ValueError, match="source is not given, expected one of the model's 3"):
        tokenizer.encode(["a"])


def test_names_in_the_settings_are_checked(tmp_path: pathlib.Path) -> None:
    problem = r"tokenizer_config\.json: src_lang is eng, which is no language of the vocabulary"
    with pytest.raises(ModelError, match=problem):
        loaded(tmp_path, "nllb-json", {"src_lang": "eng"})


def test_forced_token_names_the_target() -> None:
    languages = Languages(targets={"a": (7,), "b": (8,)}, forced=True)
    assert languages.chosen(None, None, forced=8) == (None, "b")
    assert languages.chosen(None, "a", forced=8) == (None, "a")
    assert languages.chosen(None, None, forced=5) == (None, None)
    with pytest.raises(ValueError, match="target is not given"):
        languages.chosen(None, None)


# --- translators ------------------------------------------------------------------------------


def translator(folder: pathlib.Path, name: str, **options: Any) -> Translator:
    """A tiny model of random weights with the tokenizer of that name."""
    tokenizer = loaded(folder, name)
    family = json.loads((folder / "config.json").read_text())["model_type"]
    made = random_checkpoint(family, tokenizer.end, start=END, **options)
    return Translator(Model(made, threads=1), tokenizer)


def firsts(answers: Any) -> list[int]:
    return [ranked[0].tokens[0] for ranked in answers]


def test_targets_begin_with_the_language_that_is_asked_for(tmp_path: pathlib.Path) -> None:
    with translator(tmp_path, "nllb-json") as nllb:
        ids = {name: id for name, (id,) in nllb.languages.targets.items()}
        texts = ["the cat", "the dog", "", "a house"]
        each = ["fra_Latn", "zho_Hans", "eng_Latn", "fra_Latn"]
        one = nllb.results(texts[:2], source="eng_Latn", target="zho_Hans")
        assert firsts(one) == [ids["zho_Hans"]] * 2
        many = nllb.results(texts, source="eng_Latn", target=each)
        assert many[2][0].tokens == []
        assert firsts(many[:2] + many[3:]) == [ids[each[n]] for n in (0, 1, 3)]
        # A text has the translation that it has alone.
        alone = nllb.translate("the dog", source="eng_Latn", target="zho_Hans")
        assert [ranked[0].text for ranked in many][1] == alone
        assert list(nllb.stream(texts[:2], source="eng_Latn", target="zho_Hans")) == [
            ranked[0].text for ranked in one
        ]


def test_source_may_be_a_list_too(tmp_path: pathlib.Path) -> None:
    with translator(tmp_path, "nllb-json") as nllb:
        languages = ["eng_Latn", "zho_Hans"]
        both = nllb.results(["a cat"] * 2, source=languages, target="fra_Latn")
        for found, language in zip(both, languages, strict=True):
            (alone,) = nllb.results(["a cat"], source=language, target="fra_Latn")
            assert found[0].tokens == alone[0].tokens


def test_forced_first_token_stands_for_its_language(tmp_path: pathlib.Path) -> None:
    with translator(tmp_path, "nllb-json", forced_bos_token=134) as nllb:
        assert firsts(nllb.results(["the cat"])) == [134]
        assert firsts(nllb.results(["the cat"], target="fra_Latn")) == [133]
        assert firsts(nllb.results(["the cat"], forced_bos_token=132)) == [132]


@pytest.mark.parametrize(
    ("languages", "problem"),
    [
        ({}, "target is not given, expected one of"),
        ({"target": "fra"}, "target is fra, which the model does not have"),
        ({"target": ["fra_Latn"] * 3}, "target has 3 languages, expected 2, one per text"),
        ({"source": "de", "target": "fra_Latn"}, "source is de, which the model does not have"),
    ],
)
def test_wrong_languages_are_errors(
    tmp_path: pathlib.Path, languages: dict[str, Any], problem: str
) -> None:
    with translator(tmp_path, "nllb-json") as nllb:
        with pytest.raises(ValueError, match=problem):
            nllb.translate(["a cat", "a dog"], **languages)
        with pytest.raises(TypeError, match="target is int, expected a language or a list"):
            nllb.translate(["a cat"], target=3)


def test_stream_refuses_a_wrong_language_at_once(tmp_path: pathlib.Path) -> None:
    with (
        translator(tmp_path, "nllb-json") as nllb,
        pytest.raises(ValueError, match="target is fra, which"),
    ):
        nllb.stream(iter(["a cat"]), target="fra")


def pieces_of(one: Translator, text: str, **options: Any) -> list[list[int]]:
    """The sources that a model is given for a text."""
    given: list[list[int]] = []
    submit = one.model.submit

    def kept(ids: list[list[int]], *rest: Any, **more: Any) -> Any:
        given.extend(ids)
        return submit(ids, *rest, **more)

    one.model.submit = kept  # type: ignore[method-assign, assignment]
    one.translate(text, guard=False, **options)
    return given


SENTENCES = "The cat sat on the mat. Dogs run home with people. They never say which house."


def test_every_sentence_of_a_translator_has_its_language(tmp_path: pathlib.Path) -> None:
    with translator(tmp_path, "nllb-json") as nllb:
        given = pieces_of(nllb, SENTENCES, source="eng_Latn", target="fra_Latn")
    assert len(given) == 3
    assert {ids[0] for ids in given} == {132}


def test_head_of_a_text_is_at_every_sentence(tmp_path: pathlib.Path) -> None:
    with translator(tmp_path, "madlad-json") as madlad:
        given = pieces_of(madlad, f"<2en> {SENTENCES}")
    assert len(given) == 3
    assert {ids[0] for ids in given} == {3}


def test_mbart_is_cut_into_sentences_where_it_translates(tmp_path: pathlib.Path) -> None:
    text = "The cat sat. Dogs run home. They never say which."
    with translator(tmp_path, "mbart50-json") as mbart:
        assert len(pieces_of(mbart, text, source="en_XX", target="de_DE")) == 3
        assert len(pieces_of(mbart, text, source="en_XX", target="en_XX")) == 1


def test_model_of_whole_texts_is_given_what_fits(tmp_path: pathlib.Path) -> None:
    with translator(tmp_path, "bart-json") as bart:
        given = pieces_of(bart, "A cat sat. The dogs run. ")
        assert len(given) == 1
        given = pieces_of(bart, SENTENCES * 2, truncate="pieces")
    assert 1 < len(given) < 6
    assert all(len(ids) <= 64 and (ids[0], ids[-1]) == (0, END) for ids in given)
    spaces = re.compile(r"^\s|\s$")
    assert not any(spaces.search(text) for text in bart.tokenizer.decode(given))


@pytest.mark.parametrize("name", ["nllb-json", "bart-json", "t5-pieces", "byt5"])
def test_blank_text_is_not_given_to_the_model(name: str, tmp_path: pathlib.Path) -> None:
    named = {"source": "eng_Latn", "target": "fra_Latn"} if name == "nllb-json" else {}
    with translator(tmp_path, name) as one:
        assert pieces_of(one, " \n\t ", **named) == []
