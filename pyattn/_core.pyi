# The compiled core, as the package sees it. Arguments may be given by position or by name and none
# has a default: those are `pyattn.ops`' and `pyattn.Model`'s.
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.results import FinishReason
from pyattn.search_parts import SearchParts
from pyattn.segments import KeySegment
from pyattn.stored import Stored

_Floats: TypeAlias = npt.NDArray[np.float32]
_Ids: TypeAlias = Sequence[int]

# tokens, score, token_scores, why it ended, alignment
_Found: TypeAlias = tuple[list[int], float | None, _Floats, FinishReason, _Floats | None]

class Announcements:
    def __init__(self) -> None: ...
    def next(self) -> int: ...

class Request:
    @property
    def done(self) -> int: ...
    def __len__(self) -> int: ...
    def ready(self, sentence: int) -> bool: ...
    def wait(self, seconds: float | None) -> bool: ...
    def wait_for(self, sentence: int) -> None: ...
    def take(self, sentence: int) -> list[_Found]: ...
    def next_token(self) -> tuple[int, int, int, float | None, bool] | None: ...
    def cancel(self, sentence: int | None) -> None: ...
    def announce(self, announcements: Announcements, name: int) -> None: ...

class Model:
    def __init__(
        self,
        config: ModelConfig,
        floats: Mapping[str, _Floats],
        matrices: Mapping[str, Sequence[tuple[Stored, _Floats | None]]],
        dtypes: Mapping[str, str],
        isa: str | None,
        threads: int | None,
        batch_tokens: int,
        batch_rows: int,
        cache_bytes: int,
    ) -> None: ...
    @property
    def isa(self) -> str: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def threads(self) -> int: ...
    def encode(
        self,
        sources: Sequence[_Ids],
        types: Sequence[_Ids] | None,
        global_tokens: Sequence[_Ids] | None,
    ) -> list[_Floats]: ...
    def logits(
        self,
        sources: Sequence[_Ids],
        targets: Sequence[_Ids],
        global_tokens: Sequence[_Ids] | None,
    ) -> list[_Floats]: ...
    def score(
        self,
        sources: Sequence[_Ids],
        targets: Sequence[_Ids],
        global_tokens: Sequence[_Ids] | None,
    ) -> list[_Floats]: ...
    def align(
        self,
        sources: Sequence[_Ids],
        targets: Sequence[_Ids],
        global_tokens: Sequence[_Ids] | None,
        heads: Sequence[tuple[int, int]],
    ) -> list[_Floats]: ...
    def submit(
        self,
        sources: Sequence[_Ids],
        options: Sequence[GenerationOptions],
        shortlists: Sequence[_Ids | npt.NDArray[np.integer] | None],
        global_tokens: Sequence[_Ids] | None,
        watched: bool,
    ) -> Request: ...
    def output_rows(self, first: int, count: int) -> tuple[_Floats, _Floats]: ...
    def want_states(self, count: int) -> None: ...
    def states(self) -> _Floats | None: ...
    def set_vocabulary_search(self, parts: SearchParts) -> None: ...
    @property
    def search_counts(self) -> tuple[int, int, int] | None: ...
    def cache_bytes(self, tokens: int, source_tokens: int) -> int: ...
    def close(self) -> None: ...

class PackedLinear:
    @property
    def in_features(self) -> int: ...
    @property
    def out_features(self) -> int: ...
    @property
    def gated(self) -> bool: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def isa(self) -> str: ...

class VocabularySearch:
    def __init__(self, packed: PackedLinear, parts: SearchParts) -> None: ...
    def best(
        self,
        x: _Floats,
        apart: list[int],
        apart_logits: bool,
        batch: int,
        whole: bool,
        sum: bool,
    ) -> tuple[npt.NDArray[np.int32], _Floats, _Floats]: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def counts(self) -> tuple[int, int, int]: ...

class Selection:
    @property
    def columns(self) -> npt.NDArray[np.int32]: ...
    @property
    def nbytes(self) -> int: ...

def output_rows(packed: PackedLinear, first: int, count: int) -> tuple[_Floats, _Floats]: ...
def isas() -> list[str]: ...
def default_isa() -> str: ...
def cpu_model() -> str: ...
def default_threads() -> int: ...
def pack(
    operation: str,
    weight_name: str,
    weight: _Floats,
    bias_name: str,
    bias: _Floats | None,
    dtype: str,
    isa: str | None,
) -> PackedLinear: ...
def pack_gated(
    operation: str,
    weight_name: str,
    weight: _Floats,
    bias_name: str,
    bias: _Floats | None,
    gate: _Floats,
    gate_bias: _Floats | None,
    dtype: str,
    isa: str | None,
) -> PackedLinear: ...
def linear(x: _Floats, packed: PackedLinear, activation: str) -> _Floats: ...
def select(
    operation: str, packed: PackedLinear, columns: npt.NDArray[np.integer] | list[int]
) -> Selection: ...
def best_tokens(
    x: _Floats,
    packed: PackedLinear,
    k: int,
    columns: Selection | npt.NDArray[np.integer] | list[int] | None,
    suppressed: npt.NDArray[np.integer] | list[int] | None,
) -> tuple[npt.NDArray[np.int32], _Floats]: ...
def sample_tokens(
    x: _Floats,
    packed: PackedLinear,
    uniforms: npt.NDArray[np.float64],
    temperature: float,
    top_p: float,
    columns: Selection | npt.NDArray[np.integer] | list[int] | None,
    suppressed: npt.NDArray[np.integer] | list[int] | None,
) -> tuple[npt.NDArray[np.int32], _Floats]: ...
def feed_forward(x: _Floats, up: PackedLinear, down: PackedLinear, activation: str) -> _Floats: ...
def layer_norm(
    x: _Floats, gamma: _Floats, beta: _Floats, epsilon: float, isa: str | None
) -> _Floats: ...
def rms_norm(x: _Floats, gamma: _Floats, epsilon: float, isa: str | None) -> _Floats: ...
def attention(
    operation: str,
    q: _Floats,
    k: _Floats,
    v: _Floats,
    lengths: npt.NDArray[np.integer] | list[int] | None,
    mask: npt.NDArray[np.bool_] | None,
    causal: bool,
    scale: float | None,
    bias: _Floats | None,
    soft_cap: float | None,
    window: int | tuple[int, int] | None,
    segments: Sequence[KeySegment],
    dtype: str,
    isa: str | None,
) -> _Floats: ...
def attention_step(
    q: _Floats,
    cache: _Floats | npt.NDArray[np.uint16] | npt.NDArray[np.int8],
    table: npt.NDArray[np.integer],
    lengths: npt.NDArray[np.integer] | list[int] | None,
    scale: float | None,
    bias: _Floats | None,
    soft_cap: float | None,
    window: int | None,
    scales: _Floats | None,
    isa: str | None,
) -> _Floats: ...
def linear_attention(
    q: _Floats,
    k: _Floats,
    v: _Floats,
    lengths: npt.NDArray[np.integer] | list[int] | None,
    causal: bool,
    isa: str | None,
) -> _Floats: ...
def combined_hash(content: bytes | memoryview) -> int: ...
