"""Tokenizers put together at random from all supported parts, and the ids that the `tokenizers`
package gives for some texts.

python tokenizer_parts.py FOLDER SEED COUNT    FOLDER holds what tokenizer_golden.py made

Prints one JSON object: the texts, and for each tokenizer its description and ids. What the package
itself cannot run is left out.
"""

import json
import random
import resource
import sys
from pathlib import Path

import tokenizer_golden
from tokenizers import Tokenizer

folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
draw = random.Random(seed)
# Some tokenizers make the package take all memory; seed 0 draws one. It shall end, not the machine.
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def flag():
    return draw.random() < 0.5


def replace(pattern, contents):
    return {"type": "Replace", "pattern": pattern, "content": draw.choice(contents)}


def normalizer():
    return draw.choice(
        [
            {"type": "BertNormalizer", "clean_text": flag(), "handle_chinese_chars": flag(), "strip_accents": draw.choice([None, True, False]), "lowercase": flag()},
            {"type": "Strip", "strip_left": flag(), "strip_right": flag()},
            *[{"type": t} for t in ("StripAccents", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt", "ByteLevel")],
            replace({"Regex": draw.choice([" {2,}", "\\s+", "[aeiou]", "\\n", "^.", "(?i)the"])}, ["", " ", "▁", "xy"]),
            replace({"String": draw.choice([" ", "e", "th", "  "])}, ["▁", "", "ee", " "]),
            {"type": "Prepend", "prepend": draw.choice(["▁", " ", "ab"])},
        ]
    )


def splitter():
    pattern = draw.choice([" ", "th", "\\s+", "\\p{L}+|\\p{N}", "\\w+", "[^\\s]+", "(?=[A-Z])", "\\d{1,3}"])
    pattern = {"String": pattern} if pattern.strip("th") in ("", " ") else {"Regex": pattern}
    return draw.choice(
        [
            *[{"type": t} for t in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")],
            {"type": "ByteLevel", "add_prefix_space": flag(), "trim_offsets": True, "use_regex": flag()},
            {"type": "CharDelimiterSplit", "delimiter": draw.choice(" e▁")},
            {"type": "Digits", "individual_digits": flag()},
            {"type": "FixedLength", "length": draw.choice([1, 2, 5, 50])},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": draw.choice(["always", "first", "never"]), "split": flag()},
            {"type": "Punctuation", "behavior": draw.choice(BEHAVIORS)},
            {"type": "Split", "pattern": pattern, "behavior": draw.choice(BEHAVIORS), "invert": flag()},
        ]
    )


def several(part, name):
    parts = [part() for _ in range(draw.choice([0, 1, 1, 2, 3]))]
    return None if not parts else parts[0] if len(parts) == 1 else {"type": "Sequence", name: parts}


def added():
    contents = draw.sample(["hello", "whale", "<s>", "the", "  ", "é", "▁", "\n\n", "e", "[MASK]", "一"], draw.randrange(4))
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return [{"id": 0, "content": c, **{name: draw.random() < 0.4 for name in names}} for c in contents]


layouts = json.loads((folder / "layouts.json").read_text())
texts = ["", " ", "  x", "x  ", "\n", "a", "▁a ▁ b", "éa"]
for layout in layouts.values():
    document = tokenizer_golden.document(layout, seed)
    texts += [document[:1000], "  " + document[1000:1200] + " "]
models = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json")) if file.stem != "layouts"]
tokenizers = []
while len(tokenizers) < count:
    description = dict(draw.choice(models))
    description["normalizer"] = several(normalizer, "normalizers")
    description["pre_tokenizer"] = several(splitter, "pretokenizers")
    description["added_tokens"] = added()
    try:
        tokenizer = Tokenizer.from_str(json.dumps(description))
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    except BaseException as error:  # Its panics are no Exception.
        if isinstance(error, KeyboardInterrupt):
            raise
        continue
    tokenizers.append({"description": description, "ids": ids})
json.dump({"texts": texts, "tokenizers": tokenizers}, sys.stdout)
