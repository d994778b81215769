"""What transformers computes of a text in contexts that begin with the model's beginning-of-text token,
which its tokenizer leaves out: the residual stream after layer 1, and the loss of all tokens of the text.
Usage: bos_golden.py GOLDEN_CAUSAL_FOLDER
"""

import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

causal = pathlib.Path(sys.argv[1])
TEXT = "the whale white sea of a . , call me ishmael"
CONTEXT = 6

model = AutoModelForCausalLM.from_pretrained(causal / "tiny-gpt2", dtype=torch.float32, attn_implementation="eager")
tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(causal / "tiny-gpt2" / "tokenizer.json"), bos_token="<s>")
tokens = tokenizer(TEXT)["input_ids"]
assert tokenizer.bos_token_id not in tokens
room = CONTEXT - 1
contexts = [[tokenizer.bos_token_id, *tokens[at : at + room]] for at in range(0, len(tokens), room)]
ids = np.zeros((len(contexts), CONTEXT), dtype=np.int64)
mask = np.zeros_like(ids)
resid = np.zeros((*ids.shape, model.config.n_embd), dtype=np.float32)
losses = []
with torch.no_grad():
    for i, context in enumerate(contexts):
        row = torch.tensor([context])
        result = model.eval()(row, output_hidden_states=True)
        ids[i, : len(context)], mask[i, : len(context)] = context, 1
        resid[i, : len(context)] = result.hidden_states[2][0].numpy()
        log = torch.log_softmax(result.logits[0, :-1].double(), -1)
        losses += (-log[range(len(context) - 1), context[1:]]).tolist()
assert len(losses) == len(tokens)
save_file(
    {"input_ids": ids, "attention_mask": mask, "layers.1.resid": resid},
    causal / "tiny-gpt2-bos.safetensors",
    metadata={"loss": repr(float(np.mean(losses)))},
)
print(contexts, np.mean(losses))
