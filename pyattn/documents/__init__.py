"""Documents in, documents out: translated text in an untouched skeleton.

A reader finds the segments of a document, an engine translates the segments of all documents of a
call in one stream, and the translations replace the segments in the document's own text. Inline
markup moves by alignment. What is not translated keeps its bytes.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pyattn.documents.engine import Translate, answered
from pyattn.documents.formats import Opened, format_names, format_of, read_document
from pyattn.documents.model import Answer, Segment
from pyattn.documents.settings import DocumentSettings
from pyattn.errors import DocumentError
from pyattn.text.recognition import AUTO, recognised

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Languages

__all__ = [
    "DocumentError",
    "DocumentSettings",
    "FileResult",
    "format_names",
    "translate",
    "translate_all",
    "translate_file",
    "translate_files",
]

# Segments that the language of a document is found by; single words would mislead.
_LONGEST = 20

_SETTINGS = {field.name for field in dataclasses.fields(DocumentSettings)}


@dataclasses.dataclass(frozen=True)
class FileResult:
    """What became of a file.

    Attributes:
        source: The file.
        target: The file that was to be written.
        error: Why it was not; None if it was.
    """

    source: pathlib.Path
    target: pathlib.Path
    error: DocumentError | OSError | None = None


def translate(data: bytes, format: str, translate: Translate, **options: Any) -> bytes:
    """A translated document.

    Args:
        data: The document.
        format: Its format: an extension without the dot, such as "html"; `format_names` lists them.
        translate: A `Translator`, or a function from a list of str to their translations. A
            function knows of no alignment, so inline markup is placed by equal words and position.
        **options: Fields of `DocumentSettings`; all others are options of `Translator.submit`.

    Returns:
        The document in its own encoding; in UTF-8 if that has no letter that the translation needs
        and the format cannot write it in another way.

    Raises:
        DocumentError: if there is no such format, or the document is broken; the message names the
            place.
        TypeError: if an option does not exist.
        ValueError: as `Translator.submit`.
    """
    [result] = translate_all([(data, format)], translate, **options)
    if isinstance(result, DocumentError):
        raise result
    return result


def translate_all(
    documents: Iterable[tuple[bytes, str]],
    translate: Translate,
    *,
    progress: Callable[[float], object] | None = None,
    **options: Any,
) -> Iterator[bytes | DocumentError]:
    """Many translated documents, whose segments are translated in one stream.

    Args:
        documents: Documents and their formats. Read as far ahead as the engine needs.
        translate: As for `translate`.
        progress: Called with the share, from 0 to 1, of the next document's segments that are
            translated.
        **options: As for `translate`.

    Yields:
        Each document, or the error that it has.
    """
    settings, chosen = _split(translate, options)
    auto = options.get("source_language") == AUTO and bool(chosen.pop("source", None))
    waiting: collections.deque[Opened | DocumentError] = collections.deque()

    def segments() -> Iterator[Segment]:
        for data, format in documents:
            try:
                opened = read_document(data, format, settings)
                if auto:
                    opened = _recognised(data, format, settings, opened, translate)
            except DocumentError as error:
                waiting.append(error)
                continue
            waiting.append(opened)
            yield from opened.segments

    answers: list[Answer] = []
    for answer in answered(segments(), translate, chosen):
        answers.append(answer)
        if progress is not None:
            progress(min(1.0, len(answers) / max(1, _needed(waiting[0]))))
        while waiting and len(answers) >= _needed(waiting[0]):
            count = _needed(waiting[0])
            yield _finished(waiting.popleft(), answers[:count])
            del answers[:count]
    while waiting:
        yield _finished(waiting.popleft(), [])


def translate_files(
    files: Iterable[tuple[str | os.PathLike[str], str | os.PathLike[str]]],
    translate: Translate,
    *,
    format: str | None = None,
    fallback: str | None = None,
    progress: Callable[[float], object] | None = None,
    **options: Any,
) -> Iterator[FileResult]:
    """Translate many files in one stream.

    A target is written as FILE.partial and renamed when it is complete, so that a file under its
    own name is never incomplete; a file that is there is replaced.

    Args:
        files: Sources and their targets.
        translate: As for `translate`.
        format: The format of all files; None for the extension of each.
        fallback: The format of text files with other extensions, such as "lines"; None makes them
            an error.
        progress: Called with the number of the sources' bytes that are translated.
        **options: As for `translate`.

    Yields:
        What became of each file, in order. A file that cannot be read, translated or written does
        not end the others.
    """
    # Each file, with its size if it is a document that can be read.
    waiting: collections.deque[tuple[FileResult, int | None]] = collections.deque()
    finished = 0

    def documents() -> Iterator[tuple[bytes, str]]:
        for source, target in files:
            result = FileResult(pathlib.Path(source), pathlib.Path(target))
            try:
                if result.target.exists() and result.target.samefile(result.source):
                    raise DocumentError(f"{source}: is its own target")
                data = result.source.read_bytes()
            except (OSError, DocumentError) as error:
                waiting.append((dataclasses.replace(result, error=error), None))
                continue
            waiting.append((result, len(data)))
            yield data, format or format_of(result.source, fallback)

    def report(share: float) -> None:
        size = next((size for _, size in waiting if size is not None), 0)
        if progress is not None:
            progress(finished + share * size)

    for made in translate_all(documents(), translate, progress=progress and report, **options):
        while waiting[0][1] is None:
            yield waiting.popleft()[0]
        result, size = waiting.popleft()
        yield _written(result, made)
        finished += size or 0
        if progress is not None:
            progress(finished)
    while waiting:
        yield waiting.popleft()[0]


def translate_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    translate: Translate,
    *,
    format: str | None = None,
    **options: Any,
) -> None:
    """Translate a document into another file.

    Args:
        source: The file to read.
        target: The file to write, in one step when it is complete; one that is there is replaced.
        translate: As for `translate`.
        format: Its format; None for the source's extension.
        **options: As for `translate`.

    Raises:
        DocumentError: if the document or its format cannot be used, or it is its own target.
        OSError: if a file cannot be read or written.
        TypeError: if an option does not exist.
        ValueError: as `Translator.submit`.
    """
    [result] = translate_files([(source, target)], translate, format=format, **options)
    if result.error is not None:
        raise result.error


def _written(result: FileResult, made: bytes | DocumentError) -> FileResult:
    if isinstance(made, DocumentError):
        return dataclasses.replace(result, error=DocumentError(f"{result.source}: {made}"))
    target = result.target.resolve()  # a link stays a link
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.write_bytes(made)
        partial.chmod(result.source.stat().st_mode & 0o666)
        partial.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            return dataclasses.replace(result, error=error)
        raise
    return result


def _split(
    translate: Translate, options: dict[str, Any]
) -> tuple[DocumentSettings, dict[str, Any]]:
    """The settings for documents, and the options for the translator."""
    chosen = {name: value for name, value in options.items() if name not in _SETTINGS}
    given = {name: value for name, value in options.items() if name in _SETTINGS}
    own = getattr(translate, "settings", None)
    languages = getattr(translate, "languages", None)
    for side in ("source", "target"):
        name = given.get(f"{side}_language")
        if name is None or name == AUTO:
            given[f"{side}_language"] = getattr(own, side, None)
        if name is None:
            continue
        if languages is not None and getattr(languages, f"{side}s"):
            chosen[side] = name
    return DocumentSettings(**given), chosen


def _recognised(
    data: bytes, format: str, settings: DocumentSettings, first: Opened, translate: Translate
) -> Opened:
    """A document, read again in its language, which is that of its longest segments."""
    longest = sorted((segment.text for segment in first.segments), key=len, reverse=True)
    languages: Languages = translate.languages  # type: ignore[union-attr]
    [(language, _)] = recognised([(AUTO, None)], ["\n".join(longest[:_LONGEST])], languages)
    settings = dataclasses.replace(settings, source_language=language)
    opened = read_document(data, format, settings)
    for segment in opened.segments:
        segment.language = language
    return opened


def _needed(waiting: Opened | DocumentError) -> int:
    """Number of answers that a document waits for."""
    return 0 if isinstance(waiting, DocumentError) else len(waiting.segments)


def _finished(waiting: Opened | DocumentError, answers: list[Answer]) -> bytes | DocumentError:
    if isinstance(waiting, DocumentError):
        return waiting
    try:
        return waiting.translated(answers)
    except DocumentError as error:
        return error
