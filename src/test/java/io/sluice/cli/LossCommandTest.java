package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A study of a causal language model, command by command. */
@Tag("slow")
class LossCommandTest {
  private static final String MODEL = "src/test/resources/golden/model/causal/tiny-llama";
  private static final String TEXT =
      "call me ishmael . the white whale of the sea , and i was on the ship that he sail . ";

  @TempDir private Path folder;
  private Path text;
  private String out;
  private String err;

  @BeforeEach
  void writeText() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    text = Files.writeString(folder.resolve("text.txt"), TEXT.repeat(30));
  }

  @Test
  void fromTextToReport() throws IOException {
    String store = folder.resolve("store").toString();
    String stats = folder.resolve("stats.safetensors").toString();
    String spectrum = folder.resolve("spectrum.json").toString();
    String loss = folder.resolve("loss.json").toString();
    String run = folder.resolve("run").toString();
    ok(
        "capture",
        "--text",
        text.toString(),
        "--context",
        "16",
        "--stride",
        "8",
        "--hooks",
        "layers.*.*",
        "--out",
        store);
    assertThat(
            run(
                "spectrum",
                "--store",
                store,
                "--stats",
                stats,
                "--model",
                MODEL,
                "--out",
                spectrum))
        .as(err)
        .isZero();
    assertThat(out).contains("Output projections W_O");
    JsonNode spectra = new ObjectMapper().readTree(Files.readString(Path.of(spectrum)));
    assertThat(spectra.at("/outputProjections/2/headOverlap").size()).isEqualTo(4);
    assertThat(spectra.at("/hooks").size()).isEqualTo(12);

    ok(
        "loss",
        "--text",
        text.toString(),
        "--tokens",
        "100",
        "--context",
        "16",
        "--store-stats",
        stats,
        "--hook",
        "layers.1.attn_out,layers.1.mlp_out",
        "--out",
        loss);
    assertThat(out)
        .contains("tiny-llama over text.txt: 100 tokens predicted, loss ")
        .contains(
            "layers.1.attn_out: loss ", "layers.1.mlp_out: loss ", "of the directions recover");
    JsonNode curve = new ObjectMapper().readTree(Files.readString(Path.of(loss)));
    assertThat(curve.path("format").asText()).isEqualTo("sluice.loss/1");
    assertThat(curve.at("/hooks/0/points/0/k").asInt()).isEqualTo(1);
    assertThat(curve.at("/hooks/0/points").findValues("k").getLast().asInt()).isEqualTo(24);
    assertThat(curve.at("/hooks/0/points").findValues("recovered").getLast().asDouble())
        .isCloseTo(1, within(1e-3));

    assertThat(
            run(
                "train",
                "--store",
                store,
                "--hook",
                "layers.1.attn_out",
                "--out",
                run,
                "--features",
                "96",
                "--k",
                "6",
                "--steps",
                "40",
                "--batch",
                "64"))
        .as(err)
        .isZero();
    assertThat(
            run(
                "evaluate",
                "--dictionary",
                run,
                "--store",
                store,
                "--model",
                MODEL,
                "--text",
                text.toString(),
                "--tokens",
                "100",
                "--context",
                "16",
                "--engine",
                "reference"))
        .as(err)
        .isZero();
    assertThat(out).contains("% recovered over 100 tokens");
    JsonNode evaluation =
        new ObjectMapper().readTree(Files.readString(Path.of(run, "evaluation.json")));
    assertThat(evaluation.at("/lossRecovered/cleanLoss").asDouble())
        .isCloseTo(curve.path("cleanLoss").asDouble(), within(1e-9));
    assertThat(evaluation.at("/lossRecovered/recovered").asDouble()).isBetween(-5.0, 1.5);

    Path page = folder.resolve("report.html");
    assertThat(
            run(
                "report",
                "--spectrum",
                spectrum,
                "--loss",
                loss,
                "--run",
                run,
                "--out",
                page.toString()))
        .as(err)
        .isZero();
    assertThat(Files.readString(page))
        .contains("of the model’s loss comes back with")
        .contains("\"lossRecovered\":{");
  }

  @Test
  void spectraOfCausalModelsLeaveOutTheFirstPosition() throws IOException {
    String store = folder.resolve("store").toString();
    // GPT-2 has no special token before its text, so position 0 is in the store.
    assertThat(
            run(
                "capture",
                "--model",
                MODEL.replace("llama", "gpt2"),
                "--text",
                text.toString(),
                "--tokens",
                "160",
                "--context",
                "16",
                "--out",
                store))
        .as(err)
        .isZero();
    run("spectrum", "--store", store, "--json");
    assertThat(new ObjectMapper().readTree(out).path("tokens").asInt()).isEqualTo(150);
    run("spectrum", "--store", store, "--json", "--from-position", "0");
    assertThat(new ObjectMapper().readTree(out).path("tokens").asInt()).isEqualTo(160);
  }

  @Test
  void spectraOfARunningModelReadTextsAsCaptureDoes() throws IOException {
    String line = "{\"body\": \"" + "the white whale sails the sea . ".repeat(5) + "\"}\n";
    Path lines = Files.writeString(folder.resolve("texts.jsonl"), line + "not JSON\n" + line);
    String[] arguments = {"spectrum", "--model", MODEL, "--text", lines.toString(), "--json"};
    assertThat(run(and(arguments, "--text-field", "body"))).as(err).isZero();
    assertThat(err).contains("1 document that cannot be read", lines + ":2");
    JsonNode spectra = new ObjectMapper().readTree(out);
    assertThat(spectra.path("tokens").asInt()).isPositive();
    List<String> kinds = new ArrayList<>();
    spectra.path("hooks").forEach(hook -> kinds.add(hook.path("kind").asText()));
    assertThat(kinds).containsOnly("z", "attn_out", "mlp_out", "resid");
    assertThat(run(and(arguments, "--text-field", "body", "--strict"))).isEqualTo(1);
    assertThat(err).contains(lines + ":2").hasLineCount(1);
    assertThat(run(and(arguments, "--text-field", ""))).isEqualTo(2);
  }

  private static String[] and(String[] arguments, String... more) {
    return Stream.concat(Stream.of(arguments), Stream.of(more)).toArray(String[]::new);
  }

  @ParameterizedTest
  @CsvSource({"tiny-llama", "tiny-gpt2", "../tiny-bert"})
  void spectraOfARunningModelAreThoseOfItsStore(String name) throws IOException {
    String model = MODEL.replace("tiny-llama", name);
    Files.writeString(text, "the white whale sails the sea . ".repeat(20));
    String store = folder.resolve("store").toString();
    assertThat(
            run(
                "capture",
                "--model",
                model,
                "--text",
                text.toString(),
                "--tokens",
                "100",
                "--context",
                "16",
                "--hooks",
                "layers.*.*",
                "--out",
                store))
        .as(err)
        .isZero();
    assertThat(run("spectrum", "--store", store, "--model", model, "--json")).as(err).isZero();
    JsonNode stored = new ObjectMapper().readTree(out);
    assertThat(
            run(
                "spectrum",
                "--model",
                model,
                "--text",
                text.toString(),
                "--tokens",
                "100",
                "--context",
                "16",
                "--json"))
        .as(err)
        .isZero();
    JsonNode running = new ObjectMapper().readTree(out);
    assertThat(running.path("tokens")).isEqualTo(stored.path("tokens"));
    assertThat(running.path("hooks").size()).isEqualTo(stored.path("hooks").size());
    assertThat(running.path("outputProjections")).isEqualTo(stored.path("outputProjections"));
    for (int i = 0; i < stored.path("hooks").size(); i++) {
      JsonNode expected = stored.at("/hooks/" + i);
      JsonNode actual = running.at("/hooks/" + i);
      assertThat(actual.path("hook")).isEqualTo(expected.path("hook"));
      double variance = expected.path("totalVariance").asDouble();
      assertThat(actual.path("totalVariance").asDouble())
          .isCloseTo(variance, within(1e-4 * variance));
      assertThat(actual.path("effectiveRank").asDouble())
          .isCloseTo(expected.path("effectiveRank").asDouble(), within(0.05));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --ks 0                | 2 | --ks is '0'
          --ks 3,x              | 2 | --ks is '3,x'
          --stride 0            | 2 | --stride is 0
          --compute float16     | 2 | --compute is 'float16'
          --device gpu          | 2 | --device is 'gpu'
          --from-position -1    | 2 | --from-position must not be negative
          --ks 25               | 1 | k must be from 1 to the width 24, not 25
          --context 65          | 1 | takes at most 64
          --stride 20 --context 16 | 1 | a stride of 20 tokens would leave text out
          --hook layers.2.z     | 1 | no hook point 'layers.2.z'; there are layers.1.attn_out
          --store-stats none    | 1 | none: no such file
          --text none.txt       | 1 | none.txt: no such file
          --model src/test/resources/golden/model/tiny-bert | 1 | tiny-bert is a bert encoder, which predicts no next tokens
          --out no/folder/x     | 1 | its folder does not exist
          """)
  void saysInOneLineWhatIsWrong(String options, int status, String message) throws IOException {
    String store = folder.resolve("store").toString();
    Path stats = folder.resolve("stats.safetensors");
    ok(
        "capture",
        "--text",
        text.toString(),
        "--tokens",
        "50",
        "--context",
        "16",
        "--hooks",
        "layers.1.attn_out",
        "--out",
        store);
    assertThat(run("spectrum", "--store", store, "--stats", stats.toString())).as(err).isZero();
    List<String> args =
        new ArrayList<>(
            List.of(
                "loss",
                "--model",
                MODEL,
                "--text",
                text.toString(),
                "--tokens",
                "50",
                "--context",
                "16",
                "--store-stats",
                stats.toString(),
                "--hook",
                "layers.1.attn_out"));
    for (String option : options.strip().split(" ")) {
      int known = args.indexOf(option);
      if (known > 0) {
        // The option is replaced, not given twice.
        args.remove(known);
        args.remove(known);
      }
      args.add(option);
    }
    Path json = folder.resolve("loss.json");
    if (!args.contains("--out")) {
      args.addAll(List.of("--out", json.toString()));
    }
    assertThat(run(args.toArray(String[]::new))).as(err).isEqualTo(status);
    assertThat(err.lines().filter(line -> !line.contains("%"))).hasSize(1);
    assertThat(err).contains(message);
    assertThat(json).doesNotExist();
  }

  @Test
  void linesThatCannotBeReadAreCountedAndTold() throws IOException {
    Path lines = folder.resolve("text.jsonl");
    String good = "{\"text\": \"" + TEXT + "\"}\n";
    Files.writeString(lines, good.repeat(3) + "{\"text\": \n" + good.repeat(3));
    assertThat(run("spectrum", "--model", MODEL, "--text", lines.toString(), "--context", "16"))
        .as(err)
        .isZero();
    assertThat(err).contains("texts: ").contains("text.jsonl");
  }

  @Test
  void spectrumWantsAStoreOrATextToRun() {
    assertThat(run("spectrum")).isEqualTo(2);
    assertThat(err).contains("give --store, or --model and --text").hasLineCount(1);
    assertThat(run("spectrum", "--store", "s", "--text", "t")).isEqualTo(2);
    assertThat(run("spectrum", "--text", "t")).isEqualTo(2);
    assertThat(err).contains("--text needs a --model").hasLineCount(1);
    assertThat(run("spectrum", "--model", MODEL, "--text", "t", "--tokens", "0")).isEqualTo(2);
  }

  @Test
  void evaluateReplacesEverythingThatADictionaryWrites() throws IOException {
    String store = folder.resolve("store").toString();
    ok(
        "capture",
        "--text",
        text.toString(),
        "--context",
        "16",
        "--hooks",
        "layers.0.resid,layers.1.mlp_out,layers.1.resid,layers.2.mlp_out",
        "--out",
        store);
    String[] crosscoder = {"--hook", "layers.1.mlp_out,layers.2.mlp_out"};
    String[] crossLayer = {
      "--hook", "layers.0.resid,layers.1.resid", "--target", "layers.1.mlp_out,layers.2.mlp_out"
    };
    for (String[] kind : List.of(crosscoder, crossLayer)) {
      String run = folder.resolve("run-" + kind.length).toString();
      List<String> train = new ArrayList<>(List.of("train", "--store", store, "--out", run));
      train.addAll(List.of(kind));
      train.addAll(
          List.of("--features", "96", "--k", "6", "--steps", "40", "--batch", "64", "--seed", "1"));
      assertThat(run(train.toArray(String[]::new))).as(err).isZero();
      String[] evaluate = {
        "--dictionary", run, "--store", store, "--text", text.toString(), "--tokens", "100"
      };
      ok("evaluate", evaluate);
      assertThat(out)
          .contains("% recovered over 100 tokens")
          .contains("with the reconstructions")
          .contains("with the means")
          .contains("of layers.2.mlp_out");
      JsonNode loss =
          new ObjectMapper()
              .readTree(Path.of(run, "evaluation.json").toFile())
              .path("lossRecovered");
      assertThat(loss.path("loss").asDouble()).isLessThan(loss.path("ablatedLoss").asDouble());
    }
  }

  @Test
  void evaluateWantsModelAndTextTogether() {
    assertThat(run("evaluate", "--dictionary", "d", "--store", "s", "--model", MODEL)).isEqualTo(2);
    assertThat(err).contains("--model and --text go together").hasLineCount(1);
  }

  private void ok(String command, String... options) {
    List<String> args = new ArrayList<>(List.of(command, "--model", MODEL));
    args.addAll(Arrays.asList(options));
    assertThat(run(args.toArray(String[]::new))).as(err).isZero();
  }

  private int run(String... args) {
    StringWriter output = new StringWriter();
    StringWriter errors = new StringWriter();
    int status = Main.run(new PrintWriter(output), new PrintWriter(errors), args);
    out = output.toString();
    err = errors.toString();
    return status;
  }
}
