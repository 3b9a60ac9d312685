"""The template of a model's chats: messages to the text that it was trained with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pyattn.errors import ModelError
from pyattn.files.reading import JsonObject, listed, shown
from pyattn.files.tokenizer_parts import SETTINGS_FILE
from pyattn.text.chat.values import Excess, budgeted, plain, size_of
from pyattn.text.checks import check_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Template

# A message: its `role` and its `content`, and what else a template knows.
Message: TypeAlias = Mapping[str, Any]

# Many times the longest there are.
_MOST_CHARACTERS = 200_000
_KEY = "chat_template"
# Versions before it let templates out of the sandbox (CVE-2025-27516).
_SAFE = [3, 1, 6]
_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token")
# Arguments of methods that pass variables on.
_OWN = frozenset({"self", "messages", "broken"})
# Characters that stand for none; one that the messages lack breaks their special tokens.
_BREAKERS = tuple(map(chr, range(0xFDD0, 0xFDF0)))


class ChatTemplate:
    """The template in a tokenizer's settings, or in chat_template.jinja.

    Args:
        settings: The fields of tokenizer_config.json.
        name: Of several templates, which one; None is the default.

    Raises:
        ModelError: if there is no such template, it is malformed or does what templates may not, or
            the package jinja2 is not installed.
    """

    def __init__(self, settings: JsonObject, name: str | None = None) -> None:
        source = _source(settings, name)
        self._tokens = {key: _content(settings.get(key)) for key in _TOKENS if settings.get(key)}
        self._template = _compiled(source)

    def render(
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool = True,
        broken: Callable[[str, str], str] | None = None,
        **variables: Any,
    ) -> list[str]:
        """The text of messages, in pieces.

        Args:
            messages: The chat.
            add_generation_prompt: Whether the begin of an answer follows.
            broken: Puts a string into the special tokens of a text; the text is cut there. None is
                for a text in one piece.
            **variables: What else the template knows, such as `tools`.

        Raises:
            ValueError: if the template does not take the messages; the message has its reason.
            TypeError: if they are something else than messages.
            ModelError: if the template takes too long, or makes too much of them.
        """
        given: dict[str, Any] = {"messages": _checked(messages), "tools": None, "documents": None}
        given |= {name: plain(value, f"chat: {name}") for name, value in variables.items()}
        breaker = _breaker(given)
        if broken is not None:
            given = _mapped(given, lambda text: broken(text, breaker))
        given["add_generation_prompt"] = bool(add_generation_prompt)
        text = self._rendered({**self._tokens, **given})
        try:
            check_text(text, f"{_KEY}: its text")
        except ValueError as error:
            raise ModelError(str(error)) from None
        return text.split(breaker)

    def _rendered(self, given: dict[str, Any]) -> str:
        from jinja2.exceptions import TemplateError

        try:
            with budgeted(size_of(given, 1 << 40)) as budget:
                context = self._template.new_context(given)
                pieces: list[str] = []
                total = 0
                for piece in self._template.root_render_func(context):
                    budget.step()
                    pieces.append(piece)
                    total += len(piece)
                    budget.check(total)
                return "".join(pieces)
        except Excess as error:
            raise ModelError(f"{_KEY}: stopped, as {error}") from None
        except TemplateError as error:
            raise ValueError(f"chat: the model's template: {_reason(error)}") from None
        except RecursionError:
            raise ModelError(
                f"{_KEY}: stopped, as its functions call each other too often"
            ) from None
        except MemoryError:
            raise ModelError(f"{_KEY}: stopped, as there is no memory for its values") from None
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"chat: the model's template fails for these messages: {_reason(error)}"
            ) from None


def _source(settings: JsonObject, name: str | None) -> str:
    found = settings.get(_KEY)
    if found is None:
        raise ModelError(
            f"{SETTINGS_FILE}: no {_KEY}, and no chat_template.jinja beside it: the model was not "
            "made for chats, pass it prompts"
        )
    if isinstance(found, list):
        named = {
            one["name"]: one["template"]
            for one in found
            if isinstance(one, dict) and {"name", "template"} <= one.keys()
        }
        wanted = "default" if name is None else name
        if wanted not in named:
            known = listed([str(key) for key in named]) if named else "none"
            raise ModelError(f"{SETTINGS_FILE}: {_KEY} has no {wanted!r:.60}, but {known}")
        found = named[wanted]
    elif name is not None:
        raise ModelError(f"{SETTINGS_FILE}: there is one {_KEY} without a name, not {name!r:.60}")
    if not isinstance(found, str):
        raise ModelError(f"{SETTINGS_FILE}: {_KEY} is {shown(found)}, expected a string")
    if len(found) > _MOST_CHARACTERS:
        raise ModelError(
            f"{SETTINGS_FILE}: {_KEY} has {len(found):,} characters, expected at most "
            f"{_MOST_CHARACTERS:,}"
        )
    return found


def _compiled(source: str) -> Template:
    try:
        from jinja2.exceptions import TemplateError

        from pyattn.text.chat.sandbox import Sandbox
    except ImportError:
        raise ModelError(
            f"{_KEY}: chats need the package jinja2 (pip install 'pyattn[chat]')"
        ) from None
    from importlib import metadata  # which takes long to import

    version = metadata.version("jinja2")
    if [int(part) for part in re.findall(r"\d+", version)[:3]] < _SAFE:
        raise ModelError(
            f"{_KEY}: jinja2 is {version}, whose sandbox has known holes, expected 3.1.6 or newer"
        )
    try:
        return Sandbox().template(source)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = "" if line is None else f", line {line}"
        raise ModelError(f"{_KEY}{place}: {_reason(error)}") from None
    except (RecursionError, MemoryError, SyntaxError):
        raise ModelError(f"{_KEY}: its expressions are too deep") from None


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__


def _content(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token


def checked_variables(variables: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What a template knows besides messages, as keywords.

    Raises:
        TypeError: if it is no mapping of names, or has one with a meaning of its own.
    """
    if variables is None:
        return {}
    if not isinstance(variables, Mapping) or not all(isinstance(one, str) for one in variables):
        raise TypeError(
            f"chat: variables is {variables!r:.60}, expected a dict of what the template knows"
        )
    for name in sorted(_OWN & variables.keys()):
        raise TypeError(f"chat: variables has {name!r}, expected other names")
    return variables


def _checked(messages: Sequence[Message]) -> list[Any]:
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Sequence):
        kind = type(messages).__name__
        raise TypeError(f"chat: messages is {kind}, expected a list of dicts")
    for n, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise TypeError(
                f"chat: messages[{n}] is {message!r:.60}, expected a dict with role and content"
            )
    if not messages:
        raise ValueError("chat: there are no messages, expected at least one")
    found: list[Any] = plain(list(messages), "chat: messages")
    return found


def _breaker(given: Any) -> str:
    """A character that no text has."""
    texts: list[str] = []

    def seen(text: str) -> str:
        texts.append(text)
        return text

    _mapped(given, seen)
    whole = "".join(texts)
    return next((one for one in _BREAKERS if one not in whole), _BREAKERS[0])


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The same value with other texts; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return value
