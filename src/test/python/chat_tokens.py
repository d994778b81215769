"""Prints the token ids of conversations, as transformers makes them with a model's chat template.

Usage: chat_tokens.py MODEL CONVERSATIONS

CONVERSATIONS are JSON lines with messages; those that the template refuses are left out.
"""

import json
import pathlib
import sys

import jinja2
from transformers import PreTrainedTokenizerFast

model = pathlib.Path(sys.argv[1])
config = json.loads((model / "tokenizer_config.json").read_text())
tokenizer = PreTrainedTokenizerFast(
    tokenizer_file=str(model / "tokenizer.json"), bos_token=config["bos_token"], eos_token=config["eos_token"],
    chat_template=config["chat_template"],
)
result = []
for line in pathlib.Path(sys.argv[2]).read_text().splitlines():
    messages = json.loads(line).get("messages")
    if messages:
        try:
            encoded = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
            result.append(encoded)
        except jinja2.exceptions.TemplateError:
            pass
print(json.dumps(result))
