package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.geometry.StatisticsFile;
import io.sluice.memory.DType;
import io.sluice.report.Spectra;
import io.sluice.store.ArrowFiles;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpectrumCommandTest {
  private static final int ROWS = 2000;
  private static final int WIDTH = 24;

  @TempDir Path folder;
  private Path store;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  /** In layer 0 attention writes in 6 of 24 directions; everything else fills them all. */
  @BeforeEach
  void writeStore() throws IOException {
    store = folder.resolve("store");
    List<String> names =
        List.of("layers.0.attn_out", "layers.0.mlp_out", "layers.1.attn_out", "layers.1.mlp_out");
    StoreSpec spec =
        StoreSpec.of(
            "a model", "a text", names.stream().map(n -> new Column(n, WIDTH, DType.F32)).toList());
    Random random = new Random(7);
    MemorySegment[] columns = new MemorySegment[names.size()];
    for (int column = 0; column < columns.length; column++) {
      float[] values = new float[ROWS * WIDTH];
      for (int i = 0; i < values.length; i++) {
        boolean written = column > 0 || i % WIDTH < 6;
        values[i] = written ? (float) random.nextGaussian() : 0;
      }
      columns[column] = MemorySegment.ofArray(values);
    }
    try (StoreWriter writer = StoreWriter.create(store, spec)) {
      int[] positions = IntStream.range(0, ROWS).map(i -> i % 100).toArray();
      writer.append(new int[ROWS], positions, new int[ROWS], DType.F32, columns);
      writer.finish();
    }
  }

  @Test
  void printsATableWithARowPerLayer() {
    assertThat(run()).isZero();
    assertThat(out.toString())
        .contains("a model over a text: 2,000 tokens")
        .contains("hold 99 % of the variance")
        .containsPattern("layer +attn_out +mlp_out")
        .containsPattern("\n +0 +6 +25 % +24 +100 %\n")
        .containsPattern("\n +1 +24 +100 % +24 +100 %\n")
        .contains("Effective rank")
        .contains("Participation ratio");
    assertThat(err.toString()).contains("spectrum: 8,000 rows");
  }

  @Test
  void writesWhatTheReportReads() throws IOException {
    Path file = folder.resolve("spectrum.json");
    Path stats = folder.resolve("stats.safetensors");
    assertThat(run("--json", "--tau", "0.9", "--out", file, "--stats", stats)).isZero();
    assertThat(out.toString()).isEqualTo(Files.readString(file));
    JsonNode json = new ObjectMapper().readTree(file.toFile());
    assertThat(json.fieldNames().next()).isEqualTo("format");
    assertThat(json.get("hooks")).hasSize(4);
    Spectra spectra = Spectra.read(file);
    assertThat(spectra.model()).isEqualTo("a model");
    assertThat(spectra.tokens()).isEqualTo(ROWS);
    assertThat(spectra.layers()).isEqualTo(2);
    assertThat(spectra.dModel()).isEqualTo(WIDTH);
    Spectra.Hook first = spectra.hooks().getFirst();
    assertThat(first.kind()).isEqualTo("attn_out");
    assertThat(first.intrinsicDimension()).isEqualTo(6);
    assertThat(first.eigenvalues()).hasSize(WIDTH);
    StatisticsFile statistics = StatisticsFile.read(stats);
    assertThat(statistics.covariances()).hasSize(4);
    assertThat(statistics.covariance("layers.1.mlp_out").count()).isEqualTo(ROWS);
  }

  @Test
  void takesTheHooksAndPositionsAskedFor() throws IOException {
    Path file = folder.resolve("spectrum.json");
    assertThat(run("--hooks", "layers.*.mlp_out", "--from-position", "1", "--out", file)).isZero();
    Spectra spectra = Spectra.read(file);
    assertThat(spectra.hooks())
        .extracting(Spectra.Hook::hook)
        .containsExactly("layers.0.mlp_out", "layers.1.mlp_out");
    assertThat(spectra.tokens()).isEqualTo(1980);
  }

  @Tag("slow")
  @Test
  void predictsDeadFeaturesOfEachStart() throws IOException {
    Path file = folder.resolve("spectrum.json");
    assertThat(
            run(
                "--hooks",
                "layers.0.attn_out",
                "--features",
                "64,512",
                "--k",
                "4",
                "--dead-window",
                "200",
                "--out",
                file))
        .isZero();
    assertThat(out.toString())
        .contains("γ = ‖μ‖ / ‖σ‖")
        .containsPattern("\nlayers\\.0\\.attn_out +512 +200( +[\\d.]+ %){4}\n")
        .contains("Remedy");
    Spectra.Hook hook = Spectra.read(file).hooks().getFirst();
    assertThat(hook.outlierSeverity()).isBetween(0.0, 0.1);
    assertThat(hook.expectedDead()).hasSize(8);
    // 6 of 24 directions vary: random rows differ in variance, rows of the active subspace do not.
    double random = hook.expectedDead().get(5).share();
    double active = hook.expectedDead().get(7).share();
    assertThat(hook.expectedDead().get(5))
        .extracting(Spectra.ExpectedDead::init, Spectra.ExpectedDead::centred)
        .containsExactly("random", true);
    assertThat(random).isGreaterThan(active + 0.1);
    assertThat(run("--features", "64", "--k", "65")).isEqualTo(2);
    assertOneLine("--k", "64", "65");
  }

  @Test
  void saysInOneLineWhatIsWrong() throws IOException {
    assertThat(run("--hooks", "layers.7.attn_out")).isEqualTo(1);
    assertOneLine("layers.7.attn_out", "there are");
    assertThat(run("--tau", "1.5")).isEqualTo(2);
    assertOneLine("--tau", "1.5");
    assertThat(run("--device", "tpu")).isEqualTo(2);
    assertOneLine("--device", "tpu");
    assertThat(run("--out", folder.resolve("no/such/file.json"))).isEqualTo(1);
    assertOneLine("--out", "does not exist");
    assertThat(run("--model", folder.resolve("nothing"))).isEqualTo(1);
    assertThat(err.toString()).contains("nothing");
    assertThat(run("--from-position", "100")).isEqualTo(1);
    assertThat(err.toString()).contains("position of 100");
    Path folders = Files.createDirectories(folder.resolve("plain"));
    store = folders;
    Path file = folders.resolve("a.arrow");
    ArrowFiles.write(file, List.of("h"), 3, List.of(), Map.of(), 0, 40);
    assertThat(run("--from-position", "1")).isEqualTo(1);
    assertOneLine("plain", "no column 'position'", "begin at position 0");
    ArrowFiles.write(file, List.of("h"), 3, List.of(), Map.of(), 0);
    assertThat(run()).isEqualTo(1);
    assertOneLine("plain", "its files have no rows; write some");
    store = folder.resolve("missing");
    assertThat(run()).isEqualTo(1);
    assertOneLine("missing");
  }

  private void assertOneLine(String... parts) {
    assertThat(err.toString().strip().lines()).hasSize(1);
    assertThat(err.toString()).contains(parts);
  }

  private int run(Object... options) {
    String[] arguments = new String[options.length + 3];
    arguments[0] = "spectrum";
    arguments[1] = "--store";
    arguments[2] = store.toString();
    for (int i = 0; i < options.length; i++) {
      arguments[3 + i] = options[i].toString();
    }
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }
}
