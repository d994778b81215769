"""Golden values of what features do in SmolLM2-135M itself, computed by transformers with hooks.

Usage: smollm_effects_golden.py SmolLM2-135M-Instruct.Q4_1.gguf NOVEL.txt OUT.safetensors

Four features with random rows read and write attn_out, and four z, of layer 9. On a few sentences
of the novel, as one context (its text is in the metadata), for each kind:

  encoder.<kind>, bias.<kind>, decoder.<kind>   the rows, [features, width], and encoder biases
  promotes.<kind>, promotes_logit.<kind>        the ten largest logits of the decoder row through
                                                the last norm's gain and the head, and their ids
  suppresses.<kind>, suppresses_logit.<kind>    the ten smallest
  activations.<kind>                            from the hook, [features, length]
  sources.<kind>                                what each position gives through each head,
                                                [features, length, heads, length], as float16
  shares.<kind>                                 the share of each head in the activations of the
                                                five largest positions after the first, [features,
                                                heads]
"""

import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

path, novel, out = map(pathlib.Path, sys.argv[1:])
LAYER, FEATURES, LENGTH, TOP = 9, 4, 40, 5
torch.set_num_threads(1)
torch.manual_seed(5)
tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
model = AutoModelForCausalLM.from_pretrained(
    path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
).eval()
start = novel.read_text().index("Call me Ishmael")
ids = tokenizer(novel.read_text()[start : start + 400], add_special_tokens=False).input_ids[:LENGTH]
text = tokenizer.decode(ids)
assert tokenizer(text, add_special_tokens=False).input_ids == ids

block, config = model.model.layers[LAYER], model.config
heads, groups = config.num_attention_heads, config.num_key_value_heads
seen = {}
block.self_attn.v_proj.register_forward_hook(lambda m, i, o: seen.update(v=o[0]))
block.self_attn.o_proj.register_forward_hook(lambda m, i, o: seen.update(z=i[0][0], attn_out=o[0]))
with torch.no_grad():
    pattern = model(torch.tensor([ids]), output_attentions=True).attentions[LAYER][0].double()
values = seen["v"].double().unflatten(-1, (groups, -1)).transpose(0, 1).repeat_interleave(heads // groups, 0)
w_o = block.self_attn.o_proj.weight.detach().double()
gain = model.model.norm.weight.detach().double()
head = model.get_output_embeddings().weight.detach().double()

tensors = {"input_ids": np.array(ids, np.int64)}
for kind in ("attn_out", "z"):
    width = w_o.shape[1] if kind == "z" else config.hidden_size
    encoder, decoder = torch.randn(2, FEATURES, width).double()
    bias = 0.1 * torch.randn(FEATURES).double()
    onto = (encoder if kind == "z" else encoder @ w_o).unflatten(-1, (heads, -1))
    sources = torch.einsum("hts,hsr,fhr->fths", pattern, values, onto)
    activations = seen[kind].double() @ encoder.T + bias
    assert torch.allclose(sources.sum((2, 3)) + bias[:, None], activations.T, atol=1e-3)
    logits = (decoder @ w_o.T if kind == "z" else decoder) * gain @ head.T
    shares = []
    for f in range(FEATURES):
        top = 1 + activations[1:, f].topk(TOP).indices
        assert (activations[top, f] > 0).all()
        shares.append(sources[f, top].sum((0, 2)) / activations[top, f].sum())
    found = {"encoder": encoder, "bias": bias, "decoder": decoder, "activations": activations.T}
    found["shares"] = torch.stack(shares)
    for name, sign in (("promotes", 1), ("suppresses", -1)):
        best = (sign * logits).topk(10)
        tensors[f"{name}.{kind}"] = best.indices.numpy()
        found[f"{name}_logit"] = sign * best.values
    tensors |= {f"{n}.{kind}": np.ascontiguousarray(t.float().numpy()) for n, t in found.items()}
    tensors[f"sources.{kind}"] = np.ascontiguousarray(sources.half().numpy())
save_file(tensors, out, metadata={"text": text})
print(repr(text), out.stat().st_size)
