import json
import pathlib
import signal

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import augment
import train_model
import training

# What these packages warn of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

TINY = (
    *("--vocab", "30", "--dim", "16", "--ffn", "16", "--heads", "2", "--encoder-layers", "1"),
    *("--decoder-layers", "1", "--steps", "12", "--warmup", "3", "--rate", "0.02"),
    *("--batch-tokens", "60", "--threads", "1", "--device", "cpu"),
)


@pytest.fixture
def texts(tmp_path: pathlib.Path) -> list[str]:
    nouns = {"house": "casa", "river": "rueda", "chair": "silla", "lamp": "luz"}
    verbs = {"sees": "ve", "paints": "pinta", "sells": "vende"}
    source = [f"She {verb} the {noun}." for verb in verbs for noun in nouns] * 2
    target = [f"Ella {verb} la {noun}." for verb in verbs.values() for noun in nouns.values()] * 2
    for name, lines in (("en", source), ("es", target)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    return [str(tmp_path / name) for name in ("en", "es", "en", "es")]


def dev_losses(printed: str) -> list[float]:
    return [float(line.split()[-1]) for line in printed.splitlines() if "dev loss" in line]


def test_training_lowers_the_dev_loss(
    texts: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_model.main([*texts, *TINY, "--run", str(tmp_path / "run")]) == 0
    first, last = dev_losses(capsys.readouterr().out)
    assert last < first - 0.3


@pytest.mark.parametrize("mixed", [False, True])
def test_an_interrupted_run_ends_with_the_same_bits(
    texts: list[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, mixed: bool
) -> None:
    if mixed:
        more = (*texts, "--data", *texts[:2], "2", "--round", "20", "--augment", "--fall", "4")
        texts = [*more]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert train_model.main([*texts, *TINY, "--run", str(straight)]) == 0

    update = training.Run._update_average

    def interrupt(run: training.Run) -> None:
        update(run)
        if run.step == 5:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training.Run, "_update_average", interrupt)
        assert train_model.main([*texts, *TINY, "--run", str(broken)]) == 130
    assert not (broken / "model").exists()
    assert train_model.main([*texts, *TINY, "--run", str(broken)]) == 0
    weights = [run / "model" / "model.safetensors" for run in (straight, broken)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_run_goes_on_only_under_its_own_recipe(
    texts: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("--run", str(tmp_path / "run"))
    assert train_model.main([*texts, *TINY, *run]) == 0
    assert train_model.main([*texts, *TINY, *run, "--dropout", "0.2"]) == 1
    assert "was made with dropout 0.1, not 0.2" in capsys.readouterr().err


def test_the_written_folder_loads_in_pyattn(texts: list[str], tmp_path: pathlib.Path) -> None:
    from pyattn.files import read_checkpoint

    run = tmp_path / "run"
    assert train_model.main([*texts, *TINY, "--run", str(run)]) == 0
    checkpoint = read_checkpoint(run / "model")
    assert checkpoint.config.pad == checkpoint.config.start == 30
    assert not checkpoint.tensors["decoder.embedding"][30].any()
    assert json.loads((run / "model" / "vocab.json").read_text("utf-8"))["<pad>"] == 30


def test_the_rate_rises_then_falls_to_zero() -> None:
    options = train_model._parser().parse_args(
        ["a", "b", "c", "d", "--run", "r", "--steps", "100", "--warmup", "10", "--rate", "0.5"]
    )
    rates = [training.learning_rate(step, options) for step in range(1, 101)]
    assert rates[0] == 0.05
    assert max(rates) == rates[9] == 0.5
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[54] == pytest.approx(0.25)
    assert rates[99] == 0


def test_the_rate_stays_until_its_fall() -> None:
    arguments = ["a", "b", "c", "d", "--run", "r", "--steps", "100", "--warmup", "10"]
    for fall, last in ((20, 0), (0, 0.5)):
        options = train_model._parser().parse_args(
            [*arguments, "--rate", "0.5", "--fall", str(fall)]
        )
        rates = [training.learning_rate(step, options) for step in range(1, 101)]
        assert rates[9:80] == [0.5] * 71
        assert rates[99] == last
        assert rates[89] == pytest.approx((0.5 + last) / 2)


def test_a_run_starts_from_a_folder(
    texts: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert train_model.main([*texts, *TINY, "--run", str(first)]) == 0
    before = dev_losses(capsys.readouterr().out)
    start = ("--start", str(first / "model"))
    assert train_model.main([*texts, *TINY, *start, "--run", str(second)]) == 0
    after = dev_losses(capsys.readouterr().out)
    assert after[0] == pytest.approx(before[-1], abs=1e-4)
    assert after[-1] < before[-1] - 0.1
    for name in ("source.spm", "vocab.json", "tokenizer_config.json"):
        assert (first / "model" / name).read_bytes() == (second / "model" / name).read_bytes()


def test_weights_are_part_of_the_recipe(
    texts: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("--run", str(tmp_path / "run"))
    assert train_model.main([*texts, *TINY, *run, "--data", *texts[:2], "1"]) == 0
    assert train_model.main([*texts, *TINY, *run, "--data", *texts[:2], "2"]) == 1
    assert "was made with data [['en', 'es', 1.0]], not" in capsys.readouterr().err
    assert train_model.main([*texts, *TINY, *run, "--data", *texts[:2], "0"]) == 1
    assert "weight of a corpus is 0.0, expected above 0" in capsys.readouterr().err


def test_a_weight_is_a_number(texts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_model.main([*texts, "--run", "run", "--data", *texts[:2], "much"])
    assert "weight is much, expected a number" in capsys.readouterr().err


def test_shares_of_alterations_can_be_set(texts: list[str], tmp_path: pathlib.Path) -> None:
    options = train_model._parser().parse_args(
        [*texts, "--run", str(tmp_path), "--augment", "--share", "capitals", "0.3"]
    )
    corpora = [[pathlib.Path(texts[0]), pathlib.Path(texts[1]), 1.0]]
    augmenter = train_model._mixture(corpora, options).augmenter
    assert augmenter is not None
    shares = {way.__name__: share for share, way in augmenter.ways}
    assert (shares["capitals"], shares["bare"]) == (0.3, augment.Shares().bare)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("shouted", "0.3"), "name is shouted, expected one of joined, capitals"),
        (("capitals", "most"), "share of capitals is most, expected a number"),
    ],
)
def test_a_share_has_a_known_name_and_a_number(
    texts: list[str], capsys: pytest.CaptureFixture[str], given: tuple[str, str], message: str
) -> None:
    with pytest.raises(SystemExit):
        train_model.main([*texts, "--run", "run", "--augment", "--share", *given])
    assert message in capsys.readouterr().err


def test_shares_that_cannot_be_are_told(
    texts: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for given, message in (
        (("--share", "capitals", "0.3"), "--share has no effect without --augment"),
        (("--augment", "--share", "bare", "-1"), "share of bare is -1.0, expected 0 to 1"),
        (("--augment", "--share", "bare", "0.9"), "together, expected at most 1"),
    ):
        assert train_model.main([*texts, *TINY, "--run", str(tmp_path), *given]) == 1
        assert message in capsys.readouterr().err


def test_positions_stay_what_the_folder_cannot_hold(
    texts: list[str], tmp_path: pathlib.Path
) -> None:
    torch, transformers = map(pytest.importorskip, ("torch", "transformers"))
    first, second = tmp_path / "first", tmp_path / "second"
    assert train_model.main([*texts, *TINY, "--run", str(first)]) == 0
    start = ("--start", str(first / "model"))
    assert train_model.main([*texts, *TINY, *start, "--run", str(second)]) == 0
    state = torch.load(second / "checkpoint.pt", weights_only=True)
    written = transformers.MarianMTModel.from_pretrained(second / "model").state_dict()
    for kind in ("model", "average"):
        name = "model.encoder.embed_positions.weight"
        assert torch.equal(state[kind][name], written[name])
