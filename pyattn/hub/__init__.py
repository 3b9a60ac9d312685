"""From a model's name to its folder: Hugging Face, Firefox's models and Argos' packages.

resolving                       what `pyattn.load` takes: a path or a name
names, suggestions              names, parsed; names that are near
settings                        the caller's settings and environment variables
huggingface, problems           downloads with the package huggingface_hub; its errors
hub_cache, selection            its cache; the files of a repository that a model needs
registry, firefox, argos        models of registries in pyattn's own cache
fetching, locking, progress     downloads with the standard library
"""
