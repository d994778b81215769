package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files of Sluice's own with damage of every kind, through the commands that read them: what they
 * say is used, or refused by one line, with never an internal error.
 *
 * <p>JSON files keep their form and lose a field, or get one of another type or beyond its bounds;
 * one in four, and all others, have bytes damaged anywhere. There is one to twenty mutations of a
 * checkpoint, as the system property {@code sluice.mutations} says.
 */
@Tag("fuzz")
class OwnFilesFuzzTest {
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 4000) / 20;
  private static final int MOST_FAILURES = 30;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path MODEL =
      Path.of("src/test/resources/golden/model/causal/tiny-llama").toAbsolutePath();

  /** Values of all types, those at the ends of their ranges above all. */
  private static final List<String> ODD =
      List.of(
          "null",
          "true",
          "\"\"",
          "\"abc\"",
          "\"\\u001b[31m\\nx\"",
          "\"layers.99999.resid\"",
          "-1",
          "0",
          "1",
          "3",
          "2147483647",
          "2147483648",
          "-2147483648",
          "9223372036854775807",
          "92233720368547758070",
          "1e308",
          "1e-320",
          "0.5",
          "-0.5",
          "1e400",
          "[]",
          "[[]]",
          "[1]",
          "{}",
          "{\"a\":1}",
          "[null]",
          "\"NaN\"",
          "\"../../etc\"",
          "\"asi\"",
          "\"2024-01-01\"");

  @TempDir private Path temp;

  /** The inputs as they were written; commands get copies. */
  private Path good;

  private Path copy;

  /**
   * A command and the files that it reads.
   *
   * @param files below the folder of inputs
   * @param arguments with {@code @} for that folder
   */
  private record Reader(List<String> files, String arguments) {}

  private static final List<Reader> READERS =
      List.of(
          new Reader(
              List.of("store/.manifest.json", "store/shard-00000.arrow"),
              "spectrum --no-verify --store @/store"),
          new Reader(
              List.of("store/.manifest.json", "store/shard-00000.arrow"),
              "train --no-verify --store @/store --hook layers.0.attn_out --features 16 --k 2"
                  + " --batch 16 --steps 2 --out @/out"),
          new Reader(
              List.of("run/dictionary.json", "run/dictionary.safetensors"),
              "evaluate --dictionary @/run --store @/store"),
          new Reader(
              List.of("run/dictionary.json", "run/dictionary.safetensors"),
              "convert --dictionary @/run --to saelens --out @/out"),
          new Reader(
              List.of(
                  "run/run.json", "run/metrics.jsonl", "run/result.json", "run/evaluation.json"),
              "report --run @/run --out @/report.html"),
          new Reader(List.of("spectrum.json"), "report --spectrum @/spectrum.json --out @/r.html"),
          new Reader(
              List.of("losses.json"),
              "report --spectrum @/spectrum.json --loss @/losses.json --out @/r.html"),
          new Reader(List.of("run/run.json", "run/dictionary.json"), "train --resume --out @/run"),
          new Reader(List.of("sweep/sweep.json"), "report --sweep @/sweep --out @/r.html"),
          new Reader(List.of("sweep/sweep.json"), "report --sweep @/sweep --markdown @/page.md"),
          new Reader(List.of("sweep/sweep.json"), "sweep --resume --out @/sweep"),
          new Reader(
              List.of("lorsa/lorsa.json", "lorsa/lorsa.safetensors", "lorsa/run.json"),
              "lorsa evaluate --lorsa @/lorsa --store @/attention"),
          new Reader(
              List.of("lorsa/run.json", "lorsa/lorsa.json"), "lorsa train --resume --out @/lorsa"),
          new Reader(
              List.of("statistics.safetensors"),
              "loss --model "
                  + MODEL
                  + " --text @/text.txt --tokens 64 --store-stats @/statistics.safetensors"
                  + " --hook layers.0.attn_out --ks 2"));

  @BeforeEach
  void makeInputs() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    good = Files.createDirectories(temp.resolve("good"));
    copy = temp.resolve("copy");
    Files.writeString(good.resolve("text.txt"), "call me ishmael. the sea. ".repeat(60));
    String capture = "capture --model " + MODEL + " --text @/text.txt ";
    String training = "--batch 16 --steps 3 --checkpoint-every 2 --log-every 1 ";
    make(capture + "--hooks layers.0.attn_out --out @/store");
    make(capture + "--hooks layers.0.attn_in,layers.0.attn_out --special-tokens --out @/attention");
    make(
        "train --store @/store --hook layers.0.attn_out --features 16 --k 2 "
            + training
            + "--out @/run");
    make("evaluate --dictionary @/run --store @/store");
    make(
        "sweep --store @/store --hook layers.0.attn_out --vary features=16 --vary k=2 "
            + "--vary init=random,asi "
            + training
            + "--out @/sweep");
    make(
        "lorsa train --store @/attention --model "
            + MODEL
            + " --layer 0 --heads 24 --k 2 --contexts 1 --steps 2 --out @/lorsa");
    make("spectrum --store @/store --stats @/statistics.safetensors --out @/spectrum.json");
    make(
        "loss --model "
            + MODEL
            + " --text @/text.txt --store-stats @/statistics.safetensors --hook layers.0.attn_out"
            + " --ks 2 --out @/losses.json");
  }

  @Test
  void damagedFilesAreUsedOrRefusedInOneLine() throws Exception {
    Random random = new Random(Seeds.seed());
    List<String> failures = new ArrayList<>();
    for (int i = 0; i < MUTATIONS && failures.size() < MOST_FAILURES; i++) {
      renewCopy();
      Reader reader = READERS.get(random.nextInt(READERS.size()));
      List<String> present =
          reader.files().stream().filter(each -> Files.exists(copy.resolve(each))).toList();
      Path damaged = copy.resolve(present.get(random.nextInt(present.size())));
      String change = damage(damaged, random);
      try {
        CommandCheck.endsWell(
            List.of(reader.arguments().replace("@", copy.toString()).split(" ")),
            copy.relativize(damaged) + ": " + change);
      } catch (AssertionError e) {
        failures.add(e.getMessage());
      }
    }
    assertThat(failures).isEmpty();
  }

  /** Damages a file and says how. */
  private static String damage(Path file, Random random) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    if (file.toString().endsWith(".json") && random.nextInt(4) > 0) {
      try {
        JsonNode root = JSON.readTree(bytes);
        String change = damage(root, random);
        Files.writeString(file, root.toString());
        return change;
      } catch (JsonProcessingException e) {
        throw new IOException(file + " was no JSON before it was damaged", e);
      }
    }
    // The front holds what says where the rest is.
    int front = random.nextBoolean() ? Math.min(bytes.length, 2000) : bytes.length;
    Files.write(file, Mutations.mutate(bytes, Math.max(1, front), random));
    return "bytes damaged";
  }

  private static String damage(JsonNode root, Random random) throws IOException {
    List<Runnable> changes = new ArrayList<>();
    List<String> names = new ArrayList<>();
    JsonNode odd = JSON.readTree(ODD.get(random.nextInt(ODD.size())));
    collect(root, "", odd, changes, names);
    int at = random.nextInt(changes.size());
    changes.get(at).run();
    return names.get(at);
  }

  /** All single changes of the tree: each value replaced by {@code odd}, removed, or doubled. */
  private static void collect(
      JsonNode node, String path, JsonNode odd, List<Runnable> changes, List<String> names) {
    if (node instanceof ObjectNode object) {
      for (Map.Entry<String, JsonNode> field : object.properties()) {
        String name = field.getKey();
        changes.add(() -> object.set(name, odd));
        names.add(path + "/" + name + " = " + odd);
        changes.add(() -> object.remove(name));
        names.add(path + "/" + name + " removed");
        collect(field.getValue(), path + "/" + name, odd, changes, names);
      }
    } else if (node instanceof ArrayNode array) {
      for (int i = 0; i < Math.min(array.size(), 3); i++) {
        int index = i;
        changes.add(() -> array.set(index, odd));
        names.add(path + "/" + i + " = " + odd);
        changes.add(() -> array.remove(index));
        names.add(path + "/" + i + " removed");
        changes.add(() -> array.add(array.get(index).deepCopy()));
        names.add(path + "/" + i + " twice");
        collect(array.get(i), path + "/" + i, odd, changes, names);
      }
    }
  }

  private void renewCopy() throws IOException {
    if (Files.exists(copy)) {
      try (Stream<Path> all = Files.walk(copy)) {
        for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
    }
    try (Stream<Path> all = Files.walk(good)) {
      for (Path each : all.toList()) {
        Files.copy(each, copy.resolve(good.relativize(each)));
      }
    }
  }

  private void make(String line) {
    StringWriter err = new StringWriter();
    String[] arguments = line.replace("@", good.toString()).split(" ");
    assertThat(Main.run(new StringWriter(), err, arguments)).as(line + "\n" + err).isZero();
  }
}
