"""Makes tests/golden/gguf: T5 in llama.cpp's files, and what transformers makes of them.

    python tests/golden/make_gguf.py

The package gguf writes the files and dequantises them. It cannot round to Q4_K, Q5_K and Q6_K:
there blocks are random bytes with small scales. transformers' T5 gets the dequantised numbers, and
`golden.json` has its logits; `blocks.npz` has blocks of every type and their numbers. The
tokenizer is that of tests/golden/tokenizers/t5-pieces-spiece.model. Wants PyTorch, transformers,
gguf, sentencepiece and protobuf.
"""

from __future__ import annotations

import json
import pathlib

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from sentencepiece import sentencepiece_model_pb2
from transformers import T5Config, T5ForConditionalGeneration

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "gguf"
PIECES = HERE / "tokenizers" / "t5-pieces-spiece.model"
DIM, HEADS, WIDTH, LAYERS = 256, 2, 16, 1
# Where blocks of K-quants have their floats.
K_FLOATS = {Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208,)}
ROUNDED = (Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0)
OTHERS = (*K_FLOATS, Type.F16, Type.BF16, Type.F32)
NAMES = {
    "SelfAttention": "attn_",
    "EncDecAttention": "cross_attn_",
    "wi_0": "ffn_gate",
    "wi_1": "ffn_up",
    "wi": "ffn_up",
    "wo": "ffn_down",
}


def k_blocks(random: np.random.Generator, kind: Type, shape: tuple[int, ...]) -> np.ndarray:
    count, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (int(np.prod(shape)) // count, size)).astype(np.uint8)
    for at in K_FLOATS[kind]:
        halves = (random.uniform(0.2, 1, len(blocks)) * 1e-4).astype("<f2")
        blocks[:, at : at + 2] = halves.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(*shape[:-1], -1)


def saved_name(name: str) -> str:
    words = name.removesuffix(".weight").split(".")
    if name == "shared.weight":
        return "token_embd.weight"
    if name == "lm_head.weight":
        return "output.weight"
    stack = {"encoder": "enc", "decoder": "dec"}[words[0]]
    if words[1] == "final_layer_norm":
        return f"{stack}.output_norm.weight"
    block, last = words[5], words[-1]
    if last == "relative_attention_bias":
        part = "attn_rel_b"
    elif block == "layer_norm":
        norms = ["attn_norm", "ffn_norm"] if stack == "enc" else ["attn_norm", "cross_attn_norm"]
        part = [*norms, "ffn_norm"][int(words[4])]
    elif block == "DenseReluDense":
        part = NAMES[last]
    else:
        part = NAMES[block] + last
    return f"{stack}.blk.{words[2]}.{part}.weight"


def add_tokenizer(writer: gguf.GGUFWriter, vocab: int) -> None:
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(PIECES.read_bytes())
    tokens = [piece.piece.encode() for piece in model.pieces]
    scores = [piece.score for piece in model.pieces]
    kinds = [int(piece.type) for piece in model.pieces]
    while len(tokens) < vocab:
        tokens.append(f"[PAD{len(tokens)}]".encode())
        scores.append(-10000.0)
        kinds.append(5)
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_add_space_prefix(model.normalizer_spec.add_dummy_prefix)
    writer.add_remove_extra_whitespaces(model.normalizer_spec.remove_extra_whitespaces)
    charsmap = model.normalizer_spec.precompiled_charsmap
    if charsmap:
        writer.add_precompiled_charsmap(charsmap)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_pad_token_id(0)


def make(name: str, *, gated: bool, ffn: int, kinds: tuple[Type, ...], vocab: int) -> list[dict]:
    tied = not gated
    random = np.random.default_rng(len(name))
    config = T5Config(
        vocab_size=vocab,
        d_model=DIM,
        d_kv=WIDTH,
        d_ff=ffn,
        num_layers=LAYERS,
        num_heads=HEADS,
        relative_attention_num_buckets=8,
        feed_forward_proj="gated-gelu" if gated else "relu",
        tie_word_embeddings=tied,
        scale_decoder_outputs=tied,
        decoder_start_token_id=0,
    )
    model = T5ForConditionalGeneration(config).eval().requires_grad_(False)
    if not tied:  # transformers 5 ties them whatever the config says
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone(), False)
    writer = gguf.GGUFWriter(None, "t5")
    writer.add_context_length(512)
    writer.add_embedding_length(DIM)
    writer.add_feed_forward_length(ffn)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_key_length(WIDTH)
    writer.add_value_length(WIDTH)
    writer.add_layer_norm_eps(1e-6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_relative_attn_buckets_count(8)
    writer.add_decoder_start_token_id(0)
    add_tokenizer(writer, vocab)
    state, n = model.state_dict(), 0
    for key, tensor in state.items():
        if key.endswith("embed_tokens.weight") or (tied and key == "lm_head.weight"):
            continue
        shape = tuple(tensor.shape)
        if len(shape) == 1 or "relative" in key:
            values = random.standard_normal(shape).astype(np.float32) * 0.3 + (len(shape) == 1)
            writer.add_tensor(saved_name(key), values)
        else:
            kind = kinds[n % len(kinds)]
            if kind not in K_FLOATS and "Attention" not in key and gated:
                kind = Type.Q4_K  # the largest ones, in fewer bytes
            if shape[1] % gguf.GGML_QUANT_SIZES[kind][0]:
                kind = Type.Q8_0
            n += 1
            if kind in K_FLOATS:
                data = k_blocks(random, kind, shape)
            else:
                plain = random.standard_normal(shape).astype(np.float32) * 0.05
                data = gguf.quants.quantize(plain, kind)
            values = gguf.quants.dequantize(data, kind)
            if kind in (Type.F16, Type.F32):
                writer.add_tensor(saved_name(key), data)
            else:
                writer.add_tensor(saved_name(key), data, raw_dtype=kind)
        tensor.copy_(torch.from_numpy(values.reshape(shape)))
    writer.write_header_to_file(FOLDER / f"{name}.gguf")
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    cases = []
    for source, target in (([5, 9, 17, 3, 1], [0, 8, 4, 12]), ([7, 1], [0])):
        with torch.no_grad():
            logits = model(
                input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([target])
            ).logits[0]
        rows = [[round(value, 6) for value in row] for row in logits.tolist()]
        cases.append({"source": source, "target": target, "logits": rows})
    return cases


def main() -> None:
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(PIECES.read_bytes())
    vocab = len(model.pieces) + 4
    golden = {
        "relu-tied": make("relu-tied", gated=False, ffn=64, kinds=ROUNDED, vocab=vocab),
        "gated": make("gated", gated=True, ffn=256, kinds=OTHERS, vocab=vocab),
    }
    (FOLDER / "golden.json").write_text(json.dumps(golden) + "\n")
    random = np.random.default_rng(8)
    found = {}
    for kind in (*ROUNDED, *K_FLOATS):
        count, size = gguf.GGML_QUANT_SIZES[kind]
        if kind in K_FLOATS:
            blocks = k_blocks(random, kind, (6 * count,)).reshape(6, size)
        else:
            plain = random.standard_normal((6, count)).astype(np.float32)
            blocks = gguf.quants.quantize(plain, kind).reshape(6, size)
        found[f"{int(kind)}_blocks"] = blocks
        found[f"{int(kind)}_floats"] = gguf.quants.dequantize(blocks, kind).reshape(6, count)
    np.savez_compressed(FOLDER / "blocks.npz", **found)


if __name__ == "__main__":
    main()
