"""Make the golden files of decoders that stand alone. Needs torch, transformers and safetensors.

    python tests/golden/make_decoders.py

Each tiny model has seeded weights, and is saved in a form that published files have. `golden.json`
has prompts and targets, and what transformers generates for the prompts in each of some cases of
options: tokens behind the prompt and, of beams, scores. `logits.npz` holds for the n-th prompt and
target `logits_n`, [target + 1, vocab], float64 arithmetic rounded to float32: the first row is that
behind the prompt. Prompts whose answers hang on rounding are drawn again.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import pathlib
import shutil
from typing import Any

import numpy as np
import safetensors.torch
import torch
import transformers

_HERE = pathlib.Path(__file__).parent
_VOCAB, _END = 83, 1
_PROMPTS = (1, 2, 3, 7, 15, 16, 17, 30)
_TARGETS = (9, 0, 16, 5, 1, 3, 12, 8)
_NEW = 14
# Next tokens that are nearer to each other, in log-probability, are no test.
_STEADY = 1e-3

_LLAMA: dict[str, Any] = {
    **{"vocab_size": _VOCAB, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64},
    **{"bos_token_id": 0, "eos_token_id": _END},
}
_GPT2: dict[str, Any] = {
    **{"vocab_size": _VOCAB, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 64},
    **{"bos_token_id": _END, "eos_token_id": _END},
}
_ROPE = {"rope_type": "default", "rope_theta": 300.0}


@dataclasses.dataclass(frozen=True)
class Tiny:
    """One tiny model.

    Attributes:
        kind: Its class in transformers.
        config: Its config.
        saved: Fields of config.json to replace; None removes one.
        old: Whether the file has the names and buffers of the family's first years.
    """

    kind: str
    config: dict[str, Any]
    saved: dict[str, Any] = dataclasses.field(default_factory=dict)
    old: bool = False


DECODERS = {
    "gpt2": Tiny("GPT2LMHeadModel", _GPT2),
    "gpt2-old": Tiny(
        "GPT2LMHeadModel", {**_GPT2, "n_inner": 52, "activation_function": "gelu"}, old=True
    ),
    "llama-tied": Tiny("LlamaForCausalLM", {**_LLAMA, "tie_word_embeddings": True}),
    # Heads of a width of their own, biases everywhere, and fields as transformers 4 wrote them.
    "llama-old": Tiny(
        "LlamaForCausalLM",
        {
            **_LLAMA,
            **{"head_dim": 10, "num_attention_heads": 3, "num_key_value_heads": 1},
            **{"attention_bias": True, "mlp_bias": True, "rope_parameters": _ROPE},
        },
        saved={"rope_parameters": None, "rope_theta": 300.0, "rope_scaling": None},
        old=True,
    ),
    "llama-scaled": Tiny(
        "LlamaForCausalLM",
        {
            **_LLAMA,
            "num_attention_heads": 2,
            "rope_parameters": {
                **{"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0},
                **{"low_freq_factor": 1.0, "high_freq_factor": 4.0},
                "original_max_position_embeddings": 32,
            },
            "eos_token_id": [_END, 2],
        },
    ),
    "qwen2": Tiny("Qwen2ForCausalLM", {**_LLAMA, "tie_word_embeddings": True}),
    "qwen2-windows": Tiny(
        "Qwen2ForCausalLM",
        {**_LLAMA, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
    "qwen3": Tiny(
        "Qwen3ForCausalLM",
        {**_LLAMA, "head_dim": 8, "tie_word_embeddings": True, "rope_parameters": _ROPE},
    ),
}

CASES: tuple[dict[str, Any], ...] = (
    {},
    {"beam_size": 4},
    {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2},
)


def main() -> None:
    """Make all of them."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for seed, (name, tiny) in enumerate(DECODERS.items(), 61):
        _make(_HERE / "decoders" / name, seed, tiny)


def _make(folder: pathlib.Path, seed: int, tiny: Tiny) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(seed)
    kind = getattr(transformers, tiny.kind)
    model = kind(kind.config_class(**tiny.config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and the weights of norms, which begin at 0 and 1, count too.
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.25))
        model.get_output_embeddings().weight[_END] *= 1.5
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    _replace(folder / "config.json", tiny.saved)
    if tiny.old:
        _age(folder / "model.safetensors", model)
    exact = copy.deepcopy(model).double()
    random = np.random.default_rng(seed)
    prompts, answers = [], []
    for length in _PROMPTS:
        for _ in range(200):
            prompt = random.integers(3, _VOCAB, size=length).tolist()
            found = [_answer(exact, prompt, case) for case in CASES]
            if all(found):
                break
        else:
            raise RuntimeError(f"{folder.name}: all answers hang on rounding")
        prompts.append(prompt)
        answers.append(found)
    targets = [random.integers(3, _VOCAB, size=length).tolist() for length in _TARGETS]
    arrays = {}
    for n, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
        with torch.inference_mode():
            logits = exact(torch.tensor([prompt + target])).logits[0]
        arrays[f"logits_{n}"] = logits[len(prompt) - 1 :].float().numpy()
    np.savez_compressed(folder / "logits.npz", **arrays)
    cases = [
        {"options": case, "answers": [found[n] for found in answers]}
        for n, case in enumerate(CASES)
    ]
    values = {
        **{"prompts": prompts, "targets": targets, "max_new_tokens": _NEW, "cases": cases},
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
    }
    (folder / "golden.json").write_text(json.dumps(values) + "\n", encoding="utf-8")


def _answer(model: Any, prompt: list[int], case: dict[str, Any]) -> dict[str, Any] | None:
    """What transformers generates; None if rounding may turn it into something else."""
    options = {"num_beams" if key == "beam_size" else key: value for key, value in case.items()}
    beams = options.get("num_beams", 1)
    answers = []
    # Beams whose scores are near each other show in what slightly other weights find.
    for noise in (0.0, 1e-5, -1e-5) if beams > 1 else (0.0,):
        other = model
        if noise:
            other = copy.deepcopy(model)
            with torch.no_grad():
                for n, parameter in enumerate(other.parameters()):
                    parameter.mul_(1 + noise * (-1) ** n)
        ids = torch.tensor([prompt])
        with torch.inference_mode():
            found = other.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=_NEW,
                pad_token_id=0,
                return_dict_in_generate=True,
                output_scores=True,
                **options,
            )
        new = found.sequences[0, len(prompt) :].tolist()
        answers.append(new)
        if beams == 1:
            for scores in found.scores:
                best = scores[0].log_softmax(-1).topk(2).values
                if best[0] - best[1] < _STEADY:
                    return None
        elif noise == 0:
            score = float(found.sequences_scores[0])
    if any(other != answers[0] for other in answers):
        return None
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    new = answers[0]
    stop = next((n for n, token in enumerate(new) if token in ends), None)
    tokens = new if stop is None else new[:stop]
    return {"tokens": tokens, "ended": stop is not None, "score": score if beams > 1 else None}


def _replace(file: pathlib.Path, saved: dict[str, Any]) -> None:
    values = json.loads(file.read_text(encoding="utf-8")) | saved
    values = {key: value for key, value in values.items() if value is not None}
    file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _age(file: pathlib.Path, model: Any) -> None:
    """Names and buffers of the family's first years."""
    tensors = {}
    for name, tensor in safetensors.torch.load_file(file).items():
        tensors[name.removeprefix("transformer.")] = tensor
    for n in range(2):
        if model.config.model_type == "gpt2":
            tensors[f"h.{n}.attn.bias"] = torch.ones(1, 1, 64, 64).tril()
            tensors[f"h.{n}.attn.masked_bias"] = torch.tensor(-1e4)
        else:
            tensors[f"model.layers.{n}.self_attn.rotary_emb.inv_freq"] = torch.ones(5)
    safetensors.torch.save_file(tensors, file)


if __name__ == "__main__":
    main()
