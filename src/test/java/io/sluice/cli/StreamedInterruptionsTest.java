package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.testing.Python;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs of {@code train --model} that are killed at their edges, or whose disk is full. */
@Tag("slow")
class StreamedInterruptionsTest extends StreamedCommands {
  private static final Path LAUNCHER = Path.of("bin/sluice").toAbsolutePath();
  private static final Path FULL_DISK = Path.of("src/test/sh/full-disk.sh").toAbsolutePath();

  @Test
  void aRunKilledInItsFirstWindowBeginsAgain() throws Exception {
    Files.writeString(text, words(120_000, 5));
    List<String> large = List.of("--buffer", "24M");
    Path whole = folder.resolve("whole");
    ok(larger(whole, large));
    Path killed = folder.resolve("killed0");
    for (int attempt = 1; !isKilledInFirstWindow(killed, larger(killed, large)); attempt++) {
      assertThat(attempt).as("attempts in which the first window was there").isLessThan(10);
      killed = folder.resolve("killed" + attempt);
    }
    err.getBuffer().setLength(0);
    assertThat(sluice(larger(killed, large))).isEqualTo(1);
    assertThat(err.toString()).contains("holds a run already; continue it with --resume");
    ok(resume(killed));
    requireSame(killed, whole);
  }

  private List<String> larger(Path into, List<String> buffer) {
    List<String> words = windowed(into);
    words.set(words.indexOf("--buffer") + 1, buffer.getLast());
    return words;
  }

  private static boolean isKilledInFirstWindow(Path run, List<String> words) throws Exception {
    killed(words, () -> Files.exists(run.resolve("buffer/shard-00000.arrow")));
    JsonNode stream = json(run.resolve("stream.json"));
    return !stream.has("windows") && !Files.exists(run.resolve(HOOKS.getFirst()));
  }

  @Test
  void aRunKilledBeforeAnyCheckpointBeginsAgain() throws Exception {
    Path whole = folder.resolve("whole");
    ok(windowed(whole));
    for (String every : List.of("0", "1000")) {
      Path killed = folder.resolve("killed" + every);
      List<String> words = windowed(killed);
      words.set(words.indexOf("--checkpoint-every") + 1, every);
      Path metrics = killed.resolve(HOOKS.getLast()).resolve("metrics.jsonl");
      killed(words, () -> Files.exists(metrics));
      assertThat(newestCheckpoint(killed.resolve(HOOKS.getLast()))).isLessThan(1);
      ok(resume(killed));
      requireSame(killed, whole);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "layers.1.attn_out/dictionary.safetensors",
        "layers.2.resid/dictionary.safetensors",
        "layers.2.resid/dictionary.json"
      })
  void aRunKilledInItsLastWriteEndsInTheSameDictionaries(String seen) throws Exception {
    Path whole = folder.resolve("whole");
    ok(windowed(whole));
    Path killed = folder.resolve("killed");
    killed(windowed(killed), () -> Files.exists(killed.resolve(seen)));
    requireEndsAs(whole, killed);
  }

  private void requireEndsAs(Path whole, Path killed) throws IOException {
    err.getBuffer().setLength(0);
    if (sluice(resume(killed)) != 0) {
      assertThat(lastLine()).contains("this run is complete; there is nothing to resume");
    }
    requireSame(killed, whole);
    for (String hook : HOOKS) {
      assertThat(names(killed.resolve(hook), "checkpoint.*")).isEmpty();
      assertThat(result(killed.resolve(hook)).get("steps").asInt()).isEqualTo(130);
    }
  }

  /** Each state that a kill in the last writes can leave. */
  @Test
  void whatAKillAfterTheLastStepLeavesIsFinishedOrDeleted() throws IOException {
    Path whole = folder.resolve("whole");
    ok(windowed(whole));
    Path kept = folder.resolve("kept");
    ok(windowed(kept, "--keep-checkpoints", "2"));
    // Killed when both results were there.
    Path checkpoint = kept.resolve(HOOKS.getFirst()).resolve("checkpoint-000000130.safetensors");
    Files.copy(checkpoint, whole.resolve(HOOKS.getFirst()).resolve(checkpoint.getFileName()));
    leaveBuffer(whole);
    err.getBuffer().setLength(0);
    assertThat(sluice(resume(whole))).isEqualTo(1);
    assertThat(lastLine()).contains("this run is complete; there is nothing to resume");
    assertThat(whole.resolve("buffer")).doesNotExist();
    assertThat(names(whole.resolve(HOOKS.getFirst()), "checkpoint.*")).isEmpty();

    // Killed when the first result was there, and some of the second dictionary.
    Path second = kept.resolve(HOOKS.getLast());
    ObjectNode run = (ObjectNode) json(second.resolve("run.json"));
    run.remove("result");
    Files.writeString(second.resolve("run.json"), run.toString());
    Files.delete(second.resolve("dictionary.json"));
    Files.writeString(second.resolve("dictionary.safetensors.0123456789abcdef.tmp"), "half");
    Path stale = kept.resolve(HOOKS.getFirst()).resolve("checkpoint-000000110.safetensors");
    Files.copy(checkpoint, stale);
    leaveBuffer(kept);
    ok(resume(kept));
    requireSame(kept, whole);
    for (String hook : HOOKS) {
      assertThat(names(kept.resolve(hook), "checkpoint.*"))
          .containsExactly("checkpoint-000000120.safetensors", "checkpoint-000000130.safetensors");
    }
    assertThat(second.resolve("dictionary.json")).exists();
  }

  private static void leaveBuffer(Path run) throws IOException {
    Path heldOut = Files.createDirectories(run.resolve("buffer/held-out"));
    Files.createFile(heldOut.resolve(".lock"));
    Files.createFile(run.resolve("buffer/.lock"));
    Files.writeString(run.resolve("buffer/shard-00007.arrow"), "half");
    Files.writeString(run.resolve("buffer/shard-00008.arrow.0123456789abcdef.tmp"), "half");
  }

  @Test
  @Tag("python")
  void eventsAndCheckpointsOfAKilledRunAreThoseOfAWholeOne() throws Exception {
    Python.requireTensorBoard();
    String[] traced = {"--tensorboard", "--keep-checkpoints", "3", "--held-out", "0.2"};
    Path whole = folder.resolve("whole");
    ok(logged(windowed(whole, traced)));
    Path killed = folder.resolve("killed");
    List<String> words = logged(windowed(killed, traced));
    // The first time before a checkpoint but that of the start.
    Path metrics = killed.resolve(HOOKS.getFirst()).resolve("metrics.jsonl");
    killed(words, () -> Files.exists(metrics));
    for (int step : List.of(30, 70, 100)) {
      killed(resume(killed), () -> newestCheckpoint(killed.resolve(HOOKS.getLast())) >= step);
      assertThat(killed.resolve(HOOKS.getLast()).resolve(DICTIONARY)).doesNotExist();
      assertThat(names(killed.resolve(HOOKS.getLast()), "checkpoint.*")).hasSizeBetween(2, 4);
    }
    ok(resume(killed));
    requireSame(killed, whole);
    for (String hook : HOOKS) {
      Path run = killed.resolve(hook);
      assertThat(names(run, "checkpoint.*"))
          .containsExactly(
              "checkpoint-000000110.safetensors",
              "checkpoint-000000120.safetensors",
              "checkpoint-000000130.safetensors");
      List<JsonNode> lines = lines(run);
      List<JsonNode> expected = lines(whole.resolve(hook));
      assertThat(lines).hasSameSizeAs(expected).hasSize(44);
      JsonNode events = new ObjectMapper().readTree(Python.run("tensorboard_scalars.py", run));
      Map<String, String> tags =
          Map.of(
              "train/loss", "loss",
              "train/fvu", "fvu",
              "train/l0", "l0",
              "train/dead_fraction", "deadFraction",
              "train/tokens", "tokens",
              "held_out/fvu", "heldOutFvu");
      tags.forEach(
          (tag, field) ->
              assertThat(pairs(events.get(tag)))
                  .as(tag)
                  .isEqualTo(pairs(expected, field))
                  .isEqualTo(pairs(lines, field))
                  .isNotEmpty());
    }
  }

  private static List<String> logged(List<String> words) {
    words.set(words.indexOf("--log-every") + 1, "3");
    return words;
  }

  private static List<JsonNode> lines(Path run) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      lines.add(new ObjectMapper().readTree(line));
    }
    return lines;
  }

  private static List<List<Number>> pairs(JsonNode found) {
    List<List<Number>> pairs = new ArrayList<>();
    found.forEach(pair -> pairs.add(List.of(pair.get(0).asLong(), (float) pair.get(1).asDouble())));
    return pairs;
  }

  private static List<List<Number>> pairs(List<JsonNode> lines, String field) {
    return lines.stream()
        .filter(line -> line.has(field))
        .map(line -> List.<Number>of(line.get("step").asLong(), (float) line.get(field).asDouble()))
        .toList();
  }

  /** A file that is deleted takes its room on the disk until it is closed. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void deletedShardsAreClosed() throws Exception {
    AtomicInteger most = new AtomicInteger();
    Thread watch =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!Thread.interrupted()) {
                    most.accumulateAndGet(deletedShards(), Math::max);
                  }
                });
    ok(windowed(folder.resolve("run")));
    watch.interrupt();
    watch.join();
    // Of two passes over four windows of five shards.
    assertThat(most.get()).isLessThan(10);
    assertThat(deletedShards()).isZero();
  }

  private int deletedShards() {
    int count = 0;
    for (File open : new File("/proc/self/fd").listFiles()) {
      try {
        String name = Files.readSymbolicLink(open.toPath()).toString();
        count += name.startsWith(folder.toString()) && name.endsWith(".arrow (deleted)") ? 1 : 0;
      } catch (IOException e) {
        // It was closed meanwhile.
      }
    }
    return count;
  }

  /** A small file system in memory is filled while the run lasts. */
  @Test
  @DisabledOnOs({OS.WINDOWS, OS.MAC})
  void aFullDiskEndsInOneLineAndTheRunContinues() throws Exception {
    CommandProcess mounts =
        CommandProcess.run(
            folder, Map.of(), List.of("unshare", "-rm", "mount", "-t", "tmpfs", "t", "/mnt"));
    assumeTrue(mounts.status() == 0, "no right to mount a file system");
    Path whole = folder.resolve("whole");
    ok(longer(windowed(whole)));
    Path disk = Files.createDirectory(folder.resolve("disk"));
    Path kept = Files.createDirectory(folder.resolve("kept"));
    List<String> command = new ArrayList<>(List.of("unshare", "-rm", "bash"));
    command.addAll(
        List.of(
            FULL_DISK.toString(),
            disk.toString(),
            kept.toString(),
            LAUNCHER.toString(),
            HOOKS.getLast()));
    command.addAll(longer(windowed(disk.resolve("run"))));
    CommandProcess result = CommandProcess.run(folder, Map.of(), command);
    assertThat(result.status()).as(result.out() + result.err()).isZero();
    String said = Files.readString(kept.resolve("full.log"));
    assertThat(said.lines().filter(line -> line.startsWith("sluice ")))
        .as(said)
        .singleElement()
        .asString()
        .matches(
            "sluice train: "
                + disk
                + "/run/\\S+: cannot be written \\(No space left on device\\); make room[^;]*;"
                + " (there is a checkpoint of step \\d+, and )?--resume --out "
                + disk
                + "/run continues from (it|the checkpoint before)");
    assertThat(said).doesNotContain("\tat ");
    assertThat(Files.readString(kept.resolve("refused.log")))
        .contains("the buffer takes up to 1,", "bytes of the disk, but", "are free; make room\n");
    // What stays is no buffer.
    assertThat(Files.readString(kept.resolve("files.log"))).doesNotContain("shard", ".tmp");
    for (String hook : HOOKS) {
      assertThat(kept.resolve("run").resolve(hook).resolve(DICTIONARY))
          .hasSameBinaryContentAs(whole.resolve(hook).resolve(DICTIONARY));
    }
  }

  private static List<String> longer(List<String> words) {
    words.set(words.indexOf("--steps") + 1, "3000");
    return words;
  }

  /** The system's limit on the size of a file stands for a full disk, as in FullDiskTest. */
  @ParameterizedTest
  @ValueSource(
      strings = {"32 buffer/shard-0000\\d.arrow", "200 layers.1.attn_out/checkpoint-\\d+.s"})
  @DisabledOnOs(OS.WINDOWS)
  void whatDoesNotFitAtAllKeepsTheCheckpointBefore(String limit) throws Exception {
    Path whole = folder.resolve("whole");
    ok(wider(windowed(whole)));
    Path run = folder.resolve("run");
    killed(wider(windowed(run)), () -> newestCheckpoint(run.resolve(HOOKS.getLast())) >= 30);
    Map<String, byte[]> before = checkpoints(run);
    List<String> command =
        new ArrayList<>(
            List.of("bash", "-c", "(ulimit -f $1; shift; exec \"$@\") 2>&1 | cat", "-"));
    command.addAll(List.of(limit.split(" ")[0], LAUNCHER.toString()));
    command.addAll(resume(run));
    CommandProcess refused =
        CommandProcess.run(folder, Map.of("SLUICE_JAVA_OPTS", "-XX:-UsePerfData"), command);
    assertThat(refused.out().lines().filter(line -> line.startsWith("sluice ")))
        .as(refused.out())
        .singleElement()
        .asString()
        .containsPattern(limit.split(" ")[1] + ".*: cannot be written \\(File too large\\); make");
    if (limit.contains("checkpoint")) {
      assertThat(refused.out())
          .contains("--resume --out " + run + " continues from the checkpoint");
    }
    assertThat(checkpoints(run).keySet()).containsAll(before.keySet());
    assertThat(run.resolve("buffer")).doesNotExist();
    ok(resume(run));
    requireSame(run, whole);

    // A run that does not fit from the beginning leaves nothing, and can be begun as before.
    Path begun = folder.resolve("begun");
    command.subList(command.indexOf("train"), command.size()).clear();
    command.addAll(wider(windowed(begun)));
    refused = CommandProcess.run(folder, Map.of("SLUICE_JAVA_OPTS", "-XX:-UsePerfData"), command);
    assertThat(refused.out()).contains("cannot be written (File too large); make room");
    assertThat(begun).doesNotExist();
  }

  private static List<String> wider(List<String> words) {
    words.set(words.indexOf("--features") + 1, "512");
    return words;
  }

  private static Map<String, byte[]> checkpoints(Path run) throws IOException {
    Map<String, byte[]> all = new TreeMap<>();
    for (String hook : HOOKS) {
      for (String name : names(run.resolve(hook), "checkpoint-\\d+\\.safetensors")) {
        all.put(hook + "/" + name, Files.readAllBytes(run.resolve(hook).resolve(name)));
      }
    }
    return all;
  }
}
