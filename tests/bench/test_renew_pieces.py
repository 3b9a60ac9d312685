import json
import pathlib
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("google.protobuf")

import pairs
import renew_pieces
import sentencepiece
import train_model
from safetensors.numpy import load_file

from support.paths import BENCH

pytestmark = pytest.mark.filterwarnings("default")

TEXTS = [str(BENCH / "phrases" / f"first.{side}") for side in ("en", "es")]
TINY = (
    *("--vocab", "500", "--dim", "8", "--ffn", "8", "--heads", "2", "--encoder-layers", "1"),
    *("--decoder-layers", "1", "--steps", "1", "--warmup", "0", "--threads", "1"),
    *("--device", "cpu"),
)
CAPITALS = 40
ODD = "{name} a_b@c.d #x=[y] <b>*|~`^\\</b> “hi” 😀"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path]:
    run = tmp_path_factory.mktemp("run")
    assert train_model.main([*TEXTS, *TEXTS, *TINY, "--run", str(run)]) == 0
    options = ["--data", *TEXTS, "1", "--capitals", str(CAPITALS)]
    assert renew_pieces.main([str(run / "model"), str(run / "renewed"), *options]) == 0
    return run / "model", run / "renewed"


def processor(folder: pathlib.Path) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))


def test_what_had_no_pieces_comes_back(folders: tuple[pathlib.Path, pathlib.Path]) -> None:
    before, after = map(processor, folders)
    assert before.unk_id() in before.encode(ODD)
    assert after.decode(after.encode(ODD)) == ODD


def test_capitals_take_fewer_tokens(folders: tuple[pathlib.Path, pathlib.Path]) -> None:
    before, after = map(processor, folders)
    text = pathlib.Path(TEXTS[0]).read_text("utf-8").upper()
    assert len(after.encode(text)) < 0.85 * len(before.encode(text))


def test_all_other_pieces_keep_ids_and_embeddings(
    folders: tuple[pathlib.Path, pathlib.Path],
) -> None:
    ids = [json.loads((folder / "vocab.json").read_text("utf-8")) for folder in folders]
    tables = [load_file(folder / "model.safetensors") for folder in folders]
    kept = [piece for piece in ids[0] if piece in ids[1]]
    assert sorted(ids[0].values()) == sorted(ids[1].values())
    assert all(ids[0][piece] == ids[1][piece] for piece in kept)
    fresh = set(ids[1]) - set(ids[0])
    assert sum(piece.strip("▁").isupper() for piece in fresh) >= CAPITALS
    name = "model.shared.weight"
    same = (tables[0][name] == tables[1][name]).all(axis=1)
    assert same.sum() == len(kept)
    assert all((tables[0][other] == tables[1][other]).all() for other in tables[0] if other != name)


def test_the_folder_can_be_trained_and_loaded(
    folders: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    from pyattn.files import read_checkpoint

    options = [*TEXTS, *TEXTS, *TINY, "--start", str(folders[1]), "--run", str(tmp_path)]
    assert train_model.main(options) == 0
    assert read_checkpoint(tmp_path / "model").config.pad == 500


def test_more_pieces_than_there_is_room_for_are_refused(
    folders: tuple[pathlib.Path, pathlib.Path],
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--data", *TEXTS, "1", "--capitals", "0", "--characters"]
    many = "".join(map(chr, range(0x4E00, 0x5000)))
    assert renew_pieces.main([str(folders[0]), str(tmp_path / "out"), *options, many]) == 1
    assert "pieces have several characters, expected" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_sides_of_different_pieces_are_refused(
    folders: tuple[pathlib.Path, pathlib.Path],
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(folders[0], tmp_path / "model")
    (tmp_path / "model" / "target.spm").write_bytes((folders[1] / "target.spm").read_bytes())
    assert pairs.read_vocabulary(tmp_path / "model")
    options = [str(tmp_path / "model"), str(tmp_path / "out"), "--data", *TEXTS, "1"]
    assert renew_pieces.main(options) == 1
    assert "source.spm and target.spm differ" in capsys.readouterr().err


def test_words_in_capitals_get_a_piece_that_follows_their_small_letters(
    folders: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    options = ["--data", *TEXTS, "1", "--capitals", "0", "--words", "10", "--characters", ""]
    assert renew_pieces.main([str(folders[1]), str(tmp_path / "words"), *options]) == 0
    ids = [
        json.loads((folder / "vocab.json").read_text("utf-8"))
        for folder in (folders[1], tmp_path / "words")
    ]
    fresh = set(ids[1]) - set(ids[0])
    assert len(fresh) == 10
    assert not any(piece.isupper() for piece in set(ids[0]) - set(ids[1]))
    after = processor(tmp_path / "words")
    tables = [
        load_file(folder / "model.safetensors")["model.shared.weight"]
        for folder in (folders[1], tmp_path / "words")
    ]
    moves = []
    for piece in fresh:
        assert piece.startswith("▁")
        assert piece.isupper()
        assert after.encode(piece.removeprefix("▁"), out_type=str) == [piece]
        small = [form for form in (piece.lower(), "▁" + piece[1:].capitalize()) if form in ids[0]]
        moves.append(tables[1][ids[1][piece]] - tables[0][ids[0][small[0]]])
    assert all(move == pytest.approx(moves[0], abs=1e-5) for move in moves)


def test_new_places_leave_all_other_pieces(
    folders: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    transformers = pytest.importorskip("transformers")

    options = ["--data", *TEXTS, "1", "--capitals", "0", "--words", "10", "--characters", ""]
    grown = tmp_path / "grown"
    assert renew_pieces.main([str(folders[1]), str(grown), *options, "--grow", "10"]) == 0
    ids = [json.loads((folder / "vocab.json").read_text("utf-8")) for folder in (folders[1], grown)]
    assert (ids[0].pop("<pad>"), ids[1].pop("<pad>")) == (500, 510)
    assert all(ids[1][piece] == place for piece, place in ids[0].items())
    assert [processor(grown).id_to_piece(place) for place in range(510)] == sorted(
        ids[1], key=lambda piece: ids[1][piece]
    )
    models = [transformers.MarianMTModel.from_pretrained(folder) for folder in (folders[1], grown)]
    tables = [model.get_input_embeddings().weight for model in models]
    assert (tables[0][:500] == tables[1][:500]).all()
    assert not tables[1][510].any()
    settings = [models[1].config, models[1].generation_config]
    assert all(one.pad_token_id == one.decoder_start_token_id == 510 for one in settings)
    assert settings[0].vocab_size == models[1].final_logits_bias.shape[1] == 511
    assert settings[1].bad_words_ids == [[510]]
