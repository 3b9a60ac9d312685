r"""Train a small Marian model from two aligned text files and write it as Hugging Face does.

    python bench/train_model.py train.en train.es dev.en dev.es --run runs/en-es

trains 6 encoder and 3 decoder layers of width 256 (10 million parameters) for 20,000 steps, which
asks for a GPU. Ctrl-C stops after the step under way and keeps it; the same command goes on from
there, with the very bits that an undisturbed run would have had (on a GPU, as far as its own sums
repeat). --start goes on from a Marian folder in place of random weights, --data adds corpora,
and --augment alters some of the pairs (bench/augment.py):

    python bench/train_model.py train.en train.es dev.en dev.es --run runs/more \
        --start runs/en-es/model --weight 0.4 --data docs.en docs.es 0.5 \
        --data bench/phrases/first.en bench/phrases/first.es 0.1 \
        --round 20000 --augment --share capitals 0.2 --steps 3000 --warmup 200 --rate 5e-4 \
        --fall 1000 --dropout 0

What a run leaves in its folder:

    vocabulary.spm   the SentencePiece model that both languages share, without --start
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
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from augment import Augmenter, Shares
from mixture import Mixture, Source
from pairs import END, Corpus, Vocabulary, read_pair, read_vocabulary, train_vocabulary
from training import MAX_POSITIONS, Run
from transformers import GenerationConfig, MarianMTModel, MarianTokenizer
from transformers.utils import logging

CARRIERS = Path(__file__).resolve().parent / "phrases"
MAY_BE_ZERO = ("warmup", "seed", "threads", "bf16", "fall", "round", "augment")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, or go on training, and write the model; 1 if that cannot be, 130 if interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.disable_progress_bar()
    for name, value in vars(options).items():
        if isinstance(value, int) and value < (name not in MAY_BE_ZERO):
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

    corpora = [[options.train_source, options.train_target, options.weight], *options.data]
    mixture = _mixture(corpora, options)
    texts = mixture.sources[0].pairs
    if options.start:
        vocabulary = read_vocabulary(options.start)
    else:
        sides = ([pair[0] for pair in texts], [pair[1] for pair in texts])
        vocabulary = train_vocabulary(options.run / "vocabulary.spm", sides, options.vocab)
    dev_texts = read_pair(options.dev_source, options.dev_target)
    dev = Corpus.encode(vocabulary, dev_texts, options.max_length)
    print(f"dev: {len(dev.sources)} of {len(dev_texts[0])} pairs")

    run = Run(options, vocabulary)
    parameters = sum(p.numel() for p in run.trained)
    print(f"model: {parameters} parameters on {run.device}, step {run.step} of {options.steps}")
    if not run.train(mixture, dev):
        print(f"interrupted after step {run.step}; the same command goes on from there")
        return 130
    write_model(options.run / "model", run.average, vocabulary, options)
    show_samples(options.run / "model", dev_texts[0][:3])
    return 0


def _mixture(corpora: list[Any], options: argparse.Namespace) -> Mixture:
    sources = []
    for source, target, weight in corpora:
        pairs = list(zip(*read_pair(source, target), strict=True))
        print(f"{source.name}: {len(pairs)} pairs, weight {weight:g}")
        sources.append(Source(pairs, weight))
    augmenter = None
    if options.augment:
        carriers = read_pair(CARRIERS / "carriers.en", CARRIERS / "carriers.es")
        augmenter = Augmenter(list(zip(*carriers, strict=True)), Shares(**dict(options.share)))
    elif options.share:
        raise ValueError("--share has no effect without --augment, expected both")
    size = options.round or sum(len(source.pairs) for source in sources)
    return Mixture(sources, size, options.seed, augmenter)


def write_model(
    folder: Path,
    model: MarianMTModel,
    vocabulary: Vocabulary,
    options: argparse.Namespace,
) -> None:
    """Write the folder that MarianMTModel, MarianTokenizer and pyattn read."""
    pad = vocabulary.pad
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
    vocabulary.write(folder)
    tokenizer = {
        "source_lang": options.source_lang,
        "target_lang": options.target_lang,
        "tokenizer_class": "MarianTokenizer",
        "model_max_length": MAX_POSITIONS,
    }
    text = json.dumps(tokenizer, ensure_ascii=False)
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
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


class _AddCorpus(argparse.Action):
    """Collects the files and weights of --data."""

    def __call__(self, *call: Any) -> None:
        """Append one corpus; `call` is as argparse has it."""
        _parser, namespace, values, _option = call
        try:
            corpus = [Path(values[0]), Path(values[1]), float(values[2])]
        except ValueError:
            message = f"weight is {values[2]}, expected a number"
            raise argparse.ArgumentError(self, message) from None
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), corpus])


class _AddShare(argparse.Action):
    """Collects the names and values of --share."""

    def __call__(self, *call: Any) -> None:
        """Set one share; `call` is as argparse has it."""
        _parser, namespace, (name, value), _option = call
        names = [field.name for field in dataclasses.fields(Shares)]
        if name not in names:
            message = f"name is {name}, expected one of {', '.join(names)}"
            raise argparse.ArgumentError(self, message)
        try:
            share = [name, float(value)]
        except ValueError:
            message = f"share of {name} is {value}, expected a number"
            raise argparse.ArgumentError(self, message) from None
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), share])


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
    option("--weight", 1.0, "of the training text among the corpora of --data")
    add(
        "--data",
        nargs=3,
        action=_AddCorpus,
        default=[],
        metavar=("SOURCE", "TARGET", "WEIGHT"),
        help="another corpus; repeatable",
    )
    option("--round", 0, "pairs drawn by weight between two shuffles; 0: as many as there are")
    add("--augment", action="store_true", help="alter pairs, by the shares in bench/augment.py")
    add(
        "--share",
        nargs=2,
        action=_AddShare,
        default=[],
        metavar=("NAME", "SHARE"),
        help="of the pairs that --augment alters in one way, such as capitals 0.3; repeatable",
    )
    add("--start", type=Path, help="a Marian folder: its weights, sizes and vocabulary are taken")
    option("--vocab", 8000, "SentencePiece pieces, both languages together")
    option("--dim", 256, "width of the model; a multiple of --heads")
    option("--ffn", 1024, "width of the feed-forward blocks' middle")
    option("--heads", 4, "attention heads")
    option("--encoder-layers", 6, "layers of the encoder, which runs once a sentence")
    option("--decoder-layers", 3, "layers of the decoder, which runs once a token")
    option("--activation", "swish", "of the feed-forward blocks: swish, relu, gelu")
    option("--dropout", 0.1, "share of activations zeroed in training")
    option("--steps", 20000, "updates in all")
    option("--warmup", 1000, "steps over which the rate rises")
    add("--fall", type=int, help="last steps, over which the rate falls to zero (default: all)")
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
