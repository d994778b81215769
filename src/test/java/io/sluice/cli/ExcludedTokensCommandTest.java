package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.store.ActivationStore;
import io.sluice.store.Shard;
import io.sluice.store.files.ManifestFile;
import io.sluice.testing.Python;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens that are left out by their ids or norms, from the capture to the evaluation. */
@Tag("slow")
@Tag("python")
class ExcludedTokensCommandTest {
  private static final String MODEL = "src/test/resources/golden/model/causal/tiny-llama";
  private static final String TEXT =
      "call me ishmael . the white whale of the sea , and i was on the ship that he sail . ";
  private static final String FACTOR = "1.1";
  private static final List<String> HOOKS = List.of("layers.0.resid", "layers.1.attn_out");

  @TempDir private Path folder;
  private Path text;
  private String out;
  private String err;

  @BeforeEach
  void writeText() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    Python.require();
    text = Files.writeString(folder.resolve("text.txt"), TEXT.repeat(100));
  }

  @Test
  void aStoreKeepsTheRuleAndEveryCommandAppliesIt() throws IOException {
    Path store = folder.resolve("store");
    ok(words("capture", "--out", store, "--hooks", String.join(",", HOOKS), "--exclude-ids", "5"));
    String frequent = frequentId(store);
    ok(
        words(
            "capture",
            "--out",
            store,
            "--overwrite",
            "--hooks",
            String.join(",", HOOKS),
            "--exclude-ids",
            frequent + ",5",
            "--max-norm-multiple",
            FACTOR));
    JsonNode expected = new ObjectMapper().readTree(Python.run("excluded_tokens.py", store));
    long all = new ObjectMapper().readTree(ManifestFile.of(store).toFile()).path("rows").asLong();

    ok("spectrum", "--store", store.toString(), "--json");
    JsonNode ofStore = new ObjectMapper().readTree(out);
    ok(
        words(
            "spectrum",
            "--hooks",
            String.join(",", HOOKS),
            "--exclude-ids",
            frequent + ",5",
            "--max-norm-multiple",
            FACTOR,
            "--json"));
    JsonNode ofText = new ObjectMapper().readTree(out);
    for (int i = 0; i < HOOKS.size(); i++) {
      String hook = HOOKS.get(i);
      long tokens = expected.at("/" + hook + "/tokens").asLong();
      assertThat(tokens).isPositive().isLessThan(all * 9 / 10);
      assertThat(find(ofStore, hook).path("tokens").asLong()).isEqualTo(tokens);
      assertThat(find(ofText, hook).path("tokens").asLong()).isEqualTo(tokens);
      double variance = find(ofStore, hook).path("totalVariance").asDouble();
      assertThat(find(ofText, hook).path("totalVariance").asDouble())
          .isCloseTo(variance, within(1e-5 * variance));
    }

    Path run = folder.resolve("run");
    String hook = HOOKS.get(0);
    ok(training("train", store, hook, run).toArray());
    ok(
        "evaluate",
        "--dictionary",
        run.toString(),
        "--store",
        store.toString(),
        "--rows",
        "all",
        "--json");
    assertThat(new ObjectMapper().readTree(out).findValue("tokens").asLong())
        .isEqualTo(expected.at("/" + hook + "/tokens").asLong());
    String kept = expected.at("/" + hook + "/tokens").asText();
    ok(
        "compare",
        "--dictionary",
        run.toString(),
        "--dictionary",
        run.toString(),
        "--store",
        store.toString(),
        "--json");
    assertThat(new ObjectMapper().readTree(out).findValue("tokens").asText()).isEqualTo(kept);
    ok(
        "convert",
        "--dictionary",
        run.toString(),
        "--activation",
        "jumprelu",
        "--store",
        store.toString(),
        "--to",
        "sluice",
        "--out",
        folder.resolve("thresholds").toString());
    // The run holds out none of so few tokens.
    assertThat(out.replace(",", "")).contains("(" + kept + " tokens)");
    // Of a transcoder, a token counts where it is left out at neither hook point.
    Path transcoder = folder.resolve("transcoder");
    List<Object> both = training("train", store, hook, transcoder);
    both.addAll(List.of("--target", HOOKS.get(1)));
    ok(both.toArray());
    ok(
        "evaluate",
        "--dictionary",
        transcoder.toString(),
        "--store",
        store.toString(),
        "--rows",
        "all",
        "--json");
    assertThat(new ObjectMapper().readTree(out).findValue("tokens").asLong())
        .isEqualTo(expected.path("all").asLong());
    ok(
        "sweep",
        "--store",
        store.toString(),
        "--hook",
        hook,
        "--out",
        folder.resolve("sweep").toString(),
        "--vary",
        "features=48",
        "--vary",
        "k=4",
        "--steps",
        "20",
        "--batch",
        "64");
  }

  @Test
  void aRuleThatDoesNotFitIsRefused() throws IOException {
    Path store = folder.resolve("store");
    assertThat(run(words("capture", "--out", store, "--exclude-ids", "-1"))).isEqualTo(2);
    assertThat(err).contains("--exclude-ids has a negative id");
    assertThat(run(words("capture", "--out", store, "--exclude-ids", "999999"))).isEqualTo(1);
    assertThat(err).contains("--exclude-ids has 999999, but tiny-llama has ");
    assertThat(run(words("capture", "--out", store, "--max-norm-multiple", "1"))).isEqualTo(2);
    assertThat(err).contains("--max-norm-multiple is 1.0; give a number above 1");
    ok(words("capture", "--out", store, "--exclude-ids", "5"));
    assertThat(run("spectrum", "--store", store.toString(), "--exclude-ids", "5")).isEqualTo(2);
    assertThat(err).contains("a store has its own rule");
    assertThat(run(words("capture", "--out", store, "--resume"))).isEqualTo(1);
    assertThat(err).contains("was captured with tokens left out: {excludedTokenIds=5}, not none");
  }

  private static JsonNode find(JsonNode spectra, String hook) {
    for (JsonNode each : spectra.path("hooks")) {
      if (each.path("hook").asText().equals(hook)) {
        return each;
      }
    }
    throw new AssertionError("no " + hook);
  }

  private String frequentId(Path store) throws IOException {
    int[] counts = new int[1 << 16];
    for (Shard shard : ActivationStore.open(store).shards()) {
      for (int id : shard.data("token_id").toArray(ValueLayout.JAVA_INT_UNALIGNED)) {
        counts[id]++;
      }
    }
    int best = 0;
    for (int id = 0; id < counts.length; id++) {
      best = counts[id] > counts[best] ? id : best;
    }
    return Integer.toString(best);
  }

  private static List<Object> training(String command, Path store, String hook, Path out) {
    return new ArrayList<>(
        List.of(
            command,
            "--store",
            store,
            "--hook",
            hook,
            "--out",
            out,
            "--features",
            "48",
            "--k",
            "4",
            "--steps",
            "20",
            "--batch",
            "64"));
  }

  private Object[] words(String command, Object... more) {
    List<Object> words =
        new ArrayList<>(List.of(command, "--model", MODEL, "--text", text, "--context", "16"));
    words.addAll(List.of(more));
    return words.toArray();
  }

  private void ok(Object... words) {
    assertThat(run(words)).as(err).isZero();
  }

  private int run(Object... words) {
    StringWriter stdout = new StringWriter();
    StringWriter stderr = new StringWriter();
    String[] texts = new String[words.length];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = words[i].toString();
    }
    int status = Main.run(new PrintWriter(stdout), new PrintWriter(stderr), texts);
    out = stdout.toString();
    err = stderr.toString();
    return status;
  }
}
