"""Names of models, parsed.

    org/name, hf:org/name, https://huggingface.co/org/name      a repository of Hugging Face
    firefox:en-pt, argos:en-es                                  a pair of a registry's languages

Each may end in @revision: a branch, tag or commit, or the version of a registry's model.
"""

from __future__ import annotations

import dataclasses
import os
import re
import urllib.parse
from typing import Literal, TypeAlias

from pyattn.errors import ModelError

Registry: TypeAlias = Literal["firefox", "argos"]
Pair: TypeAlias = tuple[str, str]

REGISTRIES: tuple[Registry, ...] = ("firefox", "argos")
FORMS = "org/name, hf:org/name, firefox:en-pt or argos:en-es"
_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}
# A letter, digit or underscore at both ends, as Hugging Face wants it.
_WORD = r"\w(?:[\w.-]*\w)?"
_REPOSITORY = re.compile(rf"(?:{_WORD}/)?{_WORD}", re.ASCII)
_MOST_CHARACTERS = 96
_REVISION = re.compile(r"[\w.+-]+(?:/[\w.+-]+)*", re.ASCII)
_LANGUAGES = re.compile(r"[A-Za-z]{2,8}(?:[-_>]+[A-Za-z]{2,8})+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}")
# Parts of a code behind its language: a script or a region.
_SUBTAG = re.compile(r"[A-Za-z]{4}|[A-Za-z]{2}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class HubName:
    """A repository of Hugging Face, and a revision of it; None is the default branch."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegistryName:
    """A pair of languages of a registry.

    Attributes:
        registry: The registry.
        pairs: What the codes may mean: "en-pt-BR" is ("en", "pt-BR") or ("en-pt", "BR").
        revision: The model's version; None is the newest.
    """

    registry: Registry
    pairs: tuple[Pair, ...]
    revision: str | None = None

    def __str__(self) -> str:
        name = f"{self.registry}:{'-'.join(self.pairs[0])}"
        return name if self.revision is None else f"{name}@{self.revision}"


def parse(text: str, revision: str | None = None, endpoint: str | None = None) -> Name | None:
    """What a text names; None if it can only be a path.

    Args:
        text: The name.
        revision: As given beside it.
        endpoint: A mirror of Hugging Face whose addresses are names, too.

    Raises:
        ModelError: if it is the address of something else, or its form is wrong.
    """
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower() if colon else ""
    if scheme in ("http", "https"):
        return _from_address(text, revision, endpoint)
    if scheme in REGISTRIES:
        return _of_registry(scheme, rest, revision, text)
    if scheme == "hf":
        bare = rest.removeprefix("//")
        found = _repository(bare, revision)
        if found is None:
            raise ModelError(f"{text}: expected hf:org/name, or hf:org/name@revision")
        return found
    if colon or text[:1] in (".", "/", "~") or "\\" in text or "/" not in text:
        return None
    return _repository(text, revision)


Name: TypeAlias = HubName | RegistryName


def _repository(text: str, revision: str | None) -> HubName | None:
    name, at, own = text.partition("@")
    if not is_repository(name):
        return None
    return HubName(repository=name, revision=_one(text, own if at else None, revision))


def is_repository(name: str) -> bool:
    """Whether Hugging Face could have a repository of that name."""
    return (
        len(name) <= _MOST_CHARACTERS
        and _REPOSITORY.fullmatch(name) is not None
        and "--" not in name
        and ".." not in name
    )


def _from_address(text: str, revision: str | None, endpoint: str | None) -> HubName:
    try:
        address = urllib.parse.urlsplit(text)
    except ValueError as error:
        raise ModelError(f"{text}: not an address: {error}") from None
    mirrors = {endpoint or "", os.environ.get("HF_ENDPOINT", "")}
    hosts = _HOSTS | {urllib.parse.urlsplit(mirror).hostname for mirror in mirrors}
    parts = [urllib.parse.unquote(part) for part in address.path.strip("/").split("/")]
    model = parts[0] not in ("datasets", "spaces") and is_repository("/".join(parts[:2]))
    if address.hostname in hosts and model:
        # .../tree/REVISION, /blob/REVISION/FILE and /resolve/REVISION/FILE are pages of it.
        own = parts[3] if len(parts) > 3 and parts[2] in ("tree", "blob", "resolve") else None
        return HubName(repository="/".join(parts[:2]), revision=_one(text, own, revision))
    raise ModelError(
        f"{text}: only pages of models on huggingface.co are names; download other files, and load "
        f"their folder"
    )


def _of_registry(registry: str, rest: str, revision: str | None, text: str) -> RegistryName:
    codes, at, own = rest.partition("@")
    parts = re.split(r"[-_>]+", codes) if _LANGUAGES.fullmatch(codes) else []
    pairs = tuple(
        ("-".join(parts[:cut]), "-".join(parts[cut:]))
        for cut in range(1, len(parts))
        if _LANGUAGE.fullmatch(parts[0])
        and _LANGUAGE.fullmatch(parts[cut])
        and all(map(_SUBTAG.fullmatch, [*parts[1:cut], *parts[cut + 1 :]]))
    )
    if not pairs:
        raise ModelError(
            f"{text}: expected {registry}: and two codes of languages, as in {registry}:en-es"
        )
    whose: Registry = "firefox" if registry == "firefox" else "argos"
    return RegistryName(
        registry=whose, pairs=pairs, revision=_one(text, own if at else None, revision)
    )


def _one(text: str, own: str | None, beside: str | None) -> str | None:
    """The revision of a name that may have one, and may have one beside it."""
    if own is not None and beside is not None and own != beside:
        raise ModelError(f"{text}: revision is {beside}, but the name has another")
    found = beside if own is None else own
    if found is not None and (not _REVISION.fullmatch(found) or ".." in found):
        raise ModelError(f"{text}: {found!r} is no revision, expected a branch, tag or commit")
    return found
