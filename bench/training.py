"""A model in training: its steps, its averaged weights, and how it is kept and brought back."""

from __future__ import annotations

import argparse
import contextlib
import copy
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mixture import Mixture
from pairs import END, Corpus, Vocabulary, plan_batches, write_whole
from transformers import MarianConfig, MarianMTModel

IGNORED = -100  # label of a padded position
MAX_POSITIONS = 256

# What only says where, how often or on what; every other option is part of the recipe, and a
# checkpoint goes on only under the recipe that it began with.
_NOT_RECIPE = {
    *("run", "device", "threads", "report_every", "dev_every", "save_every"),
    *("dev_source", "dev_target"),
}


def learning_rate(step: int, options: argparse.Namespace) -> float:
    """Linear to `rate` over `warmup` steps, half a cosine to zero over the last `fall`.

    Between the two it stays. Without a `fall` it begins to fall after the warm-up, and with one of
    0 it never does. `step` counts from 1.
    """
    if step <= options.warmup:
        return options.rate * step / options.warmup
    fall = options.steps - options.warmup if options.fall is None else options.fall
    left = options.steps - step
    if left >= fall:
        return options.rate
    return options.rate * 0.5 * (1 - math.cos(math.pi * left / fall))


class Run:
    """Everything that changes while a model is trained, and how it is kept and brought back."""

    def __init__(self, options: argparse.Namespace, vocabulary: Vocabulary) -> None:
        self.options = options
        self.vocabulary = vocabulary
        self.device = torch.device(options.device)
        self.model = _first_model(options, vocabulary.pad).to(self.device)
        # Positions are sinusoids that no file holds; those of a folder would be trained, and lost.
        for name, parameter in self.model.named_parameters():
            if "embed_positions" in name:
                parameter.requires_grad_(False)
        # Starts at the weights themselves; `_update_average` says how it follows them.
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]  # not the positions
        self.averaged = [
            average
            for average, p in zip(self.average.parameters(), self.model.parameters(), strict=True)
            if p.requires_grad
        ]
        groups = [
            {"params": [p for p in self.trained if p.dim() > 1], "weight_decay": options.decay},
            {"params": [p for p in self.trained if p.dim() == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-9)
        self.step = self.epoch = self.batch = 0  # batch: of the epoch, the next to be seen
        self.path = options.run / "checkpoint.pt"
        if self.path.exists():
            self._restore()

    def train(self, mixture: Mixture, dev: Corpus) -> bool:
        """Train to the last step; False if a signal stopped it before. Keeps the state either way.

        The dev loss is that of the average, which is the model that will be written.
        """
        options = self.options
        if self.step == 0:
            print(f"step 0: dev loss {self.dev_loss(dev):.4f}", flush=True)
        loss, tokens, begun = torch.zeros((), device=self.device), 0, time.perf_counter()
        with _signals() as stop:
            for corpus, pairs in self._batches(mixture):
                if stop or self.step == options.steps:
                    break
                loss += self._train_on(corpus, pairs)
                tokens += int(corpus.lengths[pairs, 1].sum())
                if self.step % options.report_every == 0:
                    speed = tokens / (time.perf_counter() - begun)
                    rate = learning_rate(self.step, options)
                    print(
                        f"step {self.step}: epoch {self.epoch}, loss {loss.item() / tokens:.4f}, "
                        f"rate {rate:.2e}, {speed:.0f} target tokens/s",
                        flush=True,
                    )
                    loss, tokens, begun = torch.zeros_like(loss), 0, time.perf_counter()
                if self.step % options.dev_every == 0 or self.step == options.steps:
                    print(f"step {self.step}: dev loss {self.dev_loss(dev):.4f}", flush=True)
                if self.step % options.save_every == 0:
                    self.save()
            self.save()
        return self.step == options.steps

    def dev_loss(self, dev: Corpus) -> float:
        """Cross-entropy of a target token under the average, in nats, without smoothing."""
        batches = plan_batches(dev.lengths, self.options.batch_tokens, 0, 0)
        with torch.inference_mode():
            total = sum(self._loss(self.average, dev, pairs, 0.0).item() for pairs in batches)
        return total / int(dev.lengths[:, 1].sum())

    def save(self) -> None:
        """Write the checkpoint; a crash meanwhile leaves the previous one whole."""
        state = {
            "recipe": _recipe(self.options),
            "place": {"step": self.step, "epoch": self.epoch, "batch": self.batch},
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state_all(),  # empty without one
        }
        write_whole(self.path, lambda file: torch.save(state, file))

    def _restore(self) -> None:
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        for name, value in _recipe(self.options).items():
            if state["recipe"].get(name) != value:
                raise ValueError(
                    f"{self.path} was made with {name} {state['recipe'].get(name)}, "
                    f"not {value}; use another --run, or the same options"
                )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.epoch, self.batch = (state["place"][k] for k in ("step", "epoch", "batch"))
        torch.set_rng_state(state["random"])
        if len(state["random_gpu"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["random_gpu"])

    def _batches(self, mixture: Mixture) -> Iterator[tuple[Corpus, np.ndarray]]:
        """Batches from the present place on, round after round; the place moves with them."""
        options, corpus = self.options, None
        while True:
            if corpus is None or not mixture.steady:
                texts = mixture.round(self.epoch)
                corpus = Corpus.encode(self.vocabulary, texts, options.max_length)
            batches = plan_batches(corpus.lengths, options.batch_tokens, options.seed, self.epoch)
            while self.batch < len(batches):
                yield corpus, batches[self.batch]
            self.epoch, self.batch = self.epoch + 1, 0

    def _train_on(self, corpus: Corpus, pairs: np.ndarray) -> torch.Tensor:
        """One step; the sum of the smoothed losses of the batch's tokens."""
        self.model.train()
        loss = self._loss(self.model, corpus, pairs, self.options.smoothing)
        (loss / int(corpus.lengths[pairs, 1].sum())).backward()
        torch.nn.utils.clip_grad_norm_(self.trained, self.options.clip)
        self.step, self.batch = self.step + 1, self.batch + 1
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.options)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._update_average()
        return loss.detach()

    @torch.no_grad()
    def _update_average(self) -> None:
        # A young average forgets faster, or the random start would stay in it for 1,500 steps.
        keep = min(self.options.average, (1 + self.step) / (10 + self.step))
        for average, parameter in zip(self.averaged, self.trained, strict=True):
            average.lerp_(parameter, 1 - keep)

    def _loss(
        self, model: MarianMTModel, corpus: Corpus, pairs: np.ndarray, smoothing: float
    ) -> torch.Tensor:
        """Summed cross-entropy of the pairs' target tokens."""
        pad = model.config.pad_token_id
        source = self._stack([corpus.sources[pair] for pair in pairs], pad)
        labels = self._stack([corpus.targets[pair] for pair in pairs], IGNORED)
        # The decoder sees <pad>, then the target without its end; what it makes of the places
        # after a short target is never looked at.
        seen = F.pad(labels[:, :-1].masked_fill(labels[:, :-1] == IGNORED, pad), (1, 0), value=pad)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.bf16):
            logits = model(
                input_ids=source,
                attention_mask=source != pad,
                decoder_input_ids=seen,
                use_cache=False,
            ).logits
        # The last column is <pad>. Left out, its embedding gets no gradient and stays zero, and
        # the first step of the decoder starts from a zero vector, as Marian's does.
        return F.cross_entropy(
            logits[..., :-1].flatten(0, 1).float(),
            labels.flatten(),
            ignore_index=IGNORED,
            label_smoothing=smoothing,
            reduction="sum",
        )

    def _stack(self, rows: list[np.ndarray], filler: int) -> torch.Tensor:
        """[rows, longest], int64, on the device."""
        stacked = np.full((len(rows), max(map(len, rows))), filler, np.int64)
        for row, ids in zip(stacked, rows, strict=True):
            row[: len(ids)] = ids
        return torch.from_numpy(stacked).to(self.device)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM for the loop to look at; a second one kills as ever."""
    seen: list[int] = []

    def note(number: int, _frame: object) -> None:
        seen.append(number)
        signal.signal(number, before[number])

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_model(options: argparse.Namespace, pieces: int) -> MarianMTModel:
    """What the run begins with: the model of --start, or a random one."""
    if options.start:
        return MarianMTModel.from_pretrained(
            options.start, dtype=torch.float32, dropout=options.dropout
        )
    config = MarianConfig(
        vocab_size=pieces + 1,
        decoder_vocab_size=pieces + 1,
        d_model=options.dim,
        encoder_layers=options.encoder_layers,
        decoder_layers=options.decoder_layers,
        encoder_attention_heads=options.heads,
        decoder_attention_heads=options.heads,
        encoder_ffn_dim=options.ffn,
        decoder_ffn_dim=options.ffn,
        activation_function=options.activation,
        dropout=options.dropout,
        attention_dropout=0.0,
        activation_dropout=0.0,
        max_position_embeddings=MAX_POSITIONS,
        scale_embedding=True,
        static_position_embeddings=True,
        normalize_before=False,
        bos_token_id=END,
        eos_token_id=END,
        forced_eos_token_id=END,
        pad_token_id=pieces,
        decoder_start_token_id=pieces,
    )
    return MarianMTModel(config)


def _recipe(options: argparse.Namespace) -> dict[str, Any]:
    """The options of the recipe, files by their names alone: where they lie is no part of it."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(one) for one in value]
        return value.name if isinstance(value, Path) else value

    return {name: plain(v) for name, v in vars(options).items() if name not in _NOT_RECIPE}
