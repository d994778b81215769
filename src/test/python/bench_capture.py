"""Tokens per second of `sluice capture` beside transformers with hooks and ONNX Runtime with taps.

Usage: python bench_capture.py [--tokens 20000] [--rounds 3] [--threads N] [--gguf FILE] [--compute TYPE]

`make bench-capture` starts it. Sluice runs whole (`bin/sluice capture`) on the LibTorch of this
Python's torch; its own count of seconds starts once the model is loaded, and ends when the store is
on the disk. The others run the same text in contexts of the same length, and are given the better of
two batch sizes, twice: once they write `attn_out` of every layer to files (`numpy.save`, a file for
each layer and batch, not forced to the disk), so that all have the same at the end; and once each
array is dropped for the next, which is their forward pass alone. All sides run in turns; medians are
compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[3]
TEXT = ROOT / "datasets" / "moby-dick.txt"
BATCHES = (4, 8)


def sluice(model, context, options):
    """Seconds per token, start of the JVM and loading left out."""
    import torch

    environment = dict(
        os.environ,
        LIBTORCH=str(Path(torch.__path__[0])),
        OMP_NUM_THREADS=str(options.threads),
        SLUICE_JAVA_OPTS=f"-XX:ActiveProcessorCount={options.threads}",
    )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [ROOT / "bin" / "sluice", "capture", "--model", model, "--text", TEXT, "--hooks", "layers.*.attn_out"]
            + ["--tokens", str(options.tokens), "--context", str(context), "--out", folder + "/store", "--json"]
            + ["--compute", options.compute],
            env=environment,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise SystemExit(f"bench_capture: {done.stderr.strip()}")
    return 1 / json.loads(done.stdout)["tokensPerSecond"]


class Kept:
    """What becomes of activations: files in a folder, or nothing."""

    def __init__(self):
        self.folder = None
        self.batch = 0

    def take(self, layer, array):
        if self.folder:
            numpy.save(f"{self.folder}/{layer}-{self.batch}.npy", array)
        else:
            setattr(self, f"layer{layer}", array.copy())


def timed(contexts, run, kept, files):
    """Seconds per token of the faster batch size."""
    best = float("inf")
    for batch in BATCHES:
        with tempfile.TemporaryDirectory() as folder:
            kept.folder = folder if files else None
            run(contexts[:batch])
            start = time.perf_counter()
            for first in range(0, len(contexts), batch):
                kept.batch = first
                run(contexts[first : first + batch])
            best = min(best, (time.perf_counter() - start) / contexts.size)
    return best


def causal(gguf, options):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    context = 256
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32).eval()
    ids = numpy.array(tokenizer(TEXT.read_text()[: 8 * options.tokens], add_special_tokens=False).input_ids)
    count = options.tokens // context
    contexts = ids[: count * context].reshape(count, context)
    kept = Kept()
    for number, layer in enumerate(model.model.layers):
        layer.self_attn.o_proj.register_forward_hook(
            lambda module, given, result, number=number: kept.take(number, result.numpy())
        )

    @torch.no_grad()
    def run(batch):
        model.model(torch.from_numpy(batch), use_cache=False)

    return "SmolLM2-135M", "transformers with hooks", gguf, context, lambda files: timed(contexts, run, kept, files)


def encoder(options):
    import onnx
    import onnxruntime
    from onnx import helper
    from tokenizers import Tokenizer

    context = 128
    folder = ROOT / "target" / "models" / "all-minilm-l6-v2"
    tokenizer = Tokenizer.from_file(str(next(folder.glob("*tokenizer.json"))))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = numpy.array(tokenizer.encode(TEXT.read_text()[: 8 * options.tokens], add_special_tokens=False).ids)
    count = options.tokens // context
    contexts = ids[: count * context].reshape(count, context)
    model = onnx.load(next(folder.glob("*.onnx")))
    by_name = {node.name: node for node in model.graph.node}
    taps = []
    while f"/encoder/layer.{len(taps)}/attention/output/dense/Add" in by_name:
        taps.append(by_name[f"/encoder/layer.{len(taps)}/attention/output/dense/Add"].output[0])
    for tap in taps:
        model.graph.output.append(helper.make_tensor_value_info(tap, onnx.TensorProto.FLOAT, None))
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])

    kept = Kept()

    def run(batch):
        feed = {"input_ids": batch, "attention_mask": numpy.ones_like(batch), "token_type_ids": numpy.zeros_like(batch)}
        for layer, array in enumerate(session.run(taps, feed)):
            kept.take(layer, array)

    def seconds(files):
        return timed(contexts, run, kept, files)

    return "all-MiniLM-L6-v2", "ONNX Runtime with taps", folder, context, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--gguf", type=Path, help="SmolLM2 as make models leaves it; left out if not given")
    parser.add_argument("--compute", default="float32", help="what Sluice computes in; the others: float32")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    subjects = [encoder(options)] + ([causal(options.gguf, options)] if options.gguf else [])
    for name, rival, model, context, run in subjects:
        ours, written, dropped = [], [], []
        for _ in range(options.rounds):
            ours.append(sluice(model, context, options))
            written.append(run(True))
            dropped.append(run(False))
        print(
            f"{name}, contexts of {context}, attn_out of all layers, {options.threads} threads:"
            f" sluice {1 / statistics.median(ours):,.0f} tokens/s"
        )
        for theirs, what in ((written, "written to files"), (dropped, "arrays dropped")):
            ratio = statistics.median(other / own for own, other in zip(ours, theirs))
            print(
                f"  {rival}, {what}: {1 / statistics.median(theirs):,.0f} tokens/s; ratio {ratio:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
