"""Tokens per second of capture, of training on a store, and of training while a model runs.

Usage: python bench_streaming.py [--tokens 65536] [--features 16384] [--buffer 64M] [--rounds 2] [--model FILE]

`make bench-streaming` starts it. Needs nothing but Python's own library.

The three take turns on the same novel, `attn_out` of one layer, batches of 1,024. Each runs with few
tokens and with many. What the second takes longer is the work; the rest is the start: JVM, model,
sample, active subspace and norm search. If one pair of cores does both kinds of work in turns, the rate
together is at most 1 / (1 / capture + 1 / training): the last column compares with that.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEXT = ROOT / "datasets" / "moby-dick.txt"


def seconds(words):
    """Seconds that a command takes."""
    begin = time.monotonic()
    done = subprocess.run([str(ROOT / "bin/sluice"), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit("bench_streaming: " + done.stderr.strip())
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=65_536)
    parser.add_argument("--few", type=int, default=16_384)
    parser.add_argument("--features", type=int, default=16_384)
    parser.add_argument("--buffer", default="64M")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--hook", default="layers.15.attn_out")
    cache = os.environ.get("SLUICE_MODELS", os.path.expanduser("~/.cache/sluice/models"))
    parser.add_argument("--model", default=cache + "/SmolLM2-135M-Instruct.Q4_1.gguf")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-streaming"))
    rates = {"capture": [], "training": [], "together": []}
    runs = {name: {} for name in rates}
    try:
        for _ in range(options.rounds):
            for tokens in (options.few, options.tokens):
                steps = tokens * 9 // 10 // 1024
                source = ["--model", options.model, "--text", TEXT, "--tokens", tokens]
                train = ["train", "--features", options.features, "--steps", steps, "--checkpoint-every", 0]
                train += ["--held-out", 0, "--hook", options.hook]
                shutil.rmtree(folder)
                runs["capture"][tokens] = seconds(
                    ["capture", *source, "--hooks", options.hook, "--out", folder / "store"]
                )
                runs["training"][tokens] = seconds(
                    [*train, "--store", folder / "store", "--no-verify", "--out", folder / "run"]
                )
                runs["together"][tokens] = seconds(
                    [*train, *source, "--buffer", options.buffer, "--out", folder / "together"]
                )
            for name, took in runs.items():
                rates[name].append((options.tokens - options.few) / (took[options.tokens] - took[options.few]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    capture, training, together = (statistics.median(rates[name]) for name in rates)
    slower = min(capture, training)
    in_turns = 1 / (1 / capture + 1 / training)
    print(f"{'':10}{'tokens/s':>10}   of each round")
    for name, each in rates.items():
        print(f"{name:10}{statistics.median(each):10,.0f}   {', '.join(f'{rate:,.0f}' for rate in each)}")
    print(f"together / slower: {together / slower:.2f}; together / in turns: {together / in_turns:.2f}", end="")
    print(f"; in turns / slower: {in_turns / slower:.2f}")


if __name__ == "__main__":
    main()
