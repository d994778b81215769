"""A training step on a GPU beside what others do for it.

    python3 bench_gpu_step.py [--shapes 768x24576x2048,…] [--rounds N] -- COMMAND…

COMMAND starts Sluice (`run.sh`). For each shape (width x features x batch) it trains a TopK
autoencoder, k 32, in float32, whose selection is exact, with Adam and with row-lazy SparseAdam. Beside
it, on the same card in the same minutes:

- dense PyTorch: topk, scatter to dense codes, autograd, fused Adam; products in TF32, or in bfloat16
  by autocast, whose selections are of rounded activations;
- sparsify's SparseCoder, where it is installed, with fused Adam: bfloat16 by autocast as well.

Their batches lie on the card; Sluice's come from host memory at each step. Prints milliseconds,
tokens per second, peak memory and ratios; where others run out of memory, that.
"""

import argparse
import gc
import re
import subprocess
import sys
import threading
import time

import torch
import torch.nn.functional as F

K = 32


def tokens(batch, width):
    """Activations whose variance falls off as attention's does: half the directions hold 99 %."""
    share = torch.arange(width + 1, dtype=torch.float64) / width
    tail = 0.75 * torch.exp(-share / 0.105) + 0.25 * torch.exp(-share / 0.02)
    deviations = (tail[:-1] - tail[1:]).sqrt().float().cuda()
    basis = torch.linalg.qr(torch.randn(width, width, device="cuda")).Q
    return (torch.randn(batch, width, device="cuda") * deviations) @ basis


class Dense(torch.nn.Module):
    """What one writes first: dense codes and autograd."""

    def __init__(self, width, features):
        super().__init__()
        w = torch.randn(features, width, device="cuda") / width**0.5
        self.encoder = torch.nn.Parameter(w)
        self.decoder = torch.nn.Parameter(w.clone())
        self.b_enc = torch.nn.Parameter(torch.zeros(features, device="cuda"))
        self.b_dec = torch.nn.Parameter(torch.zeros(width, device="cuda"))

    def loss(self, x):
        pre = F.linear(x - self.b_dec, self.encoder, self.b_enc)
        top = pre.topk(K, dim=1, sorted=False)
        codes = torch.zeros_like(pre).scatter(1, top.indices, F.relu(top.values))
        return (codes @ self.decoder + self.b_dec - x).float().pow(2).sum() / len(x)


def dense(width, features, autocast):
    torch.backends.cuda.matmul.allow_tf32 = True
    model = Dense(width, features)

    def loss(x):
        with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
            return model.loss(x)

    return model, loss


def sparsify(width, features):
    from sparsify import SparseCoder, SparseCoderConfig

    model = SparseCoder(width, SparseCoderConfig(num_latents=features, k=K), device="cuda")
    return model, lambda x: model(x).fvu


def measure(make, width, features, batch, rounds):
    """Milliseconds of a step, and GiB at the most."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    model, loss = make()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    batches = [tokens(batch, width) for _ in range(4)]

    def step(i):
        loss(batches[i % 4]).backward()
        adam.step()
        adam.zero_grad(set_to_none=True)

    for i in range(4):
        step(i)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for i in range(rounds):
        step(i)
    torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start) / rounds, torch.cuda.max_memory_allocated() / 2**30


class Memory(threading.Thread):
    """The most memory of the card that was taken, in GiB."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most = 0.0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(0.3):
            used = subprocess.run(
                ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
                capture_output=True, text=True,
            ).stdout.split()
            if used:
                self.most = max(self.most, int(used[0]) / 1024)


def sluice(command, shape, rounds):
    """Milliseconds by optimiser, the line of each, and GiB at the most."""
    memory = Memory()
    memory.start()
    run = subprocess.run(
        [*command, "bench", "step", "--device", "cuda", "--shapes", shape, "--rounds", str(rounds)],
        capture_output=True, text=True,
    )
    memory.stopped.set()
    if run.returncode:
        return {}, (run.stderr or run.stdout).strip().splitlines()[-6:], memory.most
    found = {}
    for line in run.stdout.splitlines():
        row = re.match(r"\s*\d+\s+\d+\s+\d+\s+([\w-]+)\s+([\d.]+)", line)
        if row:
            found[row.group(1)] = (float(row.group(2)), line.strip())
    return found, [], memory.most


def main():
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--shapes",
        default="768x24576x2048,768x24576x8192,4096x65536x2048,4096x262144x2048",
        help="width x features x batch, with commas between them",
    )
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args(sys.argv[1:at])
    command = sys.argv[at + 1 :]
    if not command:
        parser.error("name what starts Sluice, after --")
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, k {K}")
    for shape in arguments.shapes.split(","):
        width, features, batch = map(int, shape.split("x"))
        print(f"\nwidth {width}, {features:,} features, batches of {batch:,}", flush=True)
        ours, problem, gib = sluice(command, shape, arguments.rounds)
        for line in problem:
            print("  Sluice:", line)
        for optimiser, (ms, line) in ours.items():
            print(f"  {'Sluice, ' + optimiser:34}{ms:9.2f} ms {1e3 * batch / ms:11,.0f} tokens/s"
                  f"   card's memory {gib:.1f} GiB", flush=True)
            print(f"    {line}")
        reference = {
            "dense PyTorch, TF32": lambda: dense(width, features, False),
            "dense PyTorch, bfloat16 autocast": lambda: dense(width, features, True),
            "sparsify's SparseCoder": lambda: sparsify(width, features),
        }
        best = None
        for name, make in reference.items():
            try:
                ms, gib = measure(make, width, features, batch, arguments.rounds)
            except torch.cuda.OutOfMemoryError:
                print(f"  {name:34}out of memory")
                continue
            except ImportError as e:
                print(f"  {name:34}not installed ({e})")
                continue
            except Exception as e:  # another library's own failure is a result, too
                print(f"  {name:34}failed: {str(e).splitlines()[0][:100]}")
                continue
            best = ms if best is None else min(best, ms)
            ratio = f"   Sluice (adam) is {ms / ours['adam'][0]:.2f} times as fast" if "adam" in ours else ""
            print(f"  {name:34}{ms:9.2f} ms {1e3 * batch / ms:11,.0f} tokens/s   {gib:.1f} GiB{ratio}",
                  flush=True)
        # The product of the encoder by itself, in bfloat16: what no step with all features is below.
        gc.collect()
        torch.cuda.empty_cache()
        x = tokens(batch, width).bfloat16()
        w = torch.randn(features, width, device="cuda", dtype=torch.bfloat16)
        for _ in range(3):
            x @ w.T
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(10):
            x @ w.T
        torch.cuda.synchronize()
        ms = 100 * (time.perf_counter() - start)
        del x, w
        print(f"  {'the product in bfloat16 alone':34}{ms:9.2f} ms", flush=True)
        if best is not None and "adam" in ours:
            print(f"  Sluice beside the best other: {best / ours['adam'][0]:.2f}")


main()
