"""Makes the golden files of the encoders beside BERT: what transformers computes.

For each a tiny random checkpoint, and beside it the last hidden state and the hook points. One text of
RoBERTa has a padding token inside, which counts as no position.
Usage: encoder_golden.py GOLDEN_MODEL_FOLDER
"""

import pathlib
import shutil
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import ModernBertConfig, ModernBertForMaskedLM, RobertaConfig, RobertaForMaskedLM

out = pathlib.Path(sys.argv[1])

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "the", "whale", "white", "sea", "of", "a", ".", "call", "me"]
WORDS += ["ishmael", "ship", "sail", "and", "on", "to", "in", "that", "his"]
SIZES = dict(vocab_size=len(WORDS), hidden_size=24, num_attention_heads=3, initializer_range=0.3)
SIZES |= dict(bos_token_id=0, pad_token_id=1, eos_token_id=2, attn_implementation="eager")
TEXTS = [[0, 4, 5, 8, 2], [0, 11, 12, 13, 10, 4, 1, 6, 5, 10, 19, 7, 2], [0, 2]]


def checkpoints():
    """Name, model with its head, name of the encoder in it, and by hook point the parts of a layer."""
    yield (
        "tiny-roberta",
        RobertaForMaskedLM(
            RobertaConfig(
                **SIZES, num_hidden_layers=2, intermediate_size=40, max_position_embeddings=18, type_vocab_size=1,
                layer_norm_eps=1e-5,
            )
        ),
        "roberta",
        ("encoder.layer", None, "attention.output.dense", "output.dense"),
    )
    yield (
        "tiny-modernbert",
        ModernBertForMaskedLM(
            ModernBertConfig(
                **SIZES, num_hidden_layers=4, intermediate_size=20, max_position_embeddings=16, local_attention=4,
                cls_token_id=0, sep_token_id=2,
                rope_parameters={
                    "full_attention": {"rope_type": "default", "rope_theta": 300.0},
                    "sliding_attention": {"rope_type": "default", "rope_theta": 20.0},
                },
            )
        ),
        "model",
        ("layers", "attn_norm", "attn.Wo", "mlp.Wo"),
    )


def module(model, name):
    for part in name.split("."):
        model = getattr(model, part)
    return model


def padded(texts):
    ids = np.full((len(texts), max(map(len, texts))), 1, np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def golden(name, model, encoder, parts):
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    for parameter in model.parameters():  # biases and norms start at 0 and 1, which would hide mistakes
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    encoder = getattr(type(model).from_pretrained(folder, attn_implementation="eager").eval(), encoder)
    layers, norm, attention, mlp = parts
    seen = {}

    def keep(point, inputs=False):
        def hook(_, args, output):
            value = args[0] if inputs else output
            seen[point] = (value[0] if isinstance(value, tuple) else value).detach().numpy().copy()

        return hook

    for i, layer in enumerate(module(encoder, layers)):
        if norm:
            module(layer, norm).register_forward_hook(keep(f"layers.{i}.attn_in"))
        module(layer, attention).register_forward_hook(keep(f"layers.{i}.z", inputs=True))
        module(layer, attention).register_forward_hook(keep(f"layers.{i}.attn_out"))
        module(layer, mlp).register_forward_hook(keep(f"layers.{i}.mlp_out"))
        layer.register_forward_hook(keep(f"layers.{i}.resid"))
    ids, mask = padded(TEXTS)
    with torch.no_grad():
        result = encoder(torch.from_numpy(ids), torch.from_numpy(mask))
    seen |= {"input_ids": ids, "attention_mask": mask, "last_hidden_state": result.last_hidden_state.numpy().copy()}
    save_file(seen, out / f"{name}.safetensors")


torch.manual_seed(0)
for checkpoint in checkpoints():
    golden(*checkpoint)
    print(checkpoint[0], flush=True)
