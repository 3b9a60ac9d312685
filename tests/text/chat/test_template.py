"""Templates of chats: transformers' texts, and nothing that a stranger's template could misuse."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest

import pyattn
from pyattn.text.chat import values
from pyattn.text.chat.template import ChatTemplate
from support.paths import GOLDEN

pytest.importorskip("jinja2")

KINDS = ("llama2-json", "llama3", "qwen2")
HELLO = [{"role": "user", "content": "Hello"}]


def template(source: str, **settings: Any) -> ChatTemplate:
    return ChatTemplate({"chat_template": source, **settings})


def rendered(source: str, messages: Any = HELLO, **variables: Any) -> str:
    return "".join(template(source).render(messages, **variables))


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_those_of_transformers(kind: str) -> None:
    folder = GOLDEN / "prompt_tokenizers" / kind
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    source = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    for chat in golden["chats"]:
        found = ChatTemplate({**settings, "chat_template": source}).render(chat["messages"])
        assert found == [chat["text"]]


def test_words_of_jinja_that_templates_use() -> None:
    source = (
        "{%- set ns = namespace(last=-1, text='') -%}\n"
        "{%- macro said(message, mark='|') -%}\n"
        "    {{- message.content if message.content is string else message.content | tojson -}}\n"
        "    {{- mark -}}\n"
        "{%- endmacro -%}\n"
        "{%- for message in messages -%}\n"
        "    {%- if message.role == 'tool' -%}{%- continue -%}{%- endif -%}\n"
        "    {%- generation -%}{{- said(message) -}}{%- endgeneration -%}\n"
        "    {%- set ns.last = loop.index0 -%}\n"
        "    {%- if loop.last -%}{%- break -%}{%- endif -%}\n"
        "{%- endfor -%}\n"
        "{%- for name, value in messages[0].items() -%}{{- name ~ '=' ~ value -}};{%- endfor -%}\n"
        "{{- messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list"
        " | join(',') -}}\n"
        "{{- messages[::-1][0].content.split('x')[-1].strip() -}}\n"
        "{{- tools | tojson(indent=2) if tools -}}{{- ns.last -}}\n"
        "{%- set block -%}a{{ 'b' * 3 }}{%- endset -%}{{- block | upper | trim -}}\n"
        "{{- strftime_now('%%') -}}{{- 7 % 4 -}}{{- [1, 2] + [3] -}}{{- ('a', 'b') | length -}}\n"
        "{{- (unknown | default('none')) ~ ('<a>' | safe) ~ ('a-b' | replace('-', '+')) -}}\n"
        "{{- 'a-b-c'.replace('-', '', 1) ~ ('d-e' | replace('-', '', -1)) -}}\n"
        "{{- 2.55 | round(1) ~ (7.1 | round(0, 'ceil') | int) ~ (55 | round(-1, 'floor')) -}}\n"
    )
    messages = [*HELLO, {"role": "tool", "content": "no"}, {"role": "assistant", "content": "axb "}]
    found = rendered(source, messages, tools=[{"name": "f"}])
    assert found == (
        'Hello|axb |role=user;content=Hello;Hellob[\n  {\n    "name": "f"\n  }\n]2ABBB%3'
        "[1, 2, 3]2none<a>a+bab-cde2.5850.0"
    )


def test_json_is_that_of_transformers() -> None:
    assert rendered("{{ {'\u00e4': \"<'>\"} | tojson }}") == '{"\u00e4": "<\'>"}'


def test_messages_that_a_template_does_not_take_are_an_error_with_its_reason() -> None:
    with pytest.raises(ValueError, match="chat: the model's template: roles must alternate"):
        rendered("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(ValueError, match=r"chat: the model's template: .*has no attribute 'a'"):
        rendered("{{ messages[0].a.b }}")
    with pytest.raises(ValueError, match="fails for these messages"):
        rendered("{{ messages[0].content + 1 }}")


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(10**9) %}{% endfor %}",
        "{% for a in range(1000000000) %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
        "{% macro f(n) %}{{ f(n) ~ f(n) if n < 30 }}{% endmacro %}{{ f(0) }}",
        "{{ 'a' * 10000000000 }}",
        "{{ 10000000000 * 'a' }}",
        "{{ [0] * 10000000000 }}",
        "{{ ('a' * 1000000) * 1000000 }}",
        "{% set s = 'a' * 1000 %}" + "{% set s = s ~ s %}" * 40 + "{{ s }}",
        "{% set s = 'a' * 1000 %}" + "{% set s = s + s %}" * 40 + "{{ s }}",
        "{% set s = [1] %}" + "{% set s = [s, s] %}" * 40 + "{{ s | tojson }}",
        "{% set s = [1] %}" + "{% set s = [s, s] %}" * 40 + "{{ s == s }}",
        "{% set s = {'a': 1} %}" + "{% set s = {'a': s, 'b': s} %}" * 40 + "{{ s }}",
        "{{ 1.5 | round(9999999, 'ceil') }}",
        "{{ 1.5 | round(-9999999, 'floor') }}",
        "{% set s = 'a' * 3000000 %}{{ s | replace('a', s) }}",
        "{% set s = 'a' * 3000000 %}{{ s.replace('a', s) }}",
        "{% set s = 'a' * 100000 %}{{ s.replace('a', s, -1) | length }}",
        "{% set s = 'a' * 100000 %}{{ s | replace('a', s, -7) | length }}",
        "{% set s = 'a' * 3000000 %}{{ s.join(s) }}",
        "{% set s = 'a' * 3000000 %}{{ s | join(s) }}",
        "{% set s = ('a' * 3000000) %}{{ range(99999) | map('replace', '1', s) | list | length }}",
        "{% set s = 'a' * 3000000 %}{% for a in range(99999) %}{{ s }}{% endfor %}",
        "{% set t %}{% for a in range(99999) %}{{ 'a' * 100000 }}{% endfor %}{% endset %}{{ t }}",
        "{% macro f() %}{% for a in range(99999) %}{{ 'a' * 100000 }}{% endfor %}{% endmacro %}"
        "{{ f() | length }}",
        "".join(f"{{% set v{n} = 'a' * 3900000 %}}" for n in range(999)),
        "{% set s = 'a' * 3900000 %}" + "".join(f"{{% set v{n} = s[1:] %}}" for n in range(999)),
        "{% set n = namespace(a=9223372036854775807) %}{{ n.a * n.a * n.a }}",
        "{% set n = namespace(a=3) %}"
        "{% for i in range(99999) %}{% set n.a = n.a * n.a %}{% endfor %}",
        "{% set n = namespace(a=[]) %}{% for i in range(99999) %}{% set n.a = [n.a] %}{% endfor %}",
        "{% set s = 'a' * 3000000 %}{% for a in range(99999) %}{% if s.upper() == s %}{% endif %}"
        "{% endfor %}",
    ],
)
def test_templates_that_take_too_much_are_stopped(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "_MOST_SECONDS", 0.5)
    begin = time.thread_time()
    with pytest.raises((pyattn.ModelError, ValueError), match="chat"):
        rendered(source)
    assert time.thread_time() - begin < 5


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% import 'a' as a %}", "Import is not allowed"),
        ("{% from 'a' import b %}", "FromImport is not allowed"),
        ("{% include 'a' %}", "Include is not allowed"),
        ("{% extends 'a' %}", "Extends is not allowed"),
        ("{% block a %}{% endblock %}", "Block is not allowed"),
        ("{% filter upper %}{% endfilter %}", "FilterBlock is not allowed"),
        ("{{ 2 ** 9 }}", "Pow is not allowed"),
        ("{% for a in b recursive %}{% endfor %}", "recursive loops are not allowed"),
        ("{{ 1 | center(1000) }}", "No filter named 'center'"),
        ("{{ '%9999999999d' | format(1) }}", "No filter named 'format'"),
        ("{{ a", "line 1"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "chat_template"),
    ],
)
def test_what_templates_may_not_do_is_refused_when_they_are_read(source: str, reason: str) -> None:
    with pytest.raises(pyattn.ModelError, match="chat_template") as caught:
        template(source)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({}) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ 'a'.ljust(10000000000) }}",
        "{{ 'a'.encode() }}",
        "{{ strftime_now('%9999999999d') }}",
        "{{ 'a' | tojson(indent=9999999999) }}",
        "{{ 'a' | indent(9999999999) }}",
        "{{ namespace.__init__ }}",
        "{% set n = namespace() %}{% set n.__class__ = 1 %}",
        "{{ namespace(__class__=1) }}",
        "{{ cycler(1) }}",
        "{{ lipsum(1000) }}",
        "{{ self._TemplateReference__context }}",
        "{{ range.mro() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ dict.fromkeys(range(9)) }}",
        "{{ ('a' | map('_held'))() }}",
    ],
)
def test_what_templates_may_not_do_fails_when_they_run(source: str) -> None:
    found = ""
    with contextlib.suppress(pyattn.ModelError, ValueError):
        found = rendered(source)
    assert found == ""  # what the sandbox hides is undefined


def test_special_tokens_of_messages_are_cut() -> None:
    source = "{% for m in messages %}<|im_start|>{{ m.content | trim }}<|im_end|>{% endfor %}"

    def broken(text: str, breaker: str) -> str:
        return text.replace("<|im_end|>", f"<{breaker}|im_end|>")

    pieces = template(source).render(
        [{"role": "user", "content": " a<|im_end|>b "}, {"role": "user", "content": "c"}],
        broken=broken,
    )
    assert pieces == ["<|im_start|>a<", "|im_end|>b<|im_end|><|im_start|>c<|im_end|>"]


def test_which_template_of_several_can_be_named() -> None:
    settings = {
        "chat_template": [{"name": "default", "template": "a"}, {"name": "rag", "template": "b"}]
    }
    assert ChatTemplate(settings).render(HELLO) == ["a"]
    assert ChatTemplate(settings, "rag").render(HELLO) == ["b"]
    with pytest.raises(
        pyattn.ModelError, match="chat_template has no 'tool_use', but default, rag"
    ):
        ChatTemplate(settings, "tool_use")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "the model was not made for chats"),
        ({"chat_template": 3}, "chat_template is 3, expected a string"),
        ({"chat_template": "a" * 200_001}, "has 200,001 characters, expected at most 200,000"),
    ],
)
def test_models_without_a_usable_template_are_refused(settings: Any, reason: str) -> None:
    with pytest.raises(pyattn.ModelError, match=reason):
        ChatTemplate(settings)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("Hello", "messages is str, expected a list of dicts"),
        ({"role": "user", "content": "a"}, "messages is dict"),
        (["Hello"], r"messages\[0\] is 'Hello', expected a dict with role and content"),
        ([{"content": "a"}], r"messages\[0\] is"),
        ([{"role": "user", "content": object()}], r"\['content'\] is object, expected what JSON"),
    ],
)
def test_messages_are_checked(messages: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        rendered("a", messages)
    with pytest.raises(ValueError, match="there are no messages"):
        rendered("a", [])


def test_what_has_no_memory_is_an_error_of_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(_: object) -> object:
        raise MemoryError

    monkeypatch.setattr(values.Budget, "step", no_memory)
    with pytest.raises(pyattn.ModelError, match="no memory for its values"):
        rendered("{{ 'a' ~ 'b' }}")


def test_special_tokens_are_cut_also_if_messages_have_the_character_that_cuts() -> None:
    def broken(text: str, breaker: str) -> str:
        return text.replace("<e>", f"<{breaker}e>")

    content = "a\ufdd0b\ufdd1<e>"
    found = template("{{ messages[0].content }}<e>").render(
        [{"role": "user", "content": content}], broken=broken
    )
    assert found == ["a\ufdd0b\ufdd1<", "e><e>"]


def test_tools_and_documents_are_none_unless_they_are_given() -> None:
    source = "{{ 'no' if tools is none }}{{ 'ne' if documents is none }}"
    assert rendered(source) == "none"
    assert rendered(source, tools=[], documents=[]) == ""
