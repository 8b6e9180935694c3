"""The tokenizer.model made of a tokenizer.json reads text as the tokenizer.json does: by the sentencepiece library."""

import json
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, trainers

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.worker.sentencepiece_model import write_sentencepiece

TEXTS = ["fever and chills", "a  fever", "ever\n\nhalt", "37°C, naïve €", "ändern der <b> unk", "feverfeverfever"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Small, and of the kind of Gemma's: BPE on characters, blanks as ▁, bytes for what it lacks."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "<start_of_turn>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    made.train_from_iterator(["fever and chills after a fever never ever; halt, alter and falter"] * 3, trainer)
    made.add_tokens([AddedToken("\n\n", normalized=False)])
    return made


def written(tokenizer: Tokenizer, folder: Path, vocabulary: int) -> sentencepiece.SentencePieceProcessor:
    described = json.loads(tokenizer.to_str())
    for token in described["added_tokens"]:  # the library's trainer marks bytes, which Gemma's file does not
        token["special"] = token["special"] and not token["content"].startswith("<0x")
    (folder / "tokenizer.json").write_text(json.dumps(described))
    write_sentencepiece(folder, vocabulary)
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


@pytest.mark.parametrize("text", TEXTS)
def test_it_reads_text_as_its_source(text: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = written(tokenizer, tmp_path, tokenizer.get_vocab_size())
    assert model.encode(text) == tokenizer.encode(text, add_special_tokens=False).ids
    assert len(model.encode("fever")) == 1, "merges are known, not only characters"


def test_the_first_merge_comes_first_and_not_the_leftmost(tmp_path: Path) -> None:
    pieces = ["<unk>", "▁", "a", "b", "c", "bc", "ab", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary = {piece: id for id, piece in enumerate(pieces)}
    made = Tokenizer(models.BPE(vocabulary, [("b", "c"), ("a", "b")], unk_token="<unk>", byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    model = written(made, tmp_path, len(pieces))
    assert model.encode_as_pieces("abc") == made.encode("abc").tokens == ["a", "bc"]
    assert model.encode_as_pieces("ab") == ["ab"]


def test_kinds_of_tokens_are_known(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = written(tokenizer, tmp_path, tokenizer.get_vocab_size())
    assert model.is_control(model.piece_to_id("<start_of_turn>")) and model.is_byte(model.piece_to_id("<0x0A>"))
    assert model.unk_id() == 3 and model.id_to_piece(tokenizer.get_vocab_size() - 1) == "\n\n"


def test_it_has_no_more_tokens_than_the_model(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Gemma 3's tokenizer has a token for images, which the model for text has no row for."""
    assert (
        written(tokenizer, tmp_path, tokenizer.get_vocab_size() - 1).get_piece_size() == tokenizer.get_vocab_size() - 1
    )


def test_a_tokenizer_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    source = resolve_bundled("bundled:tiny_gemma3") / "tokenizer.json"
    (tmp_path / "tokenizer.json").write_bytes(source.read_bytes())
    write_sentencepiece(tmp_path, 1218)
    assert not (tmp_path / "tokenizer.model").exists()
