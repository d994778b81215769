package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.memory.DType;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Published dictionaries are measured as they are, and converted. */
class PublishedCommandsTest {
  private static final Path GOLDEN =
      Path.of("src/test/resources/golden/published").toAbsolutePath();

  @TempDir private Path folder;
  private String printed;
  private String err;

  private int run(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter errors = new StringWriter();
    String[] texts = List.of(arguments).stream().map(Object::toString).toArray(String[]::new);
    int status = Main.run(new PrintWriter(out, true), new PrintWriter(errors, true), texts);
    printed = out.toString();
    err = errors.toString();
    return status;
  }

  private static Path place(String golden) throws IOException {
    Path root = GOLDEN.resolve(golden);
    return root.resolve(Files.readString(root.resolve("place.txt")).strip());
  }

  /** A store of the inputs of a golden folder. */
  private Path store(String golden, String hook) throws IOException {
    Safetensors tensors = Safetensors.open(GOLDEN.resolve(golden).resolve("expected.safetensors"));
    int rows = (int) tensors.shape("x")[0];
    int width = (int) tensors.shape("x")[1];
    Path store = folder.resolve("store");
    try (Arena arena = Arena.ofShared();
        StoreWriter writer =
            StoreWriter.create(
                store,
                StoreSpec.of("tiny", "noise", List.of(new Column(hook, width, DType.F32))))) {
      MemorySegment x = arena.allocate(tensors.data("x").byteSize(), 64);
      x.copyFrom(tensors.data("x"));
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, x);
      writer.finish();
    }
    return store;
  }

  @Test
  void evaluateMeasuresThemAsTheyAre() throws IOException {
    for (String golden : List.of("llama_scope-R", "pytorch-openai-topk")) {
      String hook = golden.startsWith("llama") ? "layers.15.resid" : "layers.6.mlp_out";
      Path store = store(golden, hook);
      Path own = folder.resolve(golden);
      assertThat(run("convert", "--dictionary", place(golden), "--to", "sluice", "--out", own))
          .as(err)
          .isZero();
      assertThat(printed).contains(golden.replaceFirst("-.*", "") + " to sluice: 20 features");
      JsonNode[] measured = new JsonNode[2];
      for (int i = 0; i < 2; i++) {
        Path out = folder.resolve(golden + i + ".json");
        Path dictionary = i == 0 ? place(golden) : own;
        assertThat(run("evaluate", "--dictionary", dictionary, "--store", store, "--out", out))
            .as(err)
            .isZero();
        measured[i] = new ObjectMapper().readTree(out.toFile());
      }
      assertThat(measured[0].get("l0").doubleValue()).isPositive();
      assertThat(measured[0].get("fvu")).isEqualTo(measured[1].get("fvu"));
      assertThat(measured[0].get("l0")).isEqualTo(measured[1].get("l0"));
      try (var files = Files.walk(store)) {
        files.sorted(java.util.Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      }
    }
  }

  /** SAELens divides by a variance without the means of tokens; the error is the same. */
  @Test
  void evaluateSaysThatACentredDictionaryIsMeasuredWithTheMeansOfTokens() throws IOException {
    String golden = "../dictionaries/saelens-centred-norm";
    Path out = folder.resolve("centred.json");
    Path store = store(golden, "layers.0.resid");
    assertThat(
            run("evaluate", "--dictionary", GOLDEN.resolve(golden), "--store", store, "--out", out))
        .as(err)
        .isZero();
    assertThat(err).contains("reads centred tokens").contains("its FVU is higher");
    Safetensors tensors = Safetensors.open(GOLDEN.resolve(golden).resolve("expected.safetensors"));
    float[] x = tensors.data("x").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    float[] made = tensors.data("reconstruction").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    int width = (int) tensors.shape("x")[1];
    double[] mean = new double[width];
    for (int i = 0; i < x.length; i++) {
      mean[i % width] += (double) x[i] * width / x.length;
    }
    double error = 0;
    double variance = 0;
    for (int i = 0; i < x.length; i++) {
      error += Math.pow(x[i] - made[i], 2);
      variance += Math.pow(x[i] - mean[i % width], 2);
    }
    double fvu = new ObjectMapper().readTree(out.toFile()).get("fvu").doubleValue();
    assertThat(fvu).isCloseTo(error / variance, within(1e-5 * fvu));
  }

  @Test
  void saysWhatIsMissing() throws IOException {
    Path store = store("gemma_scope-res", "layers.12.resid");
    Path nameless = Files.createDirectory(folder.resolve("nameless"));
    Files.copy(place("gemma_scope-res").resolve("params.npz"), nameless.resolve("params.npz"));
    assertThat(run("evaluate", "--dictionary", nameless, "--store", store)).isEqualTo(1);
    assertThat(err).contains("does not say which hook point it is of").hasLineCount(1);
    Path embedding = Files.createDirectories(folder.resolve("gemma-scope-2b-pt-res/embedding"));
    Files.copy(nameless.resolve("params.npz"), embedding.resolve("params.npz"));
    assertThat(run("evaluate", "--dictionary", embedding, "--store", store)).isEqualTo(1);
    assertThat(err).contains("is of 'hook_embed', which is no hook point here").hasLineCount(1);
    assertThat(run("evaluate", "--dictionary", place("pytorch-openai-topk"), "--store", store))
        .isEqualTo(2);
    assertThat(err).contains("--out FILE is needed");
    Path out = folder.resolve("out");
    assertThat(run("convert", "--dictionary", nameless, "--to", "gemma_scope", "--out", out))
        .isEqualTo(2);
    assertThat(err)
        .contains("--to takes sluice, saelens, sparsify, llamascopium, dictionary_learning");
    Path set = place("circuit_tracer-relu").getParent();
    assertThat(run("convert", "--dictionary", set, "--to", "sluice", "--out", out)).isEqualTo(1);
    assertThat(err).contains("name the file of one: " + set + "/layer_0.safetensors");
    assertThat(out).doesNotExist();
    assertThat(
            run(
                "convert",
                "--dictionary",
                nameless,
                "--to",
                "saelens",
                "--hook",
                "layers.2.resid",
                "--out",
                out))
        .as(err)
        .isZero();
    assertThat(Files.readString(out.resolve("cfg.json"))).contains("blocks.2.hook_resid_post");
  }
}
