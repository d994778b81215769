"""Tokenizers of the kinds that released models have, and what the `tokenizers` package makes of
long documents in ten scripts and layouts.

python tokenizer_golden.py make FOLDER          trains them and writes FOLDER/*.json, once
python tokenizer_golden.py ids FOLDER SEED      prints hashes of the ids of some documents of that
                                                seed, two layouts for each tokenizer

A document is a function of its layout and a seed, here as in WholeDocumentTest.
"""

import base64
import hashlib
import json
import struct
import sys
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

LENGTH = 200_000
SEED = 20240229
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+"
)


class Picks:
    """The generator that both sides have: Knuth's constants for 64 bits, the upper 31 used."""

    def __init__(self, seed):
        self.state = seed % 2**64

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def document(layout, seed):
    picks = Picks(seed)
    parts = []
    length = 0
    while length < LENGTH:
        words, letters, gaps = layout["words"], layout["letters"], layout["gaps"]
        if picks.below(2):
            part = words[picks.below(len(words))]
        else:
            part = "".join(letters[picks.below(len(letters))] for _ in range(1 + picks.below(9)))
        part += gaps[picks.below(len(gaps))]
        parts.append(part)
        length += len(part)
    return "".join(parts)


def layouts():
    def layout(words, letters, gaps):
        return {"words": words.split(), "letters": list(letters), "gaps": gaps}

    english = "the white whale I'm don't We'LL they've it's ship's whaling-ship \"Pequod\" 1851 (sea) Ahab's NASA's e.g. <s> </s> [MASK] hello"
    return {
        "english": layout(english, "etaoinshrdluETAOIN'-", [" ", " ", " ", ", ", ". ", "\n", "\n\n", "  ", "! "]),
        "lines": layout(english, "abcdefghijklmnop", ["\n"]),
        "chinese": layout("我们 在 海上 看见 白鲸 捕鲸船 的 船长 ， 。 《 》 １２３ 𠀋𠂢", "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生", [""]),
        "french": layout("l'océan été e\u0301te\u0301 naïve cœur «baleine» Ç garçon 25\u202f000 ﬁn", "éèêëàâîïôûùçeaisnrtou\u0301\u0300", ["\u00a0", "\u00a0", " ", "\u202f", "\u2009", "\u3000"]),
        "russian": layout("белый Кит капитан Ахав море Ёлка й и\u0306 №5 — «да»", "абвгдежзийклмнопрстуфхцчшщъыьэюяЁ", [" ", " ", ", ", ".\r\n"]),
        "arabic": layout("البحر حوت أبيض السَّفينة ١٨٥١ ، ؟ ﷺ ﷲ لا", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي\u064e\u064f\u0650\u0651", [" ", " ", "\u200f ", "\u200c", "؛ "]),
        "indic": layout("समुद्र सफ़ेद व्हेल क्षत्रिय ज़ क़ ๑๒๓ ทะเล ปลาวาฬ น้ำ กำ", "कखगघचछजटडणतथदधनपफबभमयरलवशषसह\u093c\u094d\u093e\u093fกขคงจชซดตถทนบปผพมยรลวสหอ\u0e33\u0e48\u0e49", ["", "", " ", "।", "\u200b"]),
        "japanese": layout("白鯨 クジラ ｸｼﾞﾗ が か\u3099 ガ 船長は 바다 고래 한국어 \u1112\u1161\u11ab ㈱ ㍿ Ａｂｃ", "あいうえおかきくけこアイウエオ漢字海船가나다라마바사\u1100\u1161ー・", ["", "", "、", "。", " ", "\u3000"]),
        "code": layout("for(int i=0;i<n;i++){ return x_1; #include<stdio.h> \\n \"%d\" 0x1F 3.14159 1234567890 // /* */ -> :: $HOME", "abcxyz_0123456789(){}[];=+-*/", ["\n    ", "\n\t", "\n        ", " ", "", ";\r\n", "\t\t"]),
        "symbols": layout("👩‍👩‍👧 🏳️‍🌈 👍🏽 ☃ ½ ² ™ ﬃ Å Ω ℌ \u200b\ufeff \u0001\u007f\u0085 ǆ İstanbul ẞ ſ \u1e9b\u0323 \ufffd e\u0301\u0323 ⅷ 🇫🇷🇩🇪 \u2028 𝕬𝖇 ͏a", "😀🐋…—–•€£¥§¶†‡°±×÷≠≤≥∞∑√\u0300\u0323\u0345", ["", " ", "   ", "                ", "\n\n\n", " \n", "12345678901234567890", "!!!???", "\u2028"]),
    }


def charsmap(entries):
    """SentencePiece's table: the length of a double array, the array, texts that end with a zero."""
    texts, offsets = b"", {}
    trie = {}
    for key, value in entries.items():
        if value not in offsets:
            offsets[value] = len(texts)
            texts += value.encode() + b"\0"
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[None] = offsets[value]
    units, used, queue, lowest = {0: 0}, {0}, [(0, trie)], 1
    while queue:
        place, node = queue.pop(0)
        labels = [0 if label is None else label for label in node]
        base = lowest
        while any(base ^ label in used for label in labels) or not labels:
            base += 1
        while lowest in used:
            lowest += 1
        units[place] |= (place ^ base) << 10 | (None in node) << 8
        for label, child in node.items():
            at = base ^ (label or 0)
            used.add(at)
            if label is None:
                units[at] = 1 << 31 | child
            else:
                units[at] = label
                queue.append((at, child))
    array = [units.get(i, 0) for i in range((max(units) | 255) + 1)]
    blob = struct.pack("<I", len(array) * 4) + struct.pack("<%dI" % len(array), *array)
    return base64.b64encode(blob + texts).decode()


def replacements():
    entries = {chr(c): "" for c in [*range(1, 9), 11, *range(14, 32), 127, 0x8F, 0x9F]}
    for c in [9, 10, 12, 13, 0xA0, 0x1680, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF, 0xFFFD]:
        entries[chr(c)] = " "
    for text in "".join("".join(l["words"]) + "".join(l["letters"]) for l in layouts().values()):
        form = unicodedata.normalize("NFKC", text)
        if form != text:
            entries[text] = form
    for letter in "eEaAoOiIuUcCиИ":
        for mark in "\u0300\u0301\u0306\u0323":
            form = unicodedata.normalize("NFC", letter + mark)
            if len(form) == 1:
                entries[letter + mark] = form
    entries["\r\n"] = " "
    return entries


def precompiled():
    return normalizers.Precompiled(base64.b64decode(charsmap(replacements())))


def bpe(**options):
    return Tokenizer(models.BPE(**options))


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    kinds = layouts()
    text = json.dumps(kinds, ensure_ascii=True, indent=1)
    (folder / "layouts.json").write_text(text + "\n")
    corpus = [document(layout, 7)[:40_000] for layout in kinds.values()]
    corpus += [corpus[0]] * 3
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    byte_tokens = ["<0x%02X>" % b for b in range(256)]

    def save(name, tokenizer):
        tokenizer.save(str(folder / (name + ".json")), pretty=False)

    def train_bpe(name, tokenizer, size=900, **options):
        trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, **options)
        tokenizer.train_from_iterator(corpus, trainer)
        return tokenizer

    gpt2 = bpe()
    gpt2.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2.decoder = decoders.ByteLevel()
    train_bpe("gpt2", gpt2, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"])
    save("gpt2", gpt2)

    llama3 = bpe(ignore_merges=True)
    llama3.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    llama3.decoder = decoders.ByteLevel()
    train_bpe("llama3", llama3, initial_alphabet=alphabet)
    llama3.add_special_tokens(["<s>", AddedToken("[MASK]", lstrip=True, rstrip=True, special=True)])
    save("llama3", llama3)

    o200k = bpe()
    o200k.normalizer = normalizers.NFC()
    o200k.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(O200K), "removed", invert=True), pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    o200k.decoder = decoders.ByteLevel()
    train_bpe("o200k", o200k, initial_alphabet=alphabet)
    save("o200k", o200k)

    llama2 = bpe(unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    llama2.pre_tokenizer = pre_tokenizers.Metaspace()
    train_bpe("llama2", llama2, size=1000, special_tokens=["<unk>", "<s>", "</s>", *byte_tokens], limit_alphabet=220)
    llama2.pre_tokenizer = None
    llama2.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    llama2.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    save("llama2", llama2)

    gemma = bpe(unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    gemma.normalizer = normalizers.Replace(" ", "▁")
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    train_bpe("gemma", gemma, size=1100, special_tokens=["<unk>", *byte_tokens], limit_alphabet=260, max_token_length=12)
    gemma.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    gemma.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("   ", normalized=False)])
    save("gemma", gemma)

    first = bpe(unk_token="<unk>", fuse_unk=False)
    first.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    train_bpe("first", first, size=700, special_tokens=["<unk>"], limit_alphabet=150, max_token_length=10)
    first.decoder = decoders.Metaspace(prepend_scheme="first")
    first.add_tokens([AddedToken("hello", single_word=True), AddedToken("whale", rstrip=True)])
    save("first", first)

    def unigram(name, normalizer, splitter, size=900):
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
        trainer = trainers.UnigramTrainer(
            vocab_size=size, show_progress=False, special_tokens=["<unk>", "<s>", "</s>", "[MASK]"], unk_token="<unk>", max_piece_length=10
        )
        tokenizer.train_from_iterator(corpus, trainer)
        tokenizer.decoder = decoders.Metaspace()
        save(name, tokenizer)

    unigram("xlm-r", precompiled(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]))
    unigram(
        "albert",
        normalizers.Sequence(
            [normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), precompiled(), normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
        ),
        pre_tokenizers.Metaspace(),
    )

    def wordpiece(name, normalizer, splitter):
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
        trainer = trainers.WordPieceTrainer(
            vocab_size=1500, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        )
        tokenizer.train_from_iterator(corpus, trainer)
        tokenizer.decoder = decoders.WordPiece()
        save(name, tokenizer)

    wordpiece("bert-uncased", normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer())
    wordpiece("bert-cased", normalizers.BertNormalizer(lowercase=False, strip_accents=None), pre_tokenizers.BertPreTokenizer())

    words = bpe(unk_token="[UNK]", continuing_subword_prefix="##", end_of_word_suffix="</w>")
    words.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(False)]
    )
    train_bpe("words", words, special_tokens=["[UNK]"], continuing_subword_prefix="##", end_of_word_suffix="</w>", limit_alphabet=150)
    words.decoder = decoders.BPEDecoder("</w>")
    save("words", words)

    gpt2 = Tokenizer.from_file(str(folder / "gpt2.json"))
    for name, splits in {
        "bloom": [BLOOM],
        "deepseek": [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DEEPSEEK],
        "cl100k": [CL100K],
        "odd": [r"(?i)whale\w*|\bthe\b", r"(?<=[aeiou])[^\W\d]{2,4}?", r"^.+$", r"(?=[A-Z])", r"[\p{Han}\P{L}]"],
    }.items():
        parts = [pre_tokenizers.Split(Regex(one), "isolated") for one in splits]
        gpt2.pre_tokenizer = pre_tokenizers.Sequence([*parts, pre_tokenizers.ByteLevel(False, use_regex=False)])
        save(name, gpt2)

    (folder / "ids.txt").write_text(hashes(folder, SEED))


def hashes(folder, seed, every=1):
    kinds = json.loads((folder / "layouts.json").read_text())
    lines = []
    for number, file in enumerate(sorted(folder.glob("*.json"))):
        if file.stem == "layouts":
            continue
        tokenizer = Tokenizer.from_file(str(file))
        for place, (name, layout) in enumerate(kinds.items()):
            if (number + place + seed) % every:
                continue
            ids = tokenizer.encode(document(layout, seed), add_special_tokens=False).ids
            text = tokenizer.decode(ids[:5000], skip_special_tokens=True)
            digest = hashlib.sha256(struct.pack("<%di" % len(ids), *ids)).hexdigest()[:32]
            decoded = hashlib.sha256(text.encode()).hexdigest()[:16]
            lines.append("%s %s %d %s %s\n" % (file.stem, name, len(ids), digest, decoded))
    return "".join(lines)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        sys.stdout.write(hashes(Path(sys.argv[2]), int(sys.argv[3]), 5))
