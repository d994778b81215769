"""Seconds of `sluice-spark` beside `sluice`: the same work in one sitting.

Usage: python bench_spark.py [--parts capture,spectrum,shards] [--tokens 100000] [--model FILE] [--threads 2]

`make bench-spark` starts it, with SPARK_HOME set. Needs nothing but Python's own library.

capture, spectrum: a model reads a novel, `attn_out` of every layer. Three sides in turns: `sluice`
with two threads, `sluice-spark` in one process with two threads (`local[1]`), and on a standalone
cluster of two workers of one core, which this starts and stops. Each side runs twice, with few tokens
and with many: the first is what a start costs, and what the second takes longer is the work. A run
before them, which is not measured, reads all files into the page cache.

shards: the spectrum of synthetic stores of 10, 100 and 1,000 shards on the two workers and with
`sluice`.

Bytes of shuffles are those of Spark's event log.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEXT = ROOT / "datasets" / "moby-dick.txt"
SPARK = os.environ.get("SPARK_HOME", "")
FEW = 4096
ROWS_PER_SHARD = 1000
WIDTH = 576


class Cluster:
    """A master and two workers of one core."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        environment = dict(os.environ, SPARK_LOCAL_IP="127.0.0.1", SPARK_DAEMON_MEMORY="200m")
        environment["SPARK_LOCAL_DIRS"] = str(folder / "scratch")
        self.address = self.start(
            environment, r"(spark://\S+)", "master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"
        )
        for worker in range(2):
            words = ["-c", "1", "-m", "3g", "--webui-port", "0", "-d", str(folder / f"worker{worker}")]
            self.start(environment, "Successfully (registered)", "worker.Worker", *words, self.address)

    def start(self, environment, said, name, *words):
        """Starts a daemon and returns what its log says."""
        log = self.folder / f"daemon{len(self.processes)}.log"
        with open(log, "w") as out:
            command = [SPARK + "/bin/spark-class", "org.apache.spark.deploy." + name, *words]
            self.processes.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
        while True:
            found = re.search(said, log.read_text())
            if found:
                return found.group(1)
            if self.processes[-1].poll() is not None:
                raise SystemExit(f"bench_spark: {name} has ended: {log.read_text()[-500:]}")
            time.sleep(0.1)

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()


def timed(command, environment=()):
    """Seconds of a command."""
    start = time.time()
    done = subprocess.run(command, env=dict(os.environ, **dict(environment)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench_spark: {' '.join(map(str, command))}: {done.stderr.strip()[-1000:]}")
    return time.time() - start


def spark(words, master, folder, more=()):
    """Seconds of sluice-spark, and what Spark's event log says: bytes, seconds of tasks, failures."""
    log = Path(tempfile.mkdtemp(dir=folder))
    settings = ["spark.eventLog.enabled=true", f"spark.eventLog.dir=file://{log}"]
    settings += ["spark.eventLog.compress=false", "spark.eventLog.rolling.enabled=false", "spark.ui.enabled=false"]
    settings += ["spark.driver.host=127.0.0.1"]
    command = [ROOT / "bin" / "sluice-spark", *words, "--master", master, "--", *more]
    for setting in settings:
        command += ["--conf", setting]
    seconds = timed(command, {"SPARK_LOCAL_IP": "127.0.0.1"})
    events = {"shuffled": 0, "tasks": 0}
    first = last = None
    for line in next(log.iterdir()).open():
        event = json.loads(line)
        if event["Event"] == "SparkListenerTaskEnd" and event["Stage ID"] > 0:
            events["tasks"] += 1
            info = event["Task Info"]
            first = min(first or info["Launch Time"], info["Launch Time"])
            last = max(last or 0, info["Finish Time"])
            events["shuffled"] += event["Task Metrics"]["Shuffle Write Metrics"]["Shuffle Bytes Written"]
    events["busy"] = (last - first) / 1000
    return seconds, events


def sides(options, words, folder, cluster, task_tokens, unit):
    """Runs one work on all sides and prints a line for each."""
    few, many = min(FEW, options.tokens // 2), options.tokens
    jvm = f"-XX:ActiveProcessorCount={options.threads}"
    rows = {}

    def run(side, tokens, split):
        shutil.rmtree(folder / "out", ignore_errors=True)
        all_words = [*words, "--tokens", str(tokens), "--out", str(folder / "out")]
        tasks = ["--task-tokens", str(split)] if split else []
        if side == "sluice":
            return timed([ROOT / "bin" / "sluice", *all_words], {"SLUICE_JAVA_OPTS": jvm}), {}
        if side == "local[1]":
            more = ["--driver-memory", "2g", "--driver-java-options", jvm]
            return spark(all_words + tasks, "local[1]", folder, more)
        more = ["--executor-memory", "2g", "--executor-cores", "1"]
        return spark(all_words + tasks, cluster.address, folder, more)

    print(f"{'':16} {'start, s':>9} {'all, s':>8} {unit + '/s':>9} {'beside':>7}  tasks, MB of shuffles")
    for side in ("sluice", "local[1]", "two workers"):
        run(side, few, few // 2)  # Reads what is not in the page cache yet.
        start, _ = run(side, few, few // 2)
        seconds, events = run(side, many, task_tokens)
        rows[side] = seconds - start
        rate = (many - few) / (seconds - start)
        beside = rows[side] / rows["sluice"]
        tail = f"{events['tasks']}, {events['shuffled'] / 1e6:.0f}" if events else ""
        print(f"{side:16} {start:9.1f} {seconds:8.1f} {rate:9.0f} {beside:7.2f}  {tail}", flush=True)
    shutil.rmtree(folder / "out", ignore_errors=True)


def shards(folder, cluster, counts):
    """The spectrum of stores of more and more shards."""
    classes = f"{ROOT}/target/test-classes:{ROOT}/target/classes:{(ROOT / 'target' / 'classpath').read_text()}"
    java = [os.environ["JAVA_HOME"] + "/bin/java", "--enable-native-access=ALL-UNNAMED"]
    java += ["--add-modules=jdk.incubator.vector", "--add-opens=java.base/java.nio=ALL-UNNAMED"]
    print(f"{'shards':>8} {'rows':>10} {'sluice, s':>10} {'workers, s':>11} {'tasks, s':>9} {'tasks':>6} {'MB of shuffles':>15}")
    for count in counts:
        store = folder / "shards"
        shutil.rmtree(store, ignore_errors=True)
        timed([*java, "-cp", classes, "io.sluice.spark.SyntheticShards", store, str(count), str(ROWS_PER_SHARD), str(WIDTH)])
        words = ["spectrum", "--store", str(store), "--out", str(folder / "spectrum.json")]
        alone = timed([ROOT / "bin" / "sluice", *words])
        more = ["--executor-memory", "2g", "--executor-cores", "1"]
        seconds, events = spark(words, cluster.address, folder, more)
        print(
            f"{count:8} {count * ROWS_PER_SHARD:10,} {alone:10.1f} {seconds:11.1f} {events['busy']:9.1f}"
            f" {events['tasks']:6} {events['shuffled'] / 1e6:15.0f}",
            flush=True,
        )
    shutil.rmtree(folder / "shards", ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", default="capture,spectrum,shards")
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shards", default="10,100,1000")
    cache = os.environ.get("SLUICE_MODELS", os.path.expanduser("~/.cache/sluice/models"))
    parser.add_argument("--model", default=cache + "/SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--folder", help="where stores are written (default: a temporary folder)")
    options = parser.parse_args()
    if not Path(SPARK, "bin/spark-class").exists():
        raise SystemExit("bench_spark: set SPARK_HOME to an installation of Spark 4.2")
    folder = Path(tempfile.mkdtemp(prefix="bench-spark", dir=options.folder))
    cluster = Cluster(folder)
    try:
        common = ["--model", options.model, "--text", str(TEXT), "--hooks", "layers.*.attn_out"]
        for part in options.parts.split(","):
            print(f"== {part}", time.strftime("%H:%M:%S", time.gmtime()), flush=True)
            if part == "shards":
                shards(folder, cluster, [int(count) for count in options.shards.split(",")])
            else:
                yes = ["--yes"] if part == "capture" else []
                sides(options, [part, *common, *yes], folder, cluster, None if part == "capture" else options.tokens // 4, "tokens")
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
