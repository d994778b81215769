package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.SparseEncoder;
import io.sluice.dictionary.WeightRows;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import io.sluice.testing.ChildJvm;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * No command holds the weights of a large dictionary twice. Each runs in a JVM of its own, on a
 * dictionary of 65,536 features and on one of 4,096. What the first takes more at its peak, mapped
 * files included, is for the other 61,440. It is compared with the bytes of their encoder and
 * decoder rows.
 */
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class SingleCopyTest {
  private static final String HOOK = "layers.0.resid";
  private static final int WIDTH = 256;
  private static final int FEATURES = 65_536;

  /** Enough for int8, which loads LibTorch. */
  private static final int FEW = 4096;

  private static final int ROWS = 2560;
  private static final int CONTEXT = 64;

  /** Bytes of encoder and decoder. */
  private static final double WEIGHTS = 2.0 * (FEATURES - FEW) * WIDTH * Float.BYTES;

  /**
   * Biases, counters and norms of features, which are a twentieth of rows as short as these; pieces
   * of 16 MiB, an eighth of these weights; and what the heap happens to take.
   */
  private static final double REST = 0.35;

  /** The encoder rounded to int8, by which features are selected. */
  private static final double SCREEN = 0.125;

  /** Two bits for each weight, by which it is restored after it was exported in place. */
  private static final double STEPS = 0.0625;

  /** Two moments of each weight in bfloat16. */
  private static final double MOMENTS = 1;

  private static final List<String> FOREIGN =
      List.of("saelens", "sparsify", "dictionary_learning", "llamascopium");

  @TempDir private Path temp;

  /** Runs one command, or loads an encoder, and prints the most memory that the process held. */
  public static final class Child {
    private Child() {}

    public static void main(String[] args) throws IOException {
      if (args[0].equals("SparseEncoder")) {
        SparseEncoder encoder = SparseEncoder.load(Path.of(args[1]));
        float[] token = new float[encoder.width()];
        token[3] = 1;
        int count = encoder.encode(token, new int[encoder.k()], new float[encoder.k()]);
        assertThat(count).isPositive();
      } else {
        PrintWriter quiet = new PrintWriter(PrintWriter.nullWriter());
        int status = Main.run(quiet, new PrintWriter(System.err, true), args);
        if (status != 0) {
          System.exit(status);
        }
      }
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmHWM:")) {
          System.out.println(1024 * Long.parseLong(line.replaceAll("\\D", "")));
        }
      }
    }
  }

  @BeforeEach
  void writeStore() throws IOException {
    Random random = new Random(1);
    StoreSpec spec =
        StoreSpec.of("synthetic", "noise", List.of(new Column(HOOK, WIDTH, DType.F32)));
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(temp.resolve("store"), spec)) {
      writer.tokens(TokenTable.of(List.of(" one")));
      MemorySegment memory = arena.allocate((long) ROWS * WIDTH * Float.BYTES, 64);
      for (long i = 0; i < (long) ROWS * WIDTH; i++) {
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      writer.append(
          new int[ROWS],
          IntStream.range(0, ROWS).map(row -> row % CONTEXT).toArray(),
          IntStream.range(0, ROWS).map(row -> row / CONTEXT).toArray(),
          DType.F32,
          memory);
      writer.finish();
    }
  }

  private List<String> train(Path out, int features, String... more) {
    List<String> line = new ArrayList<>(List.of("train", "--store", temp.resolve("store") + ""));
    line.addAll(List.of("--hook", HOOK, "--features", features + "", "--k", "8"));
    line.addAll(List.of("--batch", "64", "--steps", "2", "--init", "random"));
    line.addAll(List.of("--optimiser", "sparse-adam", "--moments", "bfloat16"));
    line.addAll(List.of("--out", out.toString()));
    line.addAll(List.of(more));
    return line;
  }

  private static double peak(String heap, List<String> line)
      throws IOException, InterruptedException {
    Process child = ChildJvm.start(Child.class, heap, line);
    String said = new String(child.getInputStream().readAllBytes());
    assertThat(child.waitFor()).as(String.join(" ", line)).isZero();
    return Long.parseLong(said.strip());
  }

  private Path at(String name, int features) {
    return temp.resolve(name + "-" + features);
  }

  private String folder(String name, int features) {
    return at(name, features).toString();
  }

  @Test
  void trainingHoldsWeightsAndMomentsOnce() throws Exception {
    String[] bare = {"--held-out", "0", "--checkpoint-every", "0"};
    String[] checked = {"--held-out", "0", "--checkpoint-every", "1"};
    String[] measured = {"--checkpoint-every", "0"};
    assertShare("96m", h -> train(at("bare", h), h, bare), 1 + MOMENTS + SCREEN);
    assertShare("96m", h -> train(at("checked", h), h, checked), 1 + MOMENTS + SCREEN);
    assertShare(
        "96m", h -> train(at("measured", h), h, measured), 1 + MOMENTS + 2 * SCREEN + STEPS);
    for (int features : new int[] {FEATURES, FEW}) {
      begin(at("begun", features), features);
    }
    assertShare(
        "96m",
        h -> List.of("train", "--resume", "--out", folder("begun", h)),
        1 + MOMENTS + SCREEN);
  }

  /** A run that ended after its first checkpoint. */
  private void begin(Path run, int features) throws IOException {
    TrainingConfig config =
        TrainingConfig.of(HOOK)
            .features(features)
            .k(8)
            .batch(64)
            .steps(2)
            .heldOut(0)
            .optimiser(Optimiser.SPARSE_ADAM)
            .moments(DType.BF16)
            .checkpointEvery(1)
            .build();
    ActivationStore store = ActivationStore.open(temp.resolve("store"));
    try (Workers workers = Workers.of(2)) {
      Trainer.start(store, config, EngineFactory.vector(workers), "begun", run).close();
    }
  }

  @Test
  void useHoldsTheWeightsAtMostOnce() throws Exception {
    String store = temp.resolve("store").toString();
    for (int features : new int[] {FEATURES, FEW}) {
      dictionary(at("a", features), features, WIDTH, 1);
    }
    assertShare(
        "96m",
        h -> List.of("evaluate", "--dictionary", folder("a", h), "--store", store),
        1 + SCREEN);
    assertShare("96m", h -> List.of("SparseEncoder", folder("a", h)), 0.5);
    assertShare(
        "96m",
        h ->
            List.of(
                "features",
                "--dictionary",
                folder("a", h),
                "--store",
                store,
                "--out",
                folder("features", h)),
        1 + SCREEN);
  }

  /** Fewer features, since time grows with their square, and longer rows. */
  @Test
  void comparingHoldsOneDecoderWithinMemory() throws Exception {
    int width = 1024;
    int features = 16_384;
    for (int each : new int[] {features, FEW}) {
      dictionary(at("a", each), each, width, 1);
      dictionary(at("b", each), each, width, 2);
    }
    Function<Integer, List<String>> line =
        h -> List.of("compare", "--dictionary", folder("a", h), "--dictionary", folder("b", h));
    double weights = 2.0 * (features - FEW) * width * Float.BYTES;
    // Candidates are 128 of each feature, both ways, of 8 bytes each.
    double candidates = 2.0 * 128 * 8 * (features - FEW) / weights;
    double more = peak("200m", line.apply(features)) - peak("200m", line.apply(FEW));
    // The heap collects garbage late. One decoder more would be another half.
    double garbage = 0.35;
    assertThat(more / weights).isLessThan(0.5 + SCREEN + candidates + garbage + REST);
  }

  @Test
  void conversionsHoldPieces() throws Exception {
    for (int features : new int[] {FEATURES, FEW}) {
      dictionary(at("a", features), features, WIDTH, 1);
    }
    for (String format : FOREIGN) {
      // Transposes are made of 256 MiB at a time, more than a matrix has here; a transposed matrix
      // that is read is mapped as a whole.
      boolean whole = format.equals("dictionary_learning");
      assertShare("96m", h -> convert(h, "a", format, format), whole ? 1 : 0.5);
      assertShare("96m", h -> convert(h, format, "sluice", format + "-back"), whole ? 1 : 0.5);
    }
  }

  private void assertShare(String heap, Function<Integer, List<String>> line, double most)
      throws IOException, InterruptedException {
    double share = (peak(heap, line.apply(FEATURES)) - peak(heap, line.apply(FEW))) / WEIGHTS;
    assertThat(share).as(String.join(" ", line.apply(FEATURES))).isLessThan(most + REST);
  }

  private static void dictionary(Path folder, int features, int width, int seed)
      throws IOException {
    DictionaryConfig config =
        new DictionaryConfig(
            "synthetic", HOOK, HOOK, width, width, features, new TopK(8), true, false);
    WeightRows rows =
        (first, piece) -> {
          Random random = new Random(seed + first);
          for (long i = 0; i < piece.byteSize() / Float.BYTES; i++) {
            piece.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, random.nextFloat() - 0.5f);
          }
        };
    Files.createDirectories(folder);
    Arena arena = Arena.ofAuto();
    new DictionarySource(
            config,
            rows,
            arena.allocate((long) features * Float.BYTES),
            rows,
            arena.allocate((long) width * Float.BYTES),
            null)
        .save(folder);
  }

  private List<String> convert(int features, String from, String format, String to) {
    return List.of(
        "convert",
        "--dictionary",
        folder(from, features),
        "--to",
        format,
        "--out",
        folder(to, features),
        "--hook",
        HOOK);
  }
}
