"""Tokens per second of capture, of training on a store, and of training while a model runs.

Usage: python bench_streaming.py [--tokens 65536] [--features 16384] [--buffer 64M] [--rounds 3]
    [--model FILE | --random WIDTHxLAYERS]

`make bench-streaming` starts it. Needs nothing but Python's own library.

The three take turns on the same novel, `attn_out` of one layer, batches of 1,024. `--random`
makes a Llama of random weights instead, which reads random tokens: a larger model than the one that is
there. Each runs with few
tokens and with many. What the second takes longer is the work; the rest is the start: JVM, model,
sample, active subspace and norm search. If one pair of cores does both kinds of work in turns, the rate
together is at most 1 / (1 / capture + 1 / training): the last lines compare with that. Processor time
tells waste from waiting: `in turns` is what the first two need, `together` what the third does. Ratios
are taken within each round.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEXT = ROOT / "datasets" / "moby-dick.txt"


HEAD = 64
VOCABULARY = 4096
CONTEXT = 256


def seconds(words):
    """Seconds that a command takes, and seconds of processors."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(ROOT / "bin/sluice"), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit("bench_streaming: " + done.stderr.strip())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begin, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def random_model(folder, width, layers):
    """A Llama of random weights in bfloat16, with four heads for each of keys and an inner width of 3.5."""
    heads, inner = width // HEAD, width * 7 // 2 // 64 * 64
    keys = heads // 4 * HEAD
    shapes = {"model.embed_tokens.weight": (VOCABULARY, width), "model.norm.weight": (width,)}
    for layer in range(layers):
        name = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[name + norm + ".weight"] = (width,)
        for part, rows in (("q", heads * HEAD), ("k", keys), ("v", keys), ("o", width)):
            shapes[f"{name}self_attn.{part}_proj.weight"] = (rows, width)
        for part, shape in (("gate", (inner, width)), ("up", (inner, width)), ("down", (width, inner))):
            shapes[f"{name}mlp.{part}_proj.weight"] = shape
    header, at = {}, 0
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + 2 * count]}
        at += 2 * count
    words = json.dumps(header).encode()
    source = random.Random(1)
    signs = bytes(0x3C | byte & 0x80 for byte in range(256))
    folder.mkdir()
    with open(folder / "model.safetensors", "wb") as out:
        out.write(len(words).to_bytes(8, "little") + words)
        for name, entry in header.items():
            count = (entry["data_offsets"][1] - entry["data_offsets"][0]) // 2
            values = bytearray(2 * count)
            if "norm" in name:
                values[1::2] = b"\x3f" * count
                values[0::2] = b"\x80" * count
            else:  # Between 1/128 and 1/32 in size.
                values[0::2] = source.randbytes(count)
                values[1::2] = source.randbytes(count).translate(signs)
            out.write(values)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": width,
        "intermediate_size": inner,
        "max_position_embeddings": 2048,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": heads // 4,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "vocab_size": VOCABULARY,
    }
    (folder / "config.json").write_text(json.dumps(config))


def random_text(file, tokens):
    """Lists of random token ids, one for each context."""
    source = random.Random(2)
    with open(file, "w") as out:
        for _ in range(-(-tokens // CONTEXT)):
            out.write(json.dumps({"input_ids": source.choices(range(VOCABULARY), k=CONTEXT)}) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=65_536)
    parser.add_argument("--few", type=int, default=16_384)
    parser.add_argument("--features", type=int, default=16_384)
    parser.add_argument("--buffer", default="64M")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hook", help="default: attn_out of the middle, of --random the last layer")
    cache = os.environ.get("SLUICE_MODELS", os.path.expanduser("~/.cache/sluice/models"))
    parser.add_argument("--model", default=cache + "/SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--random", metavar="WIDTHxLAYERS")
    options = parser.parse_args()
    temporary = Path(tempfile.mkdtemp(prefix="bench-streaming"))
    folder = temporary / "runs"
    folder.mkdir()
    text, hook = [TEXT], options.hook or "layers.15.attn_out"
    if options.random:
        width, layers = map(int, options.random.split("x"))
        options.model = temporary / "model"
        random_model(options.model, width, layers)
        random_text(temporary / "ids.jsonl", options.tokens)
        text = [temporary / "ids.jsonl", "--text-as", "token-ids"]
        hook = options.hook or f"layers.{layers - 1}.attn_out"
    rates = {"capture": [], "training": [], "together": []}
    costs = {name: [] for name in rates}
    runs = {name: {} for name in rates}
    try:
        for _ in range(options.rounds):
            for tokens in (options.few, options.tokens):
                source = ["--model", options.model, "--text", *text, "--tokens", tokens]
                train = ["train", "--features", options.features, "--checkpoint-every", 0]
                train += ["--held-out", 0, "--hook", hook]
                shutil.rmtree(folder)
                folder.mkdir()
                # One pass: as many steps as the windows have batches. More would run the model again.
                runs["together"][tokens] = seconds(
                    [*train, *source, "--buffer", options.buffer, "--out", folder / "together"]
                )
                steps = json.loads((folder / "together" / "run.json").read_text())["config"]["steps"]
                runs["capture"][tokens] = seconds(
                    ["capture", *source, "--hooks", hook, "--out", folder / "store"]
                )
                runs["training"][tokens] = seconds(
                    [*train, "--steps", steps, "--store", folder / "store", "--no-verify", "--out", folder / "run"]
                )
            for name, took in runs.items():
                (all_s, all_cpu), (few_s, few_cpu) = took[options.tokens], took[options.few]
                rates[name].append((options.tokens - options.few) / (all_s - few_s))
                costs[name].append((all_cpu - few_cpu) / (options.tokens - options.few) * 1e3)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    # Ratios are those of each round: a machine that is slow for a while is so for all three.
    per_round = list(zip(*rates.values()))
    beside_slower = [together / min(capture, training) for capture, training, together in per_round]
    turns = [1 / (1 / capture + 1 / training) for capture, training, _ in per_round]
    print(f"{'':20}{'median':>10}{'CPU ms':>10}   each round")
    for name, each in rates.items():
        cost = statistics.median(costs[name])
        show(name + ", tokens/s", each, ",.0f", f"{cost:10.3f}")
    cost = statistics.median(costs["capture"]) + statistics.median(costs["training"])
    show("in turns, tokens/s", turns, ",.0f", f"{cost:10.3f}")
    show("together / slower", beside_slower, ".2f")
    show("together / in turns", [both / turn for (_, _, both), turn in zip(per_round, turns)], ".2f")
    show("in turns / slower", [turn / min(one, two) for (one, two, _), turn in zip(per_round, turns)], ".2f")


def show(name, rounds, form, cost=""):
    each = ", ".join(format(value, form) for value in rounds)
    print(f"{name:20}{format(statistics.median(rounds), form):>10}{cost:10}   {each}")


if __name__ == "__main__":
    main()
