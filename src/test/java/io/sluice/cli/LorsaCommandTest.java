package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.lorsa.training.AttentionStore;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From a text to a trained Lorsa and what it is worth, command by command. */
@Tag("slow")
class LorsaCommandTest {
  private static final String MODEL = "src/test/resources/golden/model/causal/tiny-llama";

  @TempDir private Path folder;
  private String text;
  private String store;
  private String run;
  private String out;
  private String err;

  @BeforeEach
  void capture() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    text = folder.resolve("text.txt").toString();
    Files.writeString(Path.of(text), AttentionStore.text(1500, 3));
    store = folder.resolve("store").toString();
    run = folder.resolve("run").toString();
  }

  private int capture(String where, String... more) {
    String[] args = {
      "capture",
      "--model",
      MODEL,
      "--text",
      text,
      "--context",
      "16",
      "--hooks",
      "layers.1.attn_in,layers.1.attn_out",
      "--out",
      where
    };
    return sluice(with(args, more));
  }

  private int train(String... more) {
    String[] args = {
      "lorsa",
      "train",
      "--store",
      store,
      "--model",
      MODEL,
      "--layer",
      "1",
      "--out",
      run,
      "--heads",
      "96",
      "--k",
      "4",
      "--contexts",
      "4",
      "--steps",
      "20",
      "--log-every",
      "10"
    };
    return sluice(with(args, more));
  }

  @Test
  void fromTextToLossRecovered() throws IOException {
    assertThat(capture(store, "--special-tokens")).as(err).isZero();
    assertThat(train()).as(err).isZero();
    assertThat(out)
        .contains("FVU", "L0", "heads: no firing in the last", "d_init", "lorsa.safetensors");
    assertThat(
            sluice(
                "lorsa",
                "evaluate",
                "--lorsa",
                run,
                "--store",
                store,
                "--model",
                MODEL,
                "--text",
                text,
                "--context",
                "16",
                "--tokens",
                "200",
                "--json"))
        .as(err)
        .isZero();
    JsonNode found = new ObjectMapper().readTree(out);
    assertThat(found.path("fvu").asDouble()).isBetween(0.0, 1.0);
    assertThat(found.at("/lossRecovered/tokens").asInt()).isPositive();
    assertThat(Path.of(run, "evaluation.json")).exists();
    // What cannot be measured in the model is said before the store is read.
    String[] measure = {
      "lorsa", "evaluate", "--lorsa", run, "--store", store, "--model", MODEL, "--text", text
    };
    assertThat(sluice(with(measure, "--context", "65"))).isEqualTo(1);
    assertOneLine("a context of 65 tokens; tiny-llama takes at most 64");
    assertThat(sluice(with(measure, "--model", MODEL.replace("causal/tiny-llama", "tiny-bert"))))
        .isEqualTo(1);
    assertOneLine("tiny-bert is a bert encoder");
    assertThat(sluice("lorsa", "evaluate", "--lorsa", run, "--store", store)).as(err).isZero();
    assertThat(out).contains("FVU", "heads: no firing in the last");
    String report = folder.resolve("report.html").toString();
    assertThat(sluice("report", "--run", run, "--out", report)).as(err).isZero();
  }

  @Test
  void aLorsasHeadsAreFeatures() throws IOException {
    assertThat(capture(store, "--special-tokens")).as(err).isZero();
    assertThat(train()).as(err).isZero();
    String features = folder.resolve("features").toString();
    String[] gather = {"features", "--dictionary", run, "--store", store, "--out", features};
    assertThat(sluice(with(gather, "--model", MODEL))).as(err).isZero();
    assertThat(out).contains("96 features on ");
    assertThat(sluice("features", "--features", features, "--search", "whale", "--json"))
        .as(err)
        .isZero();
    JsonNode hits = new ObjectMapper().readTree(out);
    assertThat(hits).isNotEmpty();
    String feature = hits.get(0).get("feature").asText();
    assertThat(sluice("features", "--features", features, "--show", feature)).as(err).isZero();
    assertThat(out).contains("promotes: ", "heads: ", "attends with the queries and keys of group");
    assertThat(sluice("features", "--features", features, "--show", feature, "--json")).isZero();
    JsonNode shown = new ObjectMapper().readTree(out);
    assertThat(shown.get("heads")).hasSize(4);
    assertThat(shown.get("group").asInt()).isEqualTo(shown.get("feature").asInt() / 24);
    assertThat(
            sluice(
                "features", "--features", features, "--model", MODEL, "--text", "the whale ship"))
        .as(err)
        .isZero();
    assertThat(out).contains("whale");
    gather[gather.length - 1] = features + "2";
    assertThat(sluice(with(gather, "--model", MODEL.replace("llama", "gpt2")))).isEqualTo(1);
    assertThat(err)
        .contains("tiny-gpt2 writes other values of layers.1.attn_out than the store has");
  }

  @Test
  void saysInOneLineWhatIsWrong() throws IOException {
    assertThat(capture(store)).as(err).isZero();
    assertThat(train()).isEqualTo(1);
    assertOneLine("row 0 is at position 1", "--special-tokens");
    String good = folder.resolve("good").toString();
    assertThat(capture(good, "--special-tokens")).as(err).isZero();
    store = good;
    assertThat(train("--layer", "3")).isEqualTo(2);
    assertOneLine("--layer is 3, but tiny-llama has 3 layers");
    assertThat(train("--layer", "2")).isEqualTo(1);
    assertOneLine("no hook point 'layers.2.attn_in'");
    assertThat(train("--heads", "97")).isEqualTo(2);
    assertOneLine("97 heads are not whole groups of 4");
    assertThat(train("--k", "97")).isEqualTo(2);
    assertOneLine("k (97)");
    assertThat(train("--groups", "6")).isEqualTo(1);
    assertOneLine("6 groups", "4 heads");
    assertThat(Path.of(run)).doesNotExist();
    assertThat(train("--init", "best")).isEqualTo(2);
    assertOneLine("--init is random or asi");
    assertThat(train("--from-position", "16")).isEqualTo(1);
    assertOneLine("position 16");
    assertThat(sluice("lorsa", "train", "--out", run)).isEqualTo(2);
    assertOneLine("--store, --model and --layer");
    assertThat(sluice("lorsa")).isEqualTo(2);
    assertOneLine("train or evaluate");
    assertThat(sluice("lorsa", "evaluate", "--lorsa", folder.toString(), "--store", store))
        .isEqualTo(1);
    assertOneLine("a Lorsa is a folder");
    assertThat(Path.of(run, "run.json")).doesNotExist();
    assertThat(sluice("lorsa", "train", "--resume", "--out", run)).isEqualTo(1);
    assertOneLine("no run to resume");
    assertThat(train("--steps", "2")).as(err).isZero();
    assertThat(train("--steps", "2")).isEqualTo(1);
    assertOneLine("holds a run already");
    assertThat(sluice("train", "--resume", "--out", run)).isEqualTo(1);
    assertThat(err).contains("is the run of a Lorsa");
  }

  @Test
  void bothCommandsHaveHelpWithAnExample() {
    for (String command : new String[] {"train", "evaluate"}) {
      assertThat(sluice("lorsa", command, "--help")).isZero();
      assertThat(out).contains("Usage: sluice lorsa " + command, "Example:", "--seed");
    }
  }

  private void assertOneLine(String... parts) {
    assertThat(err.strip()).startsWith("sluice lorsa").contains(parts).doesNotContain("\n");
  }

  /** Arguments and more of them; an option that comes again takes the later value. */
  private static String[] with(String[] args, String... more) {
    List<String> all = new ArrayList<>(List.of(args));
    for (int i = 0; i < more.length; i += 2) {
      int known = all.indexOf(more[i]);
      if (known >= 0) {
        all.set(known + 1, more[i + 1]);
      } else {
        all.addAll(List.of(more).subList(i, Math.min(i + 2, more.length)));
      }
    }
    return all.toArray(new String[0]);
  }

  private int sluice(String... args) {
    StringWriter output = new StringWriter();
    StringWriter errors = new StringWriter();
    int status = Main.run(new PrintWriter(output), new PrintWriter(errors), args);
    out = output.toString();
    err = errors.toString();
    return status;
  }
}
