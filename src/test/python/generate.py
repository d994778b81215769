"""What transformers generates greedily with checkpoints, and how it shapes probabilities before it draws.

Usage: generate.py TOKENS LOGITS.json FOLDER...

LOGITS.json: a list of logits. Prints JSON: "greedy" has, by folder's name, the ids after the prompt 0 3 4 5, as
generate() gives them; "shares" has, for each (temperature, top_k, top_p), the probabilities of the logits.
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

tokens, logits, *folders = sys.argv[1:]
torch.set_num_threads(1)
prompt = torch.tensor([[0, 3, 4, 5]])
greedy = {}
for folder in map(pathlib.Path, folders):
    plain = dict(dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    model = AutoModelForCausalLM.from_pretrained(folder, **plain).eval()
    text = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=int(tokens))
    greedy[folder.name] = text[0].tolist()

shares = []
for temperature, top_k, top_p in [(1.0, 0, 1.0), (0.7, 0, 0.9), (1.3, 5, 1.0), (0.8, 12, 0.6), (2.0, 3, 0.01)]:
    scores = TemperatureLogitsWarper(temperature)(None, torch.tensor([json.loads(pathlib.Path(logits).read_text())]))
    if top_k:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    shares.append({"temperature": temperature, "topK": top_k, "topP": top_p, "of": scores[0].softmax(-1).tolist()})
print(json.dumps({"greedy": greedy, "shares": shares}))
