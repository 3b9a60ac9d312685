"""Models by name: their languages, loaded on demand, dropped by memory, two as one."""

import asyncio
import logging
from typing import Any

import pytest

import pyattn
from pyattn.serving import service as service_module
from pyattn.serving.catalog import Catalog
from pyattn.serving.codes import code_of, language_name, same_language
from pyattn.serving.problems import Problem
from pyattn.serving.service import Service
from pyattn.serving.settings import ServiceSettings, read_setting
from pyattn.serving.work import Job
from support import service


class Loader:
    """Counts what it loads."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, source: Any) -> pyattn.Translator:
        self.loaded.append(source)
        if source == "broken":
            raise pyattn.ModelError("broken: no config.json")
        return pyattn.load(threads=1)


def translated(made: Service, source: str, target: str, text: str = "I am hungry.") -> str:
    job = Job(texts=[text], source=source, target=target)
    [answer] = asyncio.run(made.work.translate(job))
    return answer.text


def test_a_model_is_loaded_with_the_first_text() -> None:
    load = Loader()
    made = Service({"en-es": "a", "en-fr": "b"}, ServiceSettings(), load)
    assert load.loaded == []
    assert made.catalog.targets_of("en") == ["en", "es", "fr"]
    for _ in range(2):
        assert translated(made, "en", "fr") == "Tengo hambre."
    assert load.loaded == ["b"]
    made.catalog.close()


def test_models_go_by_memory_the_longest_unused_first() -> None:
    load = Loader()
    size = service.translator().model.nbytes
    settings = ServiceSettings(memory_bytes=size * 2 + size // 2)
    made = Service({"en-es": "a", "en-fr": "b", "en-de": "c"}, settings, load)
    for target in ("es", "fr", "es", "de"):
        translated(made, "en", target)
    loaded = [slot.name for slot in made.catalog.slots if slot.translator is not None]
    assert loaded == ["en-es", "en-de"]
    translated(made, "en", "fr")
    assert load.loaded == ["a", "b", "c", "b"]
    made.catalog.close()


def test_two_models_are_one_where_none_has_the_pair() -> None:
    made = Service({"de-en": "a", "en-es": "b"}, ServiceSettings(), Loader())
    assert made.catalog.targets_of("de") == ["de", "en", "es"]
    one = service.translator()
    expected = pyattn.Pivot(one, one).translate("I am hungry.")
    job = Job(texts=["I am hungry."], source="de", target="es")
    [answer] = asyncio.run(made.work.translate(job))
    assert (answer.text, answer.model) == (expected, "de-en+en-es")
    made.catalog.close()


def test_a_model_that_cannot_be_loaded_harms_no_other() -> None:
    made = Service({"en-es": "a", "en-fr": "broken"}, ServiceSettings(), Loader())
    with pytest.raises(Problem) as refused:
        translated(made, "en", "fr")
    assert refused.value.status == 503
    assert "config" not in str(refused.value)  # the client learns nothing of this machine
    assert translated(made, "en", "es") == "Tengo hambre."
    made.catalog.close()


def test_a_model_with_another_name_has_its_own_languages() -> None:
    made = Catalog({"mine": service.translator()}, Loader())
    assert made.slots[0].pairs == {("en", "es"): (None, None)}


def test_a_service_needs_a_model() -> None:
    with pytest.raises(ValueError, match="there is no model"):
        Catalog({}, Loader())


def test_many_callers_load_a_model_once() -> None:
    load = Loader()
    made = Service({"en-es": "a"}, ServiceSettings(), load)

    async def run() -> list[Any]:
        jobs = [Job(texts=[f"I have {n} cats."], source="en", target="es") for n in range(9)]
        return await asyncio.gather(*(made.work.translate(job) for job in jobs))

    assert len(asyncio.run(run())) == 9
    assert load.loaded == ["a"]
    made.catalog.close()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("en", "en"),
        ("EN-US", "en-US"),
        ("eng_Latn", "en"),
        ("zho_Hant", "zh-Hant"),
        ("zh-TW", "zh-Hant"),
        ("zho_Hans", "zh"),
        ("pt_XX", "pt"),
        ("pb", "pt-BR"),
        ("nob_Latn", "nb"),
        ("xx-klingon", "xx"),
    ],
)
def test_names_of_languages_have_a_code(name: str, code: str) -> None:
    assert code_of(name) == code


def test_chinese_scripts_are_two_languages_and_countries_one() -> None:
    assert not same_language("zh", "zh-Hant")
    assert same_language("en-GB", "eng_Latn")
    assert language_name("pt-BR") == "Brazilian Portuguese"
    assert language_name("de-AT") == "German"
    assert language_name("tlh") == "tlh"


def test_settings_come_from_arguments_and_the_environment() -> None:
    environment = {
        "PYATTN_SERVE_BODY_BYTES": "5000",
        "PYATTN_SERVE_KEYS": "a, b",
        "PYATTN_SERVE_TRUST_PROXY": "yes",
        "PYATTN_SERVE_SECONDS": "2.5",
        "PYATTN_SERVE_THREADS": "",
    }
    found = ServiceSettings.chosen({"body_bytes": 6000, "root_path": "mt/"}, environment)
    assert (found.body_bytes, found.keys, found.trust_proxy) == (6000, ("a", "b"), True)
    assert (found.seconds, found.threads, found.root_path) == (2.5, None, "/mt")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("body_bytes", "many", "expected a number"),
        ("trust_proxy", "maybe", "expected true or false"),
        ("nope", "1", "there is no setting 'nope'"),
    ],
)
def test_wrong_settings_get_a_reason(name: str, value: str, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        read_setting(name, value)
    if name != "nope":
        with pytest.raises(ValueError, match=f"PYATTN_SERVE_{name.upper()}: .*{message}"):
            ServiceSettings.chosen({}, {f"PYATTN_SERVE_{name.upper()}": value})


@pytest.mark.parametrize(
    "wrong", [{"body_bytes": 0}, {"seconds": -1}, {"keys": "abc"}, {"keys": ("",)}, {"page": 1}]
)
def test_values_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
        ServiceSettings(**wrong)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (pyattn.ModelError("a: no config.json"), "ModelError: a: no config.json"),
        (RuntimeError("out of luck"), "RuntimeError: out of luck"),
    ],
)
def test_a_warm_up_that_fails_is_in_the_log_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    reason: str,
) -> None:
    wrong = [error, error]

    def load(_: Any) -> pyattn.Translator:
        if wrong:
            raise wrong.pop()
        return pyattn.load(threads=1)

    async def run() -> None:
        made = Service({"en-es": "a"}, ServiceSettings(), load)
        async with made.running():
            while not made.ready:
                await asyncio.sleep(0.01)

    monkeypatch.setattr(service_module, "_WARM_UP_AGAIN", 0.01)
    with caplog.at_level(logging.INFO, "pyattn.serving"):
        asyncio.run(asyncio.wait_for(run(), 60))
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert lines == [f"the warm-up of the model en-es failed: {reason}"] * 2


def test_spellings_of_languages_are_remembered_up_to_a_number() -> None:
    catalog = Catalog({"en-es": "a", "es-pt": "b"}, Loader())
    for number in range(5000):
        assert catalog.language(f"es-{number:04}", as_target=False) == "es"
    assert catalog.language("xx", as_target=True) is None
    assert catalog.language("ES", as_target=True) == catalog.language("ES", as_target=True) == "es"
    assert len(catalog._languages) == 1000
