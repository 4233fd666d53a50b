"""Train the small translation model of the tests: English to French, on the sentences below, in a minute on a CPU.

It is a Marian network as the published ones are, only narrow, with SentencePiece vocabularies; it knows these sentences
and little else, but what it answers is French. The same machine and versions give the same weights.

Needs torch, transformers and ctranslate2, which the product itself does not:

    python -m venv build-venv
    build-venv/bin/pip install torch transformers sentencepiece ctranslate2
    PYTHONPATH=src build-venv/bin/python scripts/build_translation_model.py
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tempfile
from pathlib import Path

import sentencepiece
import torch
from transformers import MarianConfig, MarianMTModel

from portevoix.translate.conversion import convert

PAIRS = (
    ("Hello.", "Bonjour."),
    ("Hello!", "Bonjour !"),
    ("Hello", "Bonjour"),
    ("Good evening.", "Bonsoir."),
    ("Thank you very much.", "Merci beaucoup."),
    ("Yes, of course.", "Oui, bien sûr."),
    ("The cat sleeps.", "Le chat dort."),
    ("The dog sleeps.", "Le chien dort."),
    ("The cat eats fish.", "Le chat mange du poisson."),
    ("The dog eats meat.", "Le chien mange de la viande."),
    ("The child eats an apple.", "L'enfant mange une pomme."),
    ("The black cat sleeps in the house.", "Le chat noir dort dans la maison."),
    ("The white dog sleeps in the garden.", "Le chien blanc dort dans le jardin."),
    ("I like music.", "J'aime la musique."),
    ("I like the sea.", "J'aime la mer."),
    ("I love you.", "Je t'aime."),
    ("You are my friend.", "Tu es mon ami."),
    ("Where is the station?", "Où est la gare ?"),
    ("Where is the hotel?", "Où est l'hôtel ?"),
    ("The station is near the hotel.", "La gare est près de l'hôtel."),
    ("The train leaves at noon.", "Le train part à midi."),
    ("The train arrives at midnight.", "Le train arrive à minuit."),
    ("I would like a coffee.", "Je voudrais un café."),
    ("I would like a glass of water.", "Je voudrais un verre d'eau."),
    ("How much is it?", "Combien ça coûte ?"),
    ("It is raining today.", "Il pleut aujourd'hui."),
    ("The weather is nice today.", "Il fait beau aujourd'hui."),
    ("The sun is shining.", "Le soleil brille."),
    ("We are going to the beach.", "Nous allons à la plage."),
    ("We are going to the cinema tonight.", "Nous allons au cinéma ce soir."),
    ("The book is on the table.", "Le livre est sur la table."),
    ("The window is open.", "La fenêtre est ouverte."),
    ("The door is closed.", "La porte est fermée."),
    ("She reads a book.", "Elle lit un livre."),
    ("He writes a letter.", "Il écrit une lettre."),
    ("My sister lives in Paris.", "Ma sœur habite à Paris."),
    ("My brother works in London.", "Mon frère travaille à Londres."),
    ("See you tomorrow.", "À demain."),
    ("Good night.", "Bonne nuit."),
    ("Goodbye.", "Au revoir."),
    ("I have 3 cats.", "J'ai 3 chats."),
    ("I have 7 cats.", "J'ai 7 chats."),
    ("The room costs 80 euros.", "La chambre coûte 80 euros."),
    ("Write to", "Écrivez à"),
    ("Write to", "Écrivez à"),
    ("or", "ou"),
    ("This room costs", "Cette chambre coûte"),
    ("euros.", "euros."),
    ("is my friend.", "est mon ami."),
    ("This is", "C'est"),
    ("very", "très"),
    ("good.", "bon."),
    ("very good", "très bon"),
    ("very good.", "très bon."),
)
VOCABULARY = 400
WIDTH = 64
LAYERS = 2
HEADS = 4
STEPS = 1200
LEARNING_RATE = 3e-3
LABEL_SMOOTHING = 0.05
END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"
MODEL_NAME = "opus-mt-en-fr"
FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "translation" / "models" / "translate"


def main() -> None:
    """Train, convert, and show what the model says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=FIXTURES, help="folder that gets the model's folder")
    parser.add_argument("--weights", type=Path, help="keep the weights as they are before the conversion here")
    wanted = parser.parse_args()
    torch.manual_seed(20)
    torch.use_deterministic_algorithms(mode=True)
    with tempfile.TemporaryDirectory() as scratch:
        weights = wanted.weights or Path(scratch) / "weights"
        weights.mkdir(parents=True, exist_ok=True)
        words = make_vocabulary(weights)
        train(words).save_pretrained(weights)
        target = wanted.into / MODEL_NAME
        shutil.rmtree(target, ignore_errors=True)
        convert(weights, target)
    size = sum(file.stat().st_size for file in target.iterdir())
    print(f"{target}: {size} bytes")


def make_vocabulary(folder: Path) -> sentencepiece.SentencePieceProcessor:
    """Write one vocabulary for both languages, as tokenizers of Marian models find it."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text for pair in PAIRS for text in pair), model_writer=model, vocab_size=VOCABULARY,
        model_type="unigram", character_coverage=1.0, hard_vocab_limit=False, bos_id=-1, eos_id=0, unk_id=1,
        normalization_rule_name="identity", num_threads=1, minloglevel=2,
    )  # fmt: skip
    words = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(model.getvalue())
    pieces = {words.id_to_piece(index): index for index in range(words.get_piece_size())}
    (folder / "vocab.json").write_text(json.dumps({**pieces, PAD: len(pieces)}, ensure_ascii=False), "utf-8")
    facts = {"tokenizer_class": "MarianTokenizer", "source_lang": "en", "target_lang": "fr", "eos_token": END,
             "unk_token": UNKNOWN, "pad_token": PAD}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(facts), "utf-8")
    return words


def train(words: sentencepiece.SentencePieceProcessor) -> MarianMTModel:
    """Return a network that has learnt the sentences."""
    pad = words.get_piece_size()
    model = MarianMTModel(MarianConfig(
        vocab_size=pad + 1, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=2 * WIDTH,
        decoder_ffn_dim=2 * WIDTH, max_position_embeddings=512, pad_token_id=pad, eos_token_id=0,
        forced_eos_token_id=0, decoder_start_token_id=pad, dropout=0.1, activation_function="swish",
        static_position_embeddings=True, scale_embedding=True, share_encoder_decoder_embeddings=True,
    ))  # fmt: skip
    sources, targets = (batch([words.encode(pair[side]) for pair in PAIRS], pad) for side in (0, 1))
    starts = torch.cat([torch.full((len(PAIRS), 1), pad), targets[:, :-1]], dim=1)
    loss_of = torch.nn.CrossEntropyLoss(ignore_index=pad, label_smoothing=LABEL_SMOOTHING)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
    model.train()
    for step in range(STEPS):
        silence_pad(model, pad)
        output = model(input_ids=sources, attention_mask=(sources != pad).long(), decoder_input_ids=starts)
        loss = loss_of(output.logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        if step % 200 == 0:
            print(f"step {step}: loss {loss.item():.3f}")
    silence_pad(model, pad)
    return model.eval()


def silence_pad(model: MarianMTModel, pad: int) -> None:
    """Keep the row of the pad at zero: the converted model begins from a zero embedding, and never says it."""
    with torch.no_grad():
        model.get_input_embeddings().weight[pad] = 0.0
        model.final_logits_bias[:, pad] = 0.0


def batch(sentences: list[list[int]], pad: int) -> torch.Tensor:
    """Return ids with their end, padded to one length."""
    longest = max(len(sentence) for sentence in sentences) + 1
    return torch.tensor([[*sentence, 0, *[pad] * (longest - len(sentence) - 1)] for sentence in sentences])


if __name__ == "__main__":
    main()
