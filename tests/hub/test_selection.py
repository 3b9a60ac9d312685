"""The files of a repository that are downloaded."""

from pyattn.hub.selection import choose


def test_code_that_names_the_tokenizer_is_the_only_code_taken() -> None:
    # Without it, a folder of SMaLL-100 looks like one of M2M100.
    needed = {"config.json", "model.safetensors", "tokenization_small100.py", "vocab.json"}
    chosen = choose([*needed, "README.md", "modeling_other.py", "tokenization_other.py"])
    assert set(chosen.files) == needed


def test_modules_behind_an_encoder_are_taken_with_it() -> None:
    needed = {
        *("config.json", "modules.json", "config_sentence_transformers.json", "tokenizer.json"),
        *("model.safetensors", "1_Pooling/config.json", "2_Dense/config.json"),
        *("2_Dense/model.safetensors", "3_Dense/config.json", "3_Dense/pytorch_model.bin"),
    }
    others = ("2_Dense/pytorch_model.bin", "onnx/model.onnx", "openvino/config.json", "README.md")
    assert set(choose([*needed, *others]).files) == needed
    assert "1_Pooling/config.json" not in choose(needed - {"modules.json"}).files


def test_templates_and_added_tokens_of_decoders_come_along() -> None:
    small = ("added_tokens.json", "chat_template.jinja", "config.json", "merges.txt")
    chosen = choose(
        [*small, "tokenizer.model", "model.safetensors", "README.md", "onnx/model.onnx"]
    )
    assert chosen.small == (*small, "tokenizer.model")
    assert chosen.weights == ("model.safetensors",)
