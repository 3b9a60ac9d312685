r"""Train a small Marian model from two aligned text files and write it as Hugging Face does.

    python bench/train_model.py train.en train.es dev.en dev.es --run runs/en-es

trains 6 encoder and 3 decoder layers of width 256 (10 million parameters) for 20,000 steps, which
asks for a GPU. Ctrl-C stops after the step under way and keeps it; the same command goes on from
there, with the very bits that an undisturbed run would have had (on a GPU, as far as its own sums
repeat). What a run leaves in its folder:

    vocabulary.spm   the SentencePiece model that both languages share
    checkpoint.pt    weights, their average, optimiser, random state and place in the data
    model/           the averaged weights, for transformers' MarianMTModel.from_pretrained and
                     for pyattn.load

To see it work in three minutes on one core:

    python bench/train_model.py train.en train.es dev.en dev.es --run runs/tiny --threads 1 \
        --vocab 2000 --dim 128 --ffn 512 --encoder-layers 2 --decoder-layers 1 \
        --steps 400 --warmup 100 --rate 2e-3 --batch-tokens 2000 --dev-every 100
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import math
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F
from pairs import END, Corpus, load_vocabulary, plan_batches, read_pair, write_whole
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer
from transformers.utils import logging

IGNORED = -100  # label of a padded position
MAX_POSITIONS = 256

# What only says where, how often or on what; every other option is part of the recipe, and a
# checkpoint goes on only under the recipe that it began with.
_NOT_RECIPE = {
    *("run", "device", "threads", "report_every", "dev_every", "save_every"),
    *("dev_source", "dev_target"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, or go on training, and write the model; 1 if that cannot be, 130 if interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.disable_progress_bar()
    for name, value in vars(options).items():
        if isinstance(value, int) and value < (name not in ("warmup", "seed", "threads", "bf16")):
            parser.error(f"--{name.replace('_', '-')} is {value}, expected at least 1")
    try:
        return _main(options)
    except (OSError, ValueError) as error:
        print(f"train_model: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first step, or a second one; nothing is half written
        return 130


def _main(options: argparse.Namespace) -> int:
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.run.mkdir(parents=True, exist_ok=True)

    texts = read_pair(options.train_source, options.train_target)
    dev_texts = read_pair(options.dev_source, options.dev_target)
    vocabulary = load_vocabulary(options.run / "vocabulary.spm", texts, options.vocab)
    train = Corpus.encode(vocabulary, texts, options.max_length)
    dev = Corpus.encode(vocabulary, dev_texts, options.max_length)
    for name, corpus, pairs in (("train", train, texts[0]), ("dev", dev, dev_texts[0])):
        tokens = int(corpus.lengths[:, 1].sum())
        print(f"{name}: {len(corpus.sources)} of {len(pairs)} pairs, {tokens} target tokens")

    run = Run(options, len(vocabulary))
    parameters = sum(p.numel() for p in run.trained)
    print(f"model: {parameters} parameters on {run.device}, step {run.step} of {options.steps}")
    if not run.train(train, dev):
        print(f"interrupted after step {run.step}; the same command goes on from there")
        return 130
    write_model(options.run / "model", run.average, vocabulary, options)
    show_samples(options.run / "model", dev_texts[0][:3])
    return 0


def learning_rate(step: int, options: argparse.Namespace) -> float:
    """Linear to `rate` over `warmup` steps, then half a cosine down to zero; `step` from 1."""
    if step <= options.warmup:
        return options.rate * step / options.warmup
    done = (step - options.warmup) / (options.steps - options.warmup)
    return options.rate * 0.5 * (1 + math.cos(math.pi * done))


class Run:
    """Everything that changes while a model is trained, and how it is kept and brought back."""

    def __init__(self, options: argparse.Namespace, pieces: int) -> None:
        self.options = options
        self.device = torch.device(options.device)
        self.model = MarianMTModel(_config(options, pieces)).to(self.device)
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

    def train(self, train: Corpus, dev: Corpus) -> bool:
        """Train to the last step; False if a signal stopped it before. Keeps the state either way.

        The dev loss is that of the average, which is the model that will be written.
        """
        options = self.options
        if self.step == 0:
            print(f"step 0: dev loss {self.dev_loss(dev):.4f}", flush=True)
        loss, tokens, begun = torch.zeros((), device=self.device), 0, time.perf_counter()
        with _signals() as stop:
            for pairs in self._batches(train):
                if stop or self.step == options.steps:
                    break
                loss += self._train_on(train, pairs)
                tokens += int(train.lengths[pairs, 1].sum())
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

    def _batches(self, corpus: Corpus) -> Iterator[np.ndarray]:
        """Batches from the present place on, epoch after epoch; the place moves with them."""
        options = self.options
        while True:
            batches = plan_batches(corpus.lengths, options.batch_tokens, options.seed, self.epoch)
            while self.batch < len(batches):
                yield batches[self.batch]
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


def _config(options: argparse.Namespace, pieces: int) -> MarianConfig:
    return MarianConfig(
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


def write_model(
    folder: Path,
    model: MarianMTModel,
    vocabulary: sentencepiece.SentencePieceProcessor,
    options: argparse.Namespace,
) -> None:
    """Write the folder that MarianMTModel, MarianTokenizer and pyattn read."""
    pad = model.config.pad_token_id
    model.generation_config = GenerationConfig(
        num_beams=4,
        max_length=MAX_POSITIONS,
        bad_words_ids=[[pad]],
        bos_token_id=END,
        eos_token_id=END,
        forced_eos_token_id=END,
        pad_token_id=pad,
        decoder_start_token_id=pad,
    )
    model.save_pretrained(folder)
    for side in ("source", "target"):
        (folder / f"{side}.spm").write_bytes(vocabulary.serialized_model_proto())
    pieces = {vocabulary.id_to_piece(i): i for i in range(pad)} | {"<pad>": pad}
    tokenizer = {
        "source_lang": options.source_lang,
        "target_lang": options.target_lang,
        "tokenizer_class": "MarianTokenizer",
        "model_max_length": MAX_POSITIONS,
    }
    for name, content in (("vocab.json", pieces), ("tokenizer_config.json", tokenizer)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    print(f"wrote {folder}")


def show_samples(folder: Path, texts: list[str]) -> None:
    """Translate a few lines with the files just written: what is shown is what others will load."""
    model = MarianMTModel.from_pretrained(folder).eval()
    tokenizer = MarianTokenizer.from_pretrained(folder)
    ids = model.generate(**tokenizer(texts, return_tensors="pt", padding=True), max_length=64)
    for text, translation in zip(
        texts, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True
    ):
        print(f"{text} => {translation}")


def _recipe(options: argparse.Namespace) -> dict[str, Any]:
    recipe = {name: value for name, value in vars(options).items() if name not in _NOT_RECIPE}
    return {k: v.name if isinstance(v, Path) else v for k, v in recipe.items()}


def _parser() -> argparse.ArgumentParser:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("train_source", type=Path, help="training text, one sentence a line, UTF-8")
    add("train_target", type=Path, help="its translation, line by line")
    add("dev_source", type=Path, help="text for the dev loss; not to be found in the training text")
    add("dev_target", type=Path, help="its translation")
    add("--run", type=Path, required=True, help="folder of this run, made or gone on with")

    def option(name: str, default: Any, text: str) -> None:
        add(name, type=type(default), default=default, help=f"{text} (default: {default})")

    option("--source-lang", "en", "code of the source language, for the tokenizer's files")
    option("--target-lang", "es", "code of the target language")
    option("--vocab", 8000, "SentencePiece pieces, both languages together")
    option("--dim", 256, "width of the model; a multiple of --heads")
    option("--ffn", 1024, "width of the feed-forward blocks' middle")
    option("--heads", 4, "attention heads")
    option("--encoder-layers", 6, "layers of the encoder, which runs once a sentence")
    option("--decoder-layers", 3, "layers of the decoder, which runs once a token")
    option("--activation", "swish", "of the feed-forward blocks: swish, relu, gelu")
    option("--dropout", 0.1, "share of activations zeroed in training")
    option("--steps", 20000, "updates in all; the rate falls to zero over them")
    option("--warmup", 1000, "steps over which the rate rises")
    option("--rate", 6e-4, "highest learning rate; smaller models bear higher ones")
    option("--batch-tokens", 4000, "tokens of a batch and side, padding counted")
    option("--max-length", 128, "pairs with more tokens on a side are left out")
    option("--smoothing", 0.1, "label smoothing")
    option("--decay", 0.01, "AdamW's weight decay, of matrices only")
    option("--clip", 1.0, "norm above which gradients are scaled down")
    option("--average", 0.998, "share that the average of the weights keeps per step")
    option("--seed", 1, "of the start, the order of the data and dropout")
    option("--device", "cuda" if gpu else "cpu", "where to train")
    option("--threads", 0, "CPU threads, 0 for PyTorch's choice")
    add(
        "--bf16",
        action=argparse.BooleanOptionalAction,
        default=gpu,
        help="products in bfloat16 (default: on a GPU only)",
    )
    option("--report-every", 100, "steps between two lines of progress")
    option("--dev-every", 500, "steps between two dev losses")
    option("--save-every", 500, "steps between two checkpoints")
    return parser


if __name__ == "__main__":
    sys.exit(main())
