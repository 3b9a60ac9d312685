"""How the texts of one of Marian's models are treated, which no file says."""

from __future__ import annotations

import dataclasses
import re

from pyattn.checkpoint import ModelConfig, TextSettings
from pyattn.files.marian.folder import Files

# As in vocab.enpt.spm and lex.50.50.enpt.s2t.bin.
_PAIR = re.compile(r"\.([a-z]{2})([a-z]{2})\.")


def text_settings(files: Files, config: ModelConfig) -> TextSettings:
    """What serves a model.

    A student, as Firefox and Bergamot have them, was trained on single sentences: on lines of
    Flores with several, given whole up to 40 tokens, one from Portuguese to English has a BLEU of
    42.4, and 48.8 sentence by sentence. Students are told by their decoders without self-attention
    and by SentencePiece's models for vocabularies; releases of OPUS-MT have lists of tokens.
    """
    settings = TextSettings.of_family(config.family)
    names = [path.name for path in (*(files.vocabularies or ()), files.shortlist) if path]
    pair = next((match for name in names if (match := _PAIR.search(name))), None)
    if config.mixer != "attention" or any(".spm" in name for name in names):
        settings = dataclasses.replace(settings, whole_tokens=0)
    if pair is not None:
        settings = dataclasses.replace(settings, source=pair[1], target=pair[2])
    return settings
