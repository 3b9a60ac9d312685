"""sentence-transformers' interface for vectors and rerankers, on pyattn's engine.

    from pyattn.compat.sentence_transformers import CrossEncoder, SentenceTransformer

    model = SentenceTransformer("model-folder")
    vectors = model.encode(["The cat sat.", "A dog ran."])
    model.similarity(vectors, vectors)

Names, arguments, defaults, shapes and types of results are those of version 6.2 for texts on a CPU.
Weights are computed with in float32, as there; `model_kwargs={"dtype": "auto"}` is pyattn's fastest
type, and "bfloat16" and "int8" are types, too. PYATTN_NUM_THREADS is the number of threads. The
differences below are deliberate.

* PyTorch is needed only for results that are asked for as tensors: `convert_to_tensor=True`, or
  `convert_to_numpy=False`. What else is a tensor there is a NumPy array here: similarities (unless
  an argument is a tensor), vectors of tokens, and what `tokenize` returns.
* `batch_size`, devices and pools change no result: texts are computed without padding, and a text
  has the same bits in any batch. The device is the CPU.
* With `output_value=None`, the ids and states of a text have no padding.
* Training, other modalities than text, model cards and uploads are not there: these methods raise
  an AttributeError that says so.
"""

from pyattn.compat.sentence_transformers import util
from pyattn.compat.sentence_transformers.cross_encoder import CrossEncoder
from pyattn.compat.sentence_transformers.quantization import quantize_embeddings
from pyattn.compat.sentence_transformers.sentence_transformer import SentenceTransformer
from pyattn.compat.sentence_transformers.util import SimilarityFunction

# The version whose interface this is.
__version__ = "6.2.0"

__all__ = [
    "CrossEncoder",
    "SentenceTransformer",
    "SimilarityFunction",
    "quantize_embeddings",
    "util",
]
