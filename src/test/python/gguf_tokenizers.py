"""Makes GGUF files with tokenizers of several kinds, and the ids that HuggingFace's code gives.

Usage: gguf_tokenizers.py OUT TEXT [SEED LAYOUTS]

With a seed and the layouts of tokenizer_golden.py, each tokenizer gets two documents of 200,000
characters, too.
"""

import json
import pathlib
import sys

import gguf
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers.integrations.gguf.gguf_tokenizer_mapping import convert_gguf_tokenizer

import tokenizer_golden

out, novel = map(pathlib.Path, sys.argv[1:3])
seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
layouts = list(json.loads(pathlib.Path(sys.argv[4]).read_text()).values()) if len(sys.argv) > 4 else []
text = novel.read_text()
SAMPLES = [
    "the white whale",
    "It's 1851; they'll've 12,345.67 DON'T  stop\n\n\n  now\t!  ",
    "größe Ωmega 北京 🐋 naïve cafe\u0301 ½ Ⅷ ٣ \u00a0x",
    "<s>call me Ishmael</s> <think>whales</think><s>",
    " leading, trailing ",
    "CamelCaseWords HTTPServer iPhone snake_case  // a/b\r\nnext",
    text[30_000:130_000],
]
# The normalisers of the models' own tokenizers, which a GGUF file does not mention.
COMPOSED = {"qwen2", "olmo"}

digits = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
trained = Tokenizer(models.BPE())
trained.pre_tokenizer = digits
trained.train_from_iterator(
    [text[:200_000]],
    trainers.BpeTrainer(
        vocab_size=1000, special_tokens=["<s>", "</s>", "<think>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
    ),
)
byte_level = dict(
    tokens=[token for token, _ in sorted(trained.get_vocab().items(), key=lambda item: item[1])],
    merges=[" ".join(pair) for pair in json.loads(trained.to_str())["model"]["merges"]],
    token_type=[3, 3, 4] + [1] * 997,
)

trained = Tokenizer(models.BPE())
trained.pre_tokenizer = pre_tokenizers.Metaspace()
trained.train_from_iterator([text[:200_000]], trainers.BpeTrainer(vocab_size=900, show_progress=False))
learned = [token for token, _ in sorted(trained.get_vocab().items(), key=lambda item: item[1])]
pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
types = [2, 3, 3] + [6] * 256
sentence_piece = dict(
    tokens=pieces + learned, token_type=types + [1] * len(learned),
    scores=[0.0] * len(pieces) + [float(-rank) for rank in range(len(learned))],
)
runs = [" " * n for n in range(2, 9)]
gemma = dict(
    tokens=pieces + runs + learned, token_type=types + [4] * len(runs) + [1] * len(learned),
    scores=[0.0] * (len(pieces) + len(runs) + len(learned)),
)

CASES = {pre: ("llama", "gpt2", pre, byte_level) for pre in ("gpt-2", "olmo", "smollm", "qwen2", "llama-bpe", "tekken")}
CASES |= {"llama-spm": ("llama", "llama", "default", sentence_piece), "gemma": ("gemma2", "llama", "default", gemma)}

for number, (name, (architecture, kind, pre, fields)) in enumerate(CASES.items()):
    writer = gguf.GGUFWriter(out / f"{name}.gguf", architecture)
    writer.add_tokenizer_model(kind)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(fields["tokens"])
    writer.add_token_types(fields["token_type"])
    if "merges" in fields:
        writer.add_token_merges(fields["merges"])
    if "scores" in fields:
        writer.add_token_scores(fields["scores"])
    writer.add_bos_token_id(0 if kind == "gpt2" else 1)
    if kind == "llama":
        writer.add_unk_token_id(0)
        writer.add_add_space_prefix(architecture != "gemma2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tokenizer, _ = convert_gguf_tokenizer(
        architecture, dict(fields, tokenizer_type=kind, pre_tokenizer_type=pre, unk_token_id=0)
    )
    if pre == "smollm":
        # As in the model's own tokenizer; transformers takes GPT-2's for all.
        tokenizer.pre_tokenizer = digits
    if pre in COMPOSED:
        tokenizer.normalizer = normalizers.NFC()
    if pre in ("llama-bpe", "tekken"):
        tokenizer.model.ignore_merges = True
    whole = [one for place, one in enumerate(layouts) if (place + number + seed) % 5 == 0]
    samples = SAMPLES + [tokenizer_golden.document(one, seed) for one in whole]
    ids = [tokenizer.encode(sample, add_special_tokens=False).ids for sample in samples]
    (out / f"{name}.json").write_text(
        json.dumps([{"text": sample, "ids": one} for sample, one in zip(samples, ids)])
    )
