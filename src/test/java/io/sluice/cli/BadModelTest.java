package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What commands say of language models that are not what they should be: one line that names the
 * file and says what to do, status 1, and nothing is written.
 */
class BadModelTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/model").toAbsolutePath();

  @TempDir private Path temp;
  private Path model;
  private Path text;
  private String err;

  @BeforeEach
  void copyModel() throws IOException {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch");
    model = Files.createDirectory(temp.resolve("model"));
    try (Stream<Path> files = Files.list(GOLDEN.resolve("causal/tiny-llama"))) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    text = Files.writeString(temp.resolve("text.txt"), "call me for a whale ".repeat(20));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model-00002-of-00004.safetensors | refers to shard 'model-00002-of-00004.safetensors'",
        "config.json | has no config.json beside it",
        "tokenizer.json | has no tokenizer beside it",
        "model.safetensors.index.json | has 4 of 4 shards, and lacks model.safetensors.index.json",
      })
  void missingFilesAreNamed(String file, String message) throws IOException {
    Files.delete(model.resolve(file));
    everyCommandRefuses(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"llama\" | \"mamba\" | architecture 'mamba' is not supported; there are bert, roberta",
        "\"intermediate_size\": 28 | \"intermediate_size\": 7"
            + " | 'model.layers.0.mlp.gate_proj.weight' has shape [28, 24], but the configuration makes it [7, 24]",
        "\"vocab_size\": 48 | \"vocab_size\": 1000000000"
            + " | 'model.embed_tokens.weight' has shape [48, 24], but the configuration makes it [1000000000, 24]",
        "\"num_hidden_layers\": 3 | \"num_hidden_layers\": -1 | number of layers is -1",
        "\"hidden_size\": 24 | \"hidden_size\": \"many\" | hidden_size is \"many\"",
        "{ | [ | config.json: is not valid JSON",
      })
  void configurationsThatDoNotFitAreNamed(String what, String instead, String message)
      throws IOException {
    Path config = model.resolve("config.json");
    String good = Files.readString(config);
    assertThat(good).contains(what);
    Files.writeString(config, good.replace(what, instead));
    everyCommandRefuses(message);
  }

  @Test
  void tokenizersThatDoNotFitAreNamed() throws IOException {
    Path tokenizer = model.resolve("tokenizer.json");
    String good = Files.readString(tokenizer);
    Files.writeString(tokenizer, good.substring(0, good.length() / 2));
    everyCommandRefuses("tokenizer.json: is not a HuggingFace tokenizer (it is not valid JSON");
    Files.writeString(tokenizer, "{}");
    everyCommandRefuses("it is not a JSON object with a 'model'");
  }

  @Test
  void truncatedWeightsAreNamed() throws IOException {
    Path weights = model.resolve("model-00003-of-00004.safetensors");
    byte[] good = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(good, good.length - 1));
    everyCommandRefuses("model-00003-of-00004.safetensors: ");
    Files.write(weights, new byte[0]);
    everyCommandRefuses("model-00003-of-00004.safetensors: ");
  }

  @Test
  void anEncoderPredictsNothing() throws IOException {
    model = GOLDEN.resolve("tiny-bert");
    refused(1, "tiny-bert is a bert encoder", "generate", "--model", model, "--prompt", "a");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--top-p | 7 | top-p must be above 0 and at most 1: 7.0",
        "--top-p | NaN | invalid value for option '--top-p': 'NaN' is not a finite number",
        "--top-p | 0 | top-p must be above 0",
        "--top-k | -1 | top-k must not be negative: -1",
        "--temperature | -1 | temperature must not be negative: -1.0",
        "--tokens | 0 | tokens must be at least 1, not 0",
      })
  void numbersOfGenerationAreChecked(String option, String value, String message)
      throws IOException {
    refused(2, message, "generate", "--model", model, "--prompt", "a", option, value);
  }

  private void everyCommandRefuses(String message) throws IOException {
    Path out = temp.resolve("out");
    refused(1, message, "generate", "--model", model, "--prompt", "call");
    refused(1, message, "capture", "--model", model, "--text", text, "--out", out);
    refused(1, message, "spectrum", "--model", model, "--text", text, "--out", out);
  }

  private void refused(int status, String message, Object... arguments) throws IOException {
    StringWriter errors = new StringWriter();
    int ended =
        Main.run(
            new PrintWriter(new StringWriter()),
            new PrintWriter(errors),
            Stream.of(arguments).map(Object::toString).toArray(String[]::new));
    err = errors.toString();
    assertThat(ended).as(err).isEqualTo(status);
    assertThat(err.strip().lines()).as(err).hasSize(1);
    assertThat(err).contains(message).doesNotContain("internal error");
    try (Stream<Path> files = Files.list(temp)) {
      assertThat(files).containsExactlyInAnyOrder(temp.resolve("model"), text);
    }
  }
}
