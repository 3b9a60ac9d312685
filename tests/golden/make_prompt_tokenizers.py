"""Make the tokenizers of decoders and their golden files. Needs transformers and jinja2.

    python tests/golden/make_prompt_tokenizers.py

Each folder has a tiny tokenizer of the kind that published models have, trained on some lines, and
`golden.json`: `texts`, their `ids` without special tokens in the text, `marked` ids with them, the
`decoded` texts, and, of those with a chat template, `chats` and the ids that it makes of them.
"""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

import sentencepiece
import tokenizers
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

_HERE = pathlib.Path(__file__).parent
_FOLDER = _HERE / "prompt_tokenizers"
_LINES = [
    "The quick brown fox jumps over the lazy dog.",
    "It's 12345 o'clock, and they've said: \"we'll see\"!",
    "for n in range(10):\n    print(n, end=' ')\n",
    "Grüße aus Köln, çà et là; naïve café.",
    "Привет, мир! Как дела?",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002",
] * 8
TEXTS = [
    *["", " ", "a", "Hello world", "  two  spaces ", "It's 12345 o'clock!\n\nWe'll see.\t"],
    *[
        "for n in range(10):\r\n    print(n)",
        "Grüße, \u4f60\u597d \U0001f600\U0001f468\u200d\U0001f469",
    ],
    *[
        "cafe\u0301 \u00e9",
        "a<|im_end|>b</s><|endoftext|><s> <think> c<|eot_id|>d",
        "\u00a0x\u3000y",
    ],
]
CHATS: list[list[dict[str, str]]] = [
    [{"role": "user", "content": "Hello world"}],
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  Who are\nyou? "},
        {"role": "assistant", "content": "A model."},
        {"role": "user", "content": "\u4f60\u597d"},
    ],
]
_GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_OF_LLAMA3 = (
    "{{- bos_token }}\n{%- set ns = namespace(n=0) %}\n{%- for message in messages %}\n"
    "    {%- set ns.n = ns.n + 1 %}\n"
    "    {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' }}\n"
    "    {{- message.content | trim + '<|eot_id|>' }}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}\n{%- endif %}\n"
)
_OF_LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}"
    "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}"
    "{% endif %}{% endfor %}"
)


def main() -> None:
    """Make all of them."""
    transformers.logging.set_verbosity_error()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    for name, make in _MAKERS.items():
        folder = _FOLDER / name
        folder.mkdir(parents=True)
        _write_golden(folder, make(folder))


def _byte_level(pattern: str | None, special: list[str]) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if pattern is not None:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_LINES, trainer)
    return tokenizer


def _gpt2_files(folder: pathlib.Path) -> Any:
    tokenizer = _byte_level(None, ["<|endoftext|>"])
    tokenizer.model.save(str(folder))
    return transformers.GPT2Tokenizer.from_pretrained(folder)


def _gpt2_json(folder: pathlib.Path) -> Any:
    tokenizer = _byte_level(None, ["<|endoftext|>"])
    return _saved(folder, tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>")


def _llama3(folder: pathlib.Path) -> Any:
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
    special += ["<|start_header_id|>", "<|end_header_id|>"]
    tokenizer = _byte_level(_LLAMA3, special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    return _saved(
        folder,
        tokenizer,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        chat_template=_OF_LLAMA3,
    )


def _qwen2(folder: pathlib.Path) -> Any:
    tokenizer = _byte_level(_QWEN, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([tokenizers.AddedToken("<think>", special=False, normalized=False)])
    return _saved(folder, tokenizer, eos_token="<|im_end|>", chat_template=_CHATML)


def _llama2_json(folder: pathlib.Path) -> Any:
    tokenizer = tokenizers.Tokenizer(
        models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([line for line in _LINES if line.isascii()], trainer)
    # Bytes are no special tokens, but what stands for unknown characters.
    values = json.loads(tokenizer.to_str())
    values["added_tokens"] = values["added_tokens"][:3]
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(values))
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return _saved(
        folder,
        tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        chat_template=_OF_LLAMA2,
    )


def _saved(folder: pathlib.Path, tokenizer: tokenizers.Tokenizer, **settings: Any) -> Any:
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **settings
    )
    made.save_pretrained(folder)
    return transformers.PreTrainedTokenizerFast.from_pretrained(folder)


class _Pieces:
    """SentencePiece itself, with the begin that Llama's class puts in front."""

    chat_template = None

    def __init__(self, model: pathlib.Path) -> None:
        self.processor = sentencepiece.SentencePieceProcessor(model_file=str(model))

    def ids(self, text: str) -> list[int]:
        return [1, *self.processor.encode(text)]

    def decode(self, ids: list[int]) -> str:
        return self.processor.decode(ids)


def _llama2_pieces(folder: pathlib.Path) -> Any:
    lines = folder / "lines.txt"
    lines.write_text("\n".join(line.replace("\n", " ") for line in _LINES[:4]), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(lines),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=380,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_digits=True,
        minloglevel=2,
    )
    lines.unlink()
    (folder / "tokenizer.vocab").unlink()
    return _Pieces(folder / "tokenizer.model")


_MAKERS = {
    "gpt2": _gpt2_files,
    "gpt2-json": _gpt2_json,
    "llama3": _llama3,
    "qwen2": _qwen2,
    "llama2-json": _llama2_json,
    "llama2-pieces": _llama2_pieces,
}


def _write_golden(folder: pathlib.Path, tokenizer: Any) -> None:
    golden: dict[str, Any] = {"texts": TEXTS}
    if isinstance(tokenizer, _Pieces):
        golden["ids"] = [tokenizer.ids(text) for text in TEXTS]
        golden["decoded"] = [tokenizer.decode(ids) for ids in golden["ids"]]
    else:
        # In one way or another: transformers splits them everywhere, or with its argument nowhere.
        golden["ids"] = [tokenizer(text, split_special_tokens=True).input_ids for text in TEXTS]
        golden["marked"] = [tokenizer(text).input_ids for text in TEXTS]
        golden["decoded"] = [
            tokenizer.decode(ids, skip_special_tokens=True) for ids in golden["marked"]
        ]
    if tokenizer.chat_template:
        golden["chats"] = [
            {
                "messages": chat,
                "text": tokenizer.apply_chat_template(
                    chat, tokenize=False, add_generation_prompt=True
                ),
                "ids": tokenizer.apply_chat_template(
                    chat, tokenize=True, add_generation_prompt=True, return_dict=False
                ),
            }
            for chat in CHATS
        ]
    text = json.dumps(golden, ensure_ascii=True)
    (folder / "golden.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
