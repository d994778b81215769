"""Makes the golden files of io.sluice.model: what other implementations compute.

Oracles: ONNX Runtime on the demo model, transformers on a tiny random BERT, and the tokenizers
package. Usage: model_golden.py MINILM_FOLDER OUT
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

minilm = pathlib.Path(sys.argv[1])
out = pathlib.Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)

SENTENCES = [
    "Call me Ishmael.",
    "Some years ago, never mind how long precisely, I thought I would sail about a little.",
    "Whale!",
]
COLUMNS = 48  # of each hook point, to keep the file small


def padded(encodings):
    length = max(len(ids) for ids in encodings)
    ids = np.zeros((len(encodings), length), np.int64)
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding)] = encoding
        mask[row, : len(encoding)] = 1
    return ids, mask


def minilm_golden():
    tokenizer = Tokenizer.from_file(str(minilm / "all-minilm-l6-v2-tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids, mask = padded([tokenizer.encode(sentence).ids for sentence in SENTENCES])
    model = onnx.load(minilm / "all-minilm-l6-v2.onnx")
    by_name = {node.name: node for node in model.graph.node}
    hooks = {}
    for layer in range(6):
        at = f"/encoder/layer.{layer}"
        hooks[f"layers.{layer}.z"] = by_name[f"{at}/attention/output/dense/MatMul"].input[0]
        hooks[f"layers.{layer}.attn_out"] = by_name[f"{at}/attention/output/dense/Add"].output[0]
        hooks[f"layers.{layer}.mlp_out"] = by_name[f"{at}/output/dense/Add"].output[0]
        hooks[f"layers.{layer}.resid"] = by_name[f"{at}/output/LayerNorm/Add_1"].output[0]
    have = {output.name for output in model.graph.output}
    for value in hooks.values():
        if value not in have:
            model.graph.output.append(helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    names = list(hooks)
    results = session.run(["last_hidden_state"] + [hooks[name] for name in names], feed)
    tensors = {"input_ids": ids, "attention_mask": mask, "last_hidden_state": results[0]}
    for name, result in zip(names, results[1:]):
        tensors[name] = np.ascontiguousarray(result[:, :, :COLUMNS])
    save_file(tensors, out / "minilm.safetensors")

    texts = SENTENCES + [
        "Naïve café — “quotes”… 3.14% of $5",
        "Queequeg's harpoon; the Pequod's try-works!",
        "北京 日本語 emoji 🐳 zero\u200bwidth\ttab\nnewline",
        "antidisestablishmentarianism " + "x" * 120,
        " leading and trailing ",
        "",
    ]
    tokens = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in texts]
    (out / "minilm-tokens.json").write_text(json.dumps(tokens, ensure_ascii=False, indent=1) + "\n")


def tiny_golden():
    folder = out / "tiny-bert"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "whale", "white", "sea", "##s", "of", "a", "."]
    words += ["call", "me", "ishmael", "ship", "sail", "##ed", "and", ",", "on"]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=16,
        initializer_range=0.3,
        attn_implementation="eager",
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():  # biases and norms start at 0 and 1, which would hide mistakes
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))

    seen = {}

    def keep(name, inputs=False):
        def hook(module, args, output):
            value = args[0] if inputs else output
            seen[name] = (value[0] if isinstance(value, tuple) else value).detach().numpy().copy()

        return hook

    for i, layer in enumerate(model.encoder.layer):
        layer.attention.output.dense.register_forward_hook(keep(f"layers.{i}.z", inputs=True))
        layer.attention.output.dense.register_forward_hook(keep(f"layers.{i}.attn_out"))
        layer.output.dense.register_forward_hook(keep(f"layers.{i}.mlp_out"))
        layer.register_forward_hook(keep(f"layers.{i}.resid"))
    ids, mask = padded([[2, 5, 6, 9, 3], [2, 13, 14, 15, 12, 5, 7, 8, 3], [2, 3]])
    with torch.no_grad():
        result = model(torch.from_numpy(ids), torch.from_numpy(mask))
    seen |= {"input_ids": ids, "attention_mask": mask, "last_hidden_state": result.last_hidden_state.numpy().copy()}
    save_file(seen, out / "tiny-bert.safetensors")
    export_onnx(model, folder, torch.from_numpy(ids), torch.from_numpy(mask))


def export_onnx(model, folder, ids, mask):
    class Encoder(torch.nn.Module):
        """BertModel with positional arguments, which is what the exporter traces."""

        def __init__(self):
            super().__init__()
            self.embeddings = model.embeddings
            self.encoder = model.encoder

        def forward(self, ids, mask, types):
            return model(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

    names = ["input_ids", "attention_mask", "token_type_ids"]
    onnx_folder = folder.with_name("tiny-bert-onnx")
    onnx_folder.mkdir(exist_ok=True)
    torch.onnx.export(
        Encoder(),
        (ids, mask, torch.zeros_like(ids)),
        onnx_folder / "tiny-bert.onnx",
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in names},
        dynamo=False,
        opset_version=17,
    )
    shutil.copy(folder / "tokenizer.json", onnx_folder / "tiny-bert-tokenizer.json")


def exports():
    """The same kind of model through other ways of exporting it, with what it computes."""
    folder = out / "bert-exports"
    folder.mkdir(exist_ok=True)
    ids, mask = (torch.from_numpy(array) for array in padded([[2, 5, 6, 9, 3], [2, 13, 14, 15, 12, 5, 7, 8, 3]]))
    ways = {
        "fused-attention": (dict(attn_implementation="sdpa", hidden_act="gelu_new"), True, dict(opset_version=14)),
        "spelled-out": (dict(attn_implementation="eager", hidden_act="relu", layer_norm_eps=0.01), False, dict(opset_version=11)),
        "unfolded": (dict(attn_implementation="eager", hidden_act="gelu"), True, dict(opset_version=18, do_constant_folding=False)),
    }
    for name, (settings, typed, export) in ways.items():
        torch.manual_seed(2)
        sizes = dict(vocab_size=22, hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
        config = BertConfig(**sizes, max_position_embeddings=16, initializer_range=0.3, **settings)
        model = BertModel(config, add_pooling_layer=False).eval()
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)

        class Encoder(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.bert = model

            def forward(self, ids, mask, types=None):
                return self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

        names = ["input_ids", "attention_mask", "token_type_ids"][: 3 if typed else 2]
        inputs = (ids, mask, torch.zeros_like(ids))[: len(names)]
        torch.onnx.export(
            Encoder().eval(), inputs, folder / f"{name}.onnx", input_names=names, output_names=["last_hidden_state"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in names}, dynamo=False, **export,
        )  # fmt: skip
        with torch.no_grad():
            hidden = model(ids, mask).last_hidden_state.numpy().copy()
        tensors = {"input_ids": ids.numpy(), "attention_mask": mask.numpy(), "last_hidden_state": hidden}
        save_file(tensors, folder / f"{name}.safetensors")


minilm_golden()
tiny_golden()
exports()
