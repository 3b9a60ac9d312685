"""The files of a repository that are downloaded."""

from pyattn.hub.selection import choose


def test_code_that_names_the_tokenizer_is_the_only_code_taken() -> None:
    # Without it, a folder of SMaLL-100 looks like one of M2M100.
    needed = {"config.json", "model.safetensors", "tokenization_small100.py", "vocab.json"}
    chosen = choose([*needed, "README.md", "modeling_other.py", "tokenization_other.py"])
    assert set(chosen.files) == needed
