"""Writes the kinds of characters that the `tokenizers` package knows, from what it does with each.

python tokenizer_characters.py src/main/resources/io/sluice/tokenizer/characters/characters.txt

Its tables are of several versions of Unicode, none of them a JDK's. One line for each kind: its
name, then ranges of code points, hexadecimal.
"""

import sys

from tokenizers import normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def normalized(normalizer):
    return {c: normalizer.normalize_str(chr(c)) for c in POINTS}


def split_at(splitter):
    return {c for c in POINTS if len(splitter.pre_tokenize_str("a" + chr(c) + "a")) > 1}


def removed(normalizer):
    return {c for c, text in normalized(normalizer).items() if text == ""}


bert = normalizers.BertNormalizer
words = pre_tokenizers.Whitespace()
decomposed = normalized(normalizers.NFKD())
kinds = {
    "PUNCTUATION": split_at(pre_tokenizers.Punctuation()),
    "NUMERIC": split_at(pre_tokenizers.Digits(individual_digits=True)),
    # U+FFFD and zero are removed by their own names; a table of categories does not hold them.
    "OTHER": removed(bert(True, False, False, False)) - {0, 0xFFFD},
    "NONSPACING_MARK": removed(bert(False, False, True, False)),
    "COMBINING_MARK": removed(normalizers.StripAccents()),
    "WORD": {c for c in POINTS if len(words.pre_tokenize_str("a" + chr(c) + "a")) == 1},
    "DECOMPOSED": {c for c in POINTS if decomposed[c] != chr(c)},
}

with open(sys.argv[1], "w") as out:
    for name, points in kinds.items():
        ranges = []
        for c in sorted(points):
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1][1] = c
            else:
                ranges.append([c, c])
        text = " ".join("%x" % a if a == b else "%x-%x" % (a, b) for a, b in ranges)
        out.write(name + " " + text + "\n")
