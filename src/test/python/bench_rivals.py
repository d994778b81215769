"""A whole training step of a TopK sparse autoencoder: Sluice beside other libraries' own trainers.

Usage: python bench_rivals.py [--sizes 16384,65536] [--sparse-size 131072] [--rounds 5] ... -- JAVA ...

`make bench-rivals` starts it, with the command of Sluice's side after `--`. Every side is a process
of its own that holds the same activations in memory and trains on the same batches with as many
threads. All are warmed up; then they train in turns, a few steps each, so that whatever else the
machine does hits all of them. Reported are medians over the rounds: tokens per second of each, and
Sluice's rate over the other's in the same round. With --check-steps Sluice and plain PyTorch
autograd also train from one start, and their losses at the end are compared.

The other libraries keep their defaults but for what is compared (k, batch, Adam in float32); their
own training loops run unchanged and ask for each next batch, which is where they are timed.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

NEEDED = ["torch==2.13.0", "sae-lens==6.54.12", "eai-sparsify==1.3.3", "dictionary-learning==0.1.0"]
RIVALS = ("sae-lens", "dictionary-learning", "sparsify")
PACKAGES = {"sae-lens": "sae-lens", "dictionary-learning": "dictionary-learning", "sparsify": "eai-sparsify"}


# ---- the activations ----


def synthetic(tokens, width, seed):
    """Off centre, and most of the variance in half of the directions, as attention writes."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.exp(-torch.arange(width) / (width / 8))
    basis, _ = torch.linalg.qr(torch.randn(width, width, generator=generator))
    x = torch.randn(tokens, width, generator=generator) * spectrum @ basis.T
    return (x + 0.3 * torch.randn(width, generator=generator)).contiguous()


def captured(store, hook, tokens):
    import pyarrow as pa
    import torch

    parts, rows = [], 0
    for shard in sorted(Path(store).glob("*.arrow")):
        column = pa.ipc.open_file(pa.memory_map(str(shard))).read_all()[hook].chunk(0)
        flat = column.flatten().to_numpy(zero_copy_only=True)
        part = torch.tensor(flat.reshape(-1, column.type.list_size)).float()
        parts.append(part)
        rows += len(part)
        if rows >= tokens:
            break
    return torch.cat(parts)[:tokens].contiguous()


# ---- one side, in its own process ----


class Pacer:
    """Stands where the next batch is asked for: answers the question how long the last steps took."""

    def __init__(self, activations, batch, replies):
        self.activations, self.batch, self.replies = activations, batch, replies
        self.batches = len(activations) // batch
        self.next_batch = 0
        self.left = 0
        self.started = None

    def rows(self):
        """The rows of the next batch; waits for the controller between two spells of steps."""
        if self.left == 0:
            if self.started is not None:
                self.reply(seconds=time.perf_counter() - self.started)
            words = sys.stdin.readline().split()
            if not words:
                os._exit(0)
            self.left = int(words[1])
            self.started = time.perf_counter()
        self.left -= 1
        first = self.next_batch % self.batches * self.batch
        self.next_batch += 1
        return first, first + self.batch

    def reply(self, **values):
        self.replies.write(json.dumps(values) + "\n")
        self.replies.flush()

    def __iter__(self):
        return self

    def __next__(self):
        first, end = self.rows()
        return self.activations[first:end]


ENDLESS = 10**7


def train_sae_lens(pacer, width, features, k, learning_rate):
    from sae_lens.config import SAETrainerConfig
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.training.sae_trainer import SAETrainer

    sae = TopKTrainingSAE(TopKTrainingSAEConfig(d_in=width, d_sae=features, k=k, dtype="float32", device="cpu"))
    config = SAETrainerConfig(
        total_training_samples=ENDLESS * pacer.batch,
        train_batch_size_samples=pacer.batch,
        lr=learning_rate,
        lr_end=learning_rate,
        device="cpu",
    )
    SAETrainer(config, sae, data_provider=pacer).fit()


def train_dictionary_learning(pacer, width, features, k, learning_rate):
    from dictionary_learning.trainers.top_k import TopKTrainer
    from dictionary_learning.training import trainSAE

    config = dict(
        trainer=TopKTrainer, steps=ENDLESS, activation_dim=width, dict_size=features, k=k,
        layer=0, lm_name="none", lr=learning_rate, warmup_steps=0, seed=0, device="cpu",
    )
    trainSAE(pacer, [config], steps=ENDLESS, device="cpu")


def train_sparsify(pacer, width, features, k, learning_rate):
    import torch
    from sparsify import SparseCoderConfig, TrainConfig, Trainer

    class Site(torch.nn.Module):
        def forward(self, rows):
            return pacer.activations[rows]

    class Model(torch.nn.Module):
        """What the trainer hooks: writes the activations of the rows that it gets as tokens."""

        device = torch.device("cpu")
        dummy_inputs = {"input_ids": torch.zeros(1, 1, dtype=torch.long)}

        def __init__(self):
            super().__init__()
            self.site = Site()

        @property
        def base_model(self):
            return self

        def forward(self, input_ids):
            return self.site(input_ids)

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return ENDLESS

        def __getitem__(self, index):
            return {"input_ids": torch.arange(*pacer.rows())}

    config = TrainConfig(
        SparseCoderConfig(num_latents=features, k=k),
        batch_size=1, optimizer="adam", lr=learning_rate, hookpoints=["site"],
        save_every=ENDLESS, log_to_wandb=False,
    )
    Trainer(config, Rows(), Model()).fit()


TRAIN = {
    "sae-lens": train_sae_lens,
    "dictionary-learning": train_dictionary_learning,
    "sparsify": train_sparsify,
}


def side(arguments):
    """The process of one rival: trains when told, and says how long it took."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    pacer = Pacer(load_file(arguments.data)["activations"], arguments.batch, replies)
    width = pacer.activations.shape[1]
    TRAIN[arguments.side](pacer, width, arguments.features, arguments.k, arguments.learning_rate)


# ---- the controller ----


class Side:
    """A process that trains when told. Its standard error is kept, for the case that it fails."""

    def __init__(self, name, command, threads):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")
        environment = dict(
            os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads),
            WANDB_MODE="disabled", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false",
            # sparsify's own switch: its Triton kernels need a GPU.
            SPARSIFY_DISABLE_TRITON="1",
        )
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            text=True, env=environment,
        )

    def ask(self, question):
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            status = self.process.wait()
            self.errors.seek(0)
            lines = [text.strip() for text in self.errors.read().splitlines()]
            # Progress bars come last, whatever went wrong.
            lines = [text for text in lines if text and "it/s]" not in text and "s/it]" not in text]
            raise RuntimeError(f"{self.name} ended with status {status}: {lines[-1] if lines else 'no message'}")
        return json.loads(line)

    def seconds(self, steps):
        return self.ask(f"steps {steps}")["seconds"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.errors.close()


def say(text=""):
    print(text, flush=True)


def compare(arguments, java, data, features, optimiser, rivals):
    """One size: all sides in turns."""
    shape = [str(v) for v in (features, arguments.k, arguments.batch, arguments.learning_rate)]
    commands = {"sluice": java + ["rate", data, *shape, optimiser, str(arguments.threads)]}
    for rival in rivals:
        commands[rival] = [
            sys.executable, os.path.abspath(__file__), "--side", rival, "--data", data,
            "--features", shape[0], "--k", shape[1], "--batch", shape[2],
            "--learning-rate", shape[3], "--threads", str(arguments.threads),
        ]
    result = dict(features=features, optimiser=optimiser, rates={}, ratios={}, failed={})
    sides, steps = [], {}
    try:
        for name, command in commands.items():
            one = Side(name, command, arguments.threads)
            try:
                one.seconds(1)
                spent, done = 0.0, 0
                # The compiler of the JVM needs more steps than the others' first allocations.
                wanted = (arguments.warmup * 10, 30) if name == "sluice" else (arguments.warmup, 2)
                while spent < wanted[0] and done < wanted[1] or done < 1:
                    last = one.seconds(1)
                    spent, done = spent + last, done + 1
                steps[name] = max(1, round(arguments.seconds / last))
                sides.append(one)
            except RuntimeError as e:
                one.close()
                if name == "sluice":
                    raise
                result["failed"][name] = str(e)
        rates = {one.name: [] for one in sides}
        for turn in range(arguments.rounds):
            # The order is turned round each time, so that nobody always comes after the same side.
            for one in sides if turn % 2 == 0 else sides[::-1]:
                seconds = one.seconds(steps[one.name])
                rates[one.name].append(steps[one.name] * arguments.batch / seconds)
    finally:
        for one in sides:
            one.close()
    for name, values in rates.items():
        result["rates"][name] = dict(
            tokensPerSecond=statistics.median(values), rounds=values, stepsPerRound=steps[name]
        )
        if name != "sluice":
            ratios = [ours / theirs for ours, theirs in zip(rates["sluice"], values)]
            result["ratios"][name] = dict(median=statistics.median(ratios), least=min(ratios), most=max(ratios))
    say(f"{features} features, {optimiser}")
    for name, rate in result["rates"].items():
        ratio = result["ratios"].get(name)
        tail = "" if ratio is None else (
            f"   Sluice is {ratio['median']:.1f} times as fast ({ratio['least']:.1f} to {ratio['most']:.1f})"
        )
        say(f"  {name:20} {rate['tokensPerSecond']:>10,.0f} tokens/s{tail}")
    for name, reason in result["failed"].items():
        say(f"  {name:20}     failed: {reason}")
    say()
    return result


def check(arguments, java, folder):
    """Equal loss after some hundred steps from one start, Sluice and PyTorch autograd."""
    curve = os.path.join(folder, "curve.safetensors")
    script = Path(__file__).with_name("loss_curve.py")
    subprocess.run(
        [sys.executable, str(script), curve, "--steps", str(arguments.check_steps),
         "--threads", str(arguments.threads)],
        check=True, stdout=subprocess.DEVNULL,
    )
    answer = subprocess.run(
        java + ["check", curve, str(arguments.threads)], check=True, stdout=subprocess.PIPE, text=True
    )
    result = json.loads(answer.stdout)
    say(
        f"loss over the last {result['averagedSteps']} of {result['steps']} steps from one start: "
        f"PyTorch {result['expected']:.6g}, Sluice {result['loss']:.6g} "
        f"({100 * (result['loss'] / result['expected'] - 1):+.3f} %)"
    )
    say()
    return result


def missing():
    absent = []
    for requirement in NEEDED:
        try:
            metadata.version(requirement.partition("==")[0])
        except metadata.PackageNotFoundError:
            absent.append(requirement)
    return absent


def processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=numbers, default=[16384, 65536], help="features, all with Adam")
    parser.add_argument("--sparse-size", type=int, default=131072,
                        help="features of Sluice's SparseAdam beside sparsify's Adam; 0 leaves it out")
    parser.add_argument("--rivals", default=",".join(RIVALS), help="which of " + ", ".join(RIVALS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of one side in one round, about")
    parser.add_argument("--warmup", type=float, default=2, help="seconds, ten times as many for the JVM")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--tokens", type=int, default=16384, help="activations in memory")
    parser.add_argument("--store", help="take captured activations from this store")
    parser.add_argument("--hook", default="layers.3.attn_out", help="their hook point")
    parser.add_argument("--check-steps", type=int, default=500, help="0 leaves out the comparison of losses")
    parser.add_argument("--json", default="bench-rivals.json", help="where the results go")
    for internal in ("--side", "--data"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    parser.add_argument("--features", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main():
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    arguments, java = parse(words[:cut]), words[cut + 1 :]
    if arguments.side:
        side(arguments)
        return
    absent = missing()
    if absent:
        sys.exit(
            f"bench-rivals: {sys.executable} lacks {', '.join(absent)}; make a virtual environment, run\n"
            f"  pip install {' '.join(NEEDED)}\n"
            "in it and set SLUICE_RIVALS to its python"
        )
    rivals = [name for name in arguments.rivals.split(",") if name]
    unknown = set(rivals) - set(RIVALS)
    if unknown:
        sys.exit(f"bench-rivals: no rival {sorted(unknown)[0]}; there are {', '.join(RIVALS)}")
    if not java:
        sys.exit("bench-rivals: run it by 'make bench-rivals', which says how to start Sluice")
    from safetensors.torch import save_file

    x = captured(arguments.store, arguments.hook, arguments.tokens) if arguments.store else synthetic(
        arguments.tokens, arguments.width, 0)
    if len(x) < arguments.batch:
        sys.exit(f"bench-rivals: {len(x)} activations are less than one batch of {arguments.batch}")
    say(
        f"{processor()}, {arguments.threads} threads; {len(x)} activations of width {x.shape[1]}"
        f" ({arguments.hook if arguments.store else 'synthetic'}), k {arguments.k}, batch {arguments.batch}, float32"
    )
    versions = {name: metadata.version(package) for name, package in PACKAGES.items()}
    versions["torch"] = metadata.version("torch")
    say(", ".join(f"{name} {version}" for name, version in versions.items()))
    say()
    results = dict(
        processor=processor(), threads=arguments.threads, versions=versions, python=platform.python_version(),
        activations=arguments.hook if arguments.store else "synthetic", tokens=len(x), width=x.shape[1],
        k=arguments.k, batch=arguments.batch, learningRate=arguments.learning_rate, comparisons=[],
    )

    def keep():
        partial = Path(arguments.json + ".tmp")
        partial.write_text(json.dumps(results, indent=2) + "\n")
        partial.replace(arguments.json)

    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "activations.safetensors")
        save_file({"activations": x}, data)
        del x
        if arguments.check_steps:
            results["check"] = check(arguments, java, folder)
        for features in arguments.sizes:
            results["comparisons"].append(compare(arguments, java, data, features, "adam", rivals))
            keep()
        if arguments.sparse_size and "sparsify" in rivals:
            results["comparisons"].append(
                compare(arguments, java, data, arguments.sparse_size, "sparse-adam", ["sparsify"])
            )
        keep()
    say(f"written to {arguments.json}")


if __name__ == "__main__":
    main()
