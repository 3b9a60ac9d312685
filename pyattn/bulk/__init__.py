"""Translation of tables: in the process, on a cluster, or from file to file with resume.

    ds.map_batches(pyattn.bulk.Translate, fn_constructor_kwargs={"column": "text"}, concurrency=2)

`Translate` is a function of a batch that Ray Data, Spark, Dask and datasets call in their workers.
"""

from pyattn.bulk.translate import Translate

__all__ = ["Translate"]
