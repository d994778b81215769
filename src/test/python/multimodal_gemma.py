"""Puts the language model of a Gemma 3 checkpoint into one that reads images, too, and prints its loss.

Usage: multimodal_gemma.py TEXT_MODEL GOLDEN.safetensors OUT
"""

import json
import pathlib
import shutil
import sys

import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, Gemma3Config, Gemma3ForConditionalGeneration

source, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3])
text = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
config = Gemma3Config(
    text_config=json.loads((source / "config.json").read_text()),
    vision_config=dict(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=16, patch_size=8
    ),
    mm_tokens_per_image=1, image_token_index=47, boi_token_index=46, eoi_token_index=45,
)
model = Gemma3ForConditionalGeneration(config).eval()
model.model.language_model.load_state_dict(text.model.state_dict())
model.tie_weights()
model.save_pretrained(out)
shutil.copy(source / "tokenizer.json", out / "tokenizer.json")

model = Gemma3ForConditionalGeneration.from_pretrained(out, dtype=torch.float32, attn_implementation="eager").eval()
batch = load_file(sys.argv[2])
ids, mask = (torch.from_numpy(batch[name]) for name in ("input_ids", "attention_mask"))
ids[ids == 47] = 44  # not the token of an image
with torch.no_grad():
    logits = model(ids, attention_mask=mask).logits.double()
taken = torch.log_softmax(logits[:, :-1], -1).gather(2, ids[:, 1:, None])[..., 0]
print(repr(float(-taken[mask[:, 1:] > 0].mean())))
