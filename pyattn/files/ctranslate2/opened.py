"""A folder of CTranslate2's, opened once."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.ctranslate2.binary import WEIGHTS_FILE, Binary, read_binary
from pyattn.files.ctranslate2.decoder_reader import DECODER_SPEC, DecoderReader
from pyattn.files.ctranslate2.encoder_reader import ENCODER_SPEC, EncoderReader
from pyattn.files.ctranslate2.reader import Reader
from pyattn.files.ctranslate2.vmap import VocabularyMap, read_vmap
from pyattn.files.head import Layer
from pyattn.files.model_files import ModelFiles
from pyattn.files.sentencepieces import read_pieces
from pyattn.files.tokenizer_parts import END, TOKENIZER_FILES, UNKNOWN, NumberedPieces
from pyattn.files.vocabulary import Vocabularies
from pyattn.model_config import ModelConfig

VMAP_FILE = "vmap.txt"


def is_ctranslate2(folder: pathlib.Path) -> bool:
    """Whether a folder has weights under the name that CTranslate2 gives them."""
    return (folder / WEIGHTS_FILE).exists()


class CTranslate2Files(ModelFiles):
    """A folder of CTranslate2's.

    Args:
        path: The folder.
    """

    @functools.cached_property
    def _binary(self) -> Binary:
        return read_binary(self.path / WEIGHTS_FILE)

    @functools.cached_property
    def _reader(self) -> Reader:
        alone = {ENCODER_SPEC: EncoderReader, DECODER_SPEC: DecoderReader}
        return alone.get(self._binary.spec, Reader)(self.path, self._binary)

    def _read(self) -> Checkpoint:
        return self._reader.checkpoint()

    @property
    def config(self) -> ModelConfig:
        """As `ModelFiles`."""
        return self._reader.config

    @property
    def vocabularies(self) -> Vocabularies:
        """As `ModelFiles`."""
        return self._reader.vocabularies

    @functools.cached_property
    def vocabulary_map(self) -> VocabularyMap | None:
        """As `ModelFiles`."""
        path = self.path / VMAP_FILE
        if not path.exists():
            return None
        found = self.vocabularies
        return read_vmap(path, found.target, always=(found.begin, found.end))

    @functools.cached_property
    def tokenizer(self) -> NumberedPieces | None:
        """That of a converted Marian model, if its SentencePiece models are in the folder."""
        source, target = (self.path / TOKENIZER_FILES[role] for role in ("source", "target"))
        vocabularies = self.vocabularies
        if not vocabularies.sources_end or not (source.exists() or target.exists()):
            return None
        for token in (END, UNKNOWN):
            if token not in vocabularies.source:
                raise ModelError(f"{self.path}: {token} is missing in its source vocabulary")
        return NumberedPieces(
            source=read_pieces(source),
            target=read_pieces(target),
            source_ids=vocabularies.source.numbered(),
            target_ids=vocabularies.target.numbered(),
        )

    @property
    def pooler(self) -> Layer | None:
        """As `ModelFiles`."""
        return self._reader.pooler if isinstance(self._reader, EncoderReader) else None

    @property
    def stored_numbers(self) -> Mapping[str, int]:
        """As `ModelFiles`."""
        counts: dict[str, int] = {}
        # Under its aliases a variable is the same object.
        for tensor in {id(tensor): tensor for tensor in self._binary.variables.values()}.values():
            if tensor.shape:  # and no attribute
                counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.values.size
        return counts
