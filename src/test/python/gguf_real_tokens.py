"""Prints the ids that transformers gives a text, as JSON.

Usage: gguf_real_tokens.py MODEL.gguf TEXT
"""

import json
import pathlib
import sys

from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

model, text = map(pathlib.Path, sys.argv[1:])
tokenizer = AutoTokenizer.from_pretrained(model.parent, gguf_file=model.name)
# The model's own tokenizer.json and llama.cpp set digits apart first; transformers forgets that when it
# reads a GGUF file, which shows where two line breaks stand before a number.
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
print(json.dumps(tokenizer(text.read_text(), add_special_tokens=False)["input_ids"]))
