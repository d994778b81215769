package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands that put a beginning-of-text token before contexts, with a model that adds none. */
@Tag("slow")
class BosCommandTest {
  private static final Path MODEL = Path.of("src/test/resources/golden/model/causal/tiny-gpt2");
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;
  private Path text;
  private String out;
  private String err;

  @BeforeEach
  void writeText() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    text =
        Files.writeString(
            folder.resolve("text.txt"),
            "call me ishmael . the white whale of the sea , ".repeat(20));
  }

  @Test
  void whatReadsTheTextAgainBeginsAsTheStoreDid() throws IOException {
    String store = folder.resolve("store").toString();
    String stats = folder.resolve("stats.safetensors").toString();
    String run = folder.resolve("run").toString();
    ok("capture", "--model", MODEL, "--text", text, "--context", 16, "--bos", "--out", store);
    assertThat(ActivationStore.open(Path.of(store)).manifest().prependBos()).contains(true);
    ok("spectrum", "--store", store, "--stats", stats);
    ok(
        "loss",
        "--model",
        MODEL,
        "--text",
        text,
        "--context",
        16,
        "--bos",
        "--store-stats",
        stats,
        "--hook",
        "blocks.1.hook_attn_out",
        "--ks",
        "4",
        "--json");
    double begun = JSON.readTree(out).path("cleanLoss").asDouble();
    ok(
        "train",
        "--store",
        store,
        "--hook",
        "blocks.1.hook_attn_out",
        "--features",
        48,
        "--k",
        4,
        "--steps",
        5,
        "--batch",
        64,
        "--out",
        run);
    assertThat(evaluated(store, run)).isCloseTo(begun, within(1e-9));
    double plain = evaluated(store, run, "--no-bos");
    assertThat(plain).isNotCloseTo(begun, within(1e-3));
    assertThat(err).doesNotContain("beginning-of-text");
    String other = folder.resolve("other").toString();
    ok("capture", "--model", MODEL, "--text", text, "--context", 16, "--out", other);
    ok("evaluate", "--dictionary", run, "--store", other, "--engine", "reference");
    assertThat(err)
        .contains("began with a beginning-of-text token when", "without one; capture with --bos");
    ok("features", "--dictionary", run, "--text", "the white whale", "--model", MODEL, "--json");
    JsonNode firing = JSON.readTree(out);
    ok(
        "features",
        "--dictionary",
        run,
        "--text",
        "the white whale",
        "--model",
        MODEL,
        "--json",
        "--no-bos");
    // The first word is at position 1 behind the token, and then it has features.
    assertThat(JSON.readTree(out)).isNotEqualTo(firing);
    assertThat(firing.toString()).contains("\"position\":1").contains("\"position\":3");
    assertThat(out).doesNotContain("\"position\" : 3");
  }

  private double evaluated(String store, String run, String... more) throws IOException {
    List<Object> words =
        new ArrayList<>(
            List.of(
                "evaluate",
                "--dictionary",
                run,
                "--store",
                store,
                "--model",
                MODEL,
                "--text",
                text,
                "--context",
                16,
                "--engine",
                "reference",
                "--json"));
    words.addAll(List.of(more));
    ok(words.toArray());
    return JSON.readTree(out).at("/lossRecovered/cleanLoss").asDouble();
  }

  @Test
  void aModelWithoutSuchATokenIsRefused() throws IOException {
    Path model = Files.createDirectory(folder.resolve("nameless"));
    try (Stream<Path> files = Files.list(MODEL)) {
      for (Path file : files.toList()) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    Path config = model.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("\"bos_token_id\": 0,", ""));
    assertThat(run("generate", "--model", model, "--prompt", "call me", "--bos")).isEqualTo(1);
    assertThat(err)
        .contains("nameless has no beginning-of-text token", "leave --bos out")
        .hasLineCount(1);
    assertThat(run("spectrum", "--store", folder, "--bos")).isEqualTo(2);
    assertThat(err).contains("--bos", "--text");
  }

  private void ok(Object... words) {
    assertThat(run(words)).as(err).isZero();
  }

  private int run(Object... words) {
    StringWriter output = new StringWriter();
    StringWriter errors = new StringWriter();
    String[] args = Stream.of(words).map(Object::toString).toArray(String[]::new);
    int status = Main.run(new PrintWriter(output), new PrintWriter(errors), args);
    out = output.toString();
    err = errors.toString();
    return status;
  }
}
