package io.sluice.dictionary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.sun.management.ThreadMXBean;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.testing.ChildJvm;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SparseEncoderTest {
  private static final long SEED = Seeds.seed();

  /** Where features are compared with those of another sum: no two products are nearly equal. */
  private static final long FIXED = 20;

  private static final int WIDTH = 45;
  private static final int FEATURES = 1003;
  private static final int K = 12;

  @TempDir private Path folder;

  private static Dictionary dictionary(
      ActivationFunction activation, boolean subtract, boolean rank) {
    return dictionary(activation, subtract, rank, SEED);
  }

  private static Dictionary dictionary(
      ActivationFunction activation, boolean subtract, boolean rank, long seed) {
    Random random = new Random(seed);
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), WIDTH, WIDTH, FEATURES);
    for (MemorySegment tensor :
        List.of(p.encoder(), p.encoderBias(), p.decoder(), p.decoderBias())) {
      for (long i = 0; i < tensor.byteSize() / Float.BYTES; i++) {
        tensor.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
    }
    return new Dictionary(
        new DictionaryConfig("m", "h", "h", WIDTH, WIDTH, FEATURES, activation, subtract, rank), p);
  }

  private static float[] vectors(int count) {
    return vectors(count, SEED + 1);
  }

  private static float[] vectors(int count, long seed) {
    Random random = new Random(seed);
    float[] x = new float[count * WIDTH];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  /** What a call gave, less the room that it left. */
  private record Code(int[] features, float[] values) {
    static Code of(SparseEncoder encoder, float[] vector) {
      int[] features = new int[encoder.k()];
      float[] values = new float[encoder.k()];
      int count = encoder.encode(vector, features, values);
      return new Code(Arrays.copyOf(features, count), Arrays.copyOf(values, count));
    }

    void assertSame(Code other) {
      assertThat(features).containsExactly(other.features);
      assertThat(values).containsExactly(other.values);
    }
  }

  private static float[] row(float[] x, int row) {
    return Arrays.copyOfRange(x, row * WIDTH, (row + 1) * WIDTH);
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void agreesWithPyTorch() throws IOException {
    int count = 20;
    float[] x = vectors(count);
    ByteBuffer bytes = ByteBuffer.allocate(x.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(x);
    Path vectors = Files.write(folder.resolve("x.f32"), bytes.array());
    for (int options = 0; options < 4; options++) {
      Dictionary dictionary = dictionary(new TopK(K), (options & 1) != 0, (options & 2) != 0);
      dictionary.save(folder);
      String[] lines = Python.run("encode_dictionary.py", folder, vectors, K).split("\n");
      assertThat(lines).hasSize(count);
      for (SparseEncoder.Weights weights :
          List.of(SparseEncoder.Weights.FLOAT32, SparseEncoder.Weights.INT8)) {
        SparseEncoder encoder = SparseEncoder.load(folder, weights);
        for (int v = 0; v < count; v++) {
          Code code = Code.of(encoder, row(x, v));
          String[] entries = lines[v].split(" ");
          assertThat(code.features).hasSize(entries.length);
          for (int i = 0; i < entries.length; i++) {
            String[] entry = entries[i].split(":");
            assertThat(code.features[i]).isEqualTo(Integer.parseInt(entry[0]));
            assertThat((double) code.values[i])
                .isCloseTo(Double.parseDouble(entry[1]), within(1e-4));
          }
        }
      }
    }
  }

  @Tag("slow")
  @Test
  void arraysMemoryBatchesAndThreadsGiveTheSameBits() {
    int count = 11;
    float[] x = vectors(count);
    for (SparseEncoder.Weights weights : SparseEncoder.Weights.values()) {
      SparseEncoder encoder = SparseEncoder.of(dictionary(new TopK(K), true, true), weights);
      MemorySegment odd = Arena.ofAuto().allocate(x.length * 4L + 3).asSlice(3);
      MemorySegment.copy(x, 0, odd, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, x.length);
      try (Workers workers = Workers.of(3)) {
        SparseEncoder shared = encoder.with(workers);
        int[][] features = new int[3][count * K];
        float[][] values = new float[3][count * K];
        int[][] counts = new int[3][count];
        encoder.encode(x, features[0], values[0], counts[0]);
        encoder.encode(odd, features[1], values[1], counts[1]);
        shared.encode(x, features[2], values[2], counts[2]);
        int[] oneFeatures = new int[K];
        float[] oneValues = new float[K];
        for (int v = 0; v < count; v++) {
          Code code = Code.of(encoder, row(x, v));
          code.assertSame(Code.of(shared, row(x, v)));
          MemorySegment memory = odd.asSlice(v * WIDTH * 4L, WIDTH * 4L);
          int one = encoder.encode(memory, oneFeatures, oneValues);
          code.assertSame(new Code(Arrays.copyOf(oneFeatures, one), Arrays.copyOf(oneValues, one)));
          for (int way = 0; way < 3; way++) {
            int from = v * K;
            int to = from + counts[way][v];
            code.assertSame(
                new Code(
                    Arrays.copyOfRange(features[way], from, to),
                    Arrays.copyOfRange(values[way], from, to)));
          }
        }
      }
    }
  }

  @Test
  void thresholdsBoundWhatIsKept() {
    Random random = new Random(SEED);
    float[] thresholds = new float[FEATURES];
    for (int i = 0; i < FEATURES; i++) {
      thresholds[i] = 5 * random.nextFloat();
    }
    float[] x = vectors(1);
    for (SparseEncoder.Weights weights : SparseEncoder.Weights.values()) {
      SparseEncoder all = SparseEncoder.of(dictionary(new ReLU(), false, false), weights);
      SparseEncoder jump =
          SparseEncoder.of(
              dictionary(new JumpReLU(Thresholds.of(thresholds)), false, false), weights);
      Code positive = Code.of(all, x);
      assertThat(all.k()).isEqualTo(FEATURES);
      Code kept = Code.of(jump, x);
      List<Integer> expected = new ArrayList<>();
      for (int i = 0; i < positive.features.length; i++) {
        if (positive.values[i] > thresholds[positive.features[i]]) {
          expected.add(positive.features[i]);
        }
      }
      assertThat(kept.features).containsExactly(expected.toArray(Integer[]::new));
      Code few = Code.of(jump.atMost(3), x);
      assertThat(few.values).hasSize(3);
      float least = Math.min(few.values[0], Math.min(few.values[1], few.values[2]));
      for (float value : kept.values) {
        assertThat(
                value <= least
                    || value == few.values[0]
                    || value == few.values[1]
                    || value == few.values[2])
            .isTrue();
      }
      assertThatThrownBy(() -> jump.atMost(0)).hasMessageContaining("not 0");
    }
    assertThatThrownBy(
            () ->
                SparseEncoder.of(
                    dictionary(new BatchTopK(K, OptionalDouble.empty()), false, false),
                    SparseEncoder.Weights.FLOAT32))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("threshold");
  }

  @Test
  void signedFeaturesAreThoseFurthestFromZero() {
    for (SparseEncoder.Weights weights :
        new SparseEncoder.Weights[] {SparseEncoder.Weights.FLOAT32, SparseEncoder.Weights.INT8}) {
      Dictionary dictionary = dictionary(new AbsTopK(K), true, true, FIXED);
      SparseEncoder encoder = SparseEncoder.of(dictionary, weights);
      float[] x = vectors(20, FIXED + 1);
      int[] features = new int[20 * K];
      float[] values = new float[20 * K];
      int[] counts = new int[20];
      encoder.encode(x, features, values, counts);
      Arena arena = Arena.ofAuto();
      try (Engine engine =
          EngineFactory.reference()
              .open(dictionary.config().spec(Optimiser.NONE), dictionary.parameters())) {
        MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
        engine.encode(new Rows(memory, DType.F32, 20, WIDTH), new AbsTopK(K));
        Codes codes = engine.codes();
        for (int row = 0; row < 20; row++) {
          assertThat(counts[row]).isEqualTo(K);
          for (int i = 0; i < K; i++) {
            int entry = codes.offset(row) + i;
            assertThat(features[row * K + i]).as("row %d", row).isEqualTo(codes.feature(entry));
            assertThat(values[row * K + i]).isCloseTo(codes.value(entry), within(1e-3f));
          }
          Code single = Code.of(encoder, row(x, row));
          assertThat(single.values)
              .containsExactly(Arrays.copyOfRange(values, row * K, (row + 1) * K));
        }
      }
    }
  }

  /** A dictionary for matching pursuit, with rows of length 1. */
  private static Dictionary pursuit() {
    Dictionary drawn = dictionary(new TopK(K), true, false, FIXED);
    MemorySegment rows = drawn.parameters().decoder();
    for (long feature = 0; feature < FEATURES; feature++) {
      double norm = 0;
      for (long i = feature * WIDTH; i < (feature + 1) * WIDTH; i++) {
        norm += Math.pow(rows.getAtIndex(ValueLayout.JAVA_FLOAT, i), 2);
      }
      for (long i = feature * WIDTH; i < (feature + 1) * WIDTH; i++) {
        float weight = rows.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (weight / Math.sqrt(norm)));
      }
    }
    return new Dictionary(drawn.config().withActivation(new Pursuit(K, 0.9)), drawn.parameters());
  }

  @Tag("slow")
  @Test
  void matchingPursuitAgreesWithTheEngine() {
    Dictionary dictionary = pursuit();
    for (SparseEncoder.Weights weights :
        new SparseEncoder.Weights[] {SparseEncoder.Weights.FLOAT32, SparseEncoder.Weights.INT8}) {
      SparseEncoder encoder = SparseEncoder.of(dictionary, weights);
      float[] x = vectors(20, FIXED + 1);
      int[] features = new int[20 * K];
      float[] values = new float[20 * K];
      int[] counts = new int[20];
      encoder.encode(x, features, values, counts);
      try (Engine engine =
          EngineFactory.reference()
              .open(dictionary.config().spec(Optimiser.NONE), dictionary.parameters())) {
        MemorySegment memory = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, x);
        engine.encode(new Rows(memory, DType.F32, 20, WIDTH), dictionary.config().activation());
        Codes codes = engine.codes();
        for (int row = 0; row < 20; row++) {
          assertThat(counts[row]).isEqualTo(codes.offset(row + 1) - codes.offset(row));
          for (int i = 0; i < counts[row]; i++) {
            int entry = codes.offset(row) + i;
            assertThat(features[row * K + i]).as("row %d", row).isEqualTo(codes.feature(entry));
            assertThat(values[row * K + i]).isCloseTo(codes.value(entry), within(1e-3f));
          }
          Code single = Code.of(encoder, row(x, row));
          assertThat(single.values)
              .containsExactly(Arrays.copyOfRange(values, row * K, row * K + counts[row]));
        }
      }
    }
  }

  @Test
  void badArgumentsAreRefused() {
    SparseEncoder encoder =
        SparseEncoder.of(dictionary(new TopK(K), false, false), SparseEncoder.Weights.FLOAT32);
    int[] features = new int[2 * K];
    float[] values = new float[2 * K];
    assertThatThrownBy(() -> encoder.encode(new float[WIDTH + 1], features, values))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("vector must have 45 values, not 46");
    assertThatThrownBy(() -> encoder.encode(new float[WIDTH], new int[K - 1], values))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("11");
    assertThatThrownBy(() -> encoder.encode(MemorySegment.ofArray(new byte[7]), features, values))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("vector must have 45 values, not 1.75");
    assertThatThrownBy(() -> encoder.encode(new float[3 * WIDTH], features, values, new int[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("24");
    float[] bad = vectors(10);
    bad[9 * WIDTH + 7] = Float.NaN;
    assertThatThrownBy(() -> encoder.encode(bad, new int[120], new float[120], new int[10]))
        .isInstanceOf(NonFiniteException.class)
        .hasMessageContaining("row 9")
        .hasMessageContaining("column 7");
    // The memory that met the NaN is used again.
    Code.of(encoder, row(bad, 0)).assertSame(Code.of(encoder, row(bad, 0)));
  }

  /**
   * Prints what is allocated by encoding once all is compiled: a JVM of its own, since what has run
   * before in this one decides how its compiler sees the kernels.
   */
  public static final class Allocation {
    private Allocation() {}

    public static void main(String[] args) {
      SparseEncoder encoder =
          SparseEncoder.of(
              dictionary(new TopK(K), true, true), SparseEncoder.Weights.valueOf(args[0]));
      float[] x = vectors(5);
      float[] one = row(x, 0);
      MemorySegment memory = MemorySegment.ofArray(x).asSlice(0, WIDTH * 4L);
      int[] features = new int[5 * K];
      float[] values = new float[5 * K];
      int[] counts = new int[5];
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long allocated = Long.MAX_VALUE;
      for (int round = 0; round < 2000 && allocated > 0; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 200; i++) {
          encoder.encode(one, features, values);
          encoder.encode(memory, features, values);
          encoder.encode(x, features, values, counts);
        }
        allocated = threads.getCurrentThreadAllocatedBytes() - before;
      }
      System.out.println("allocated " + allocated);
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource
  void allocatesNothing(SparseEncoder.Weights weights) throws Exception {
    Process child = ChildJvm.start(Allocation.class, "256m", List.of(weights.name()));
    assertThat(new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip())
        .endsWith("allocated 0");
  }

  /** Prints what is allocated by the first calls after {@link SparseEncoder#warmUp}, in a JVM. */
  public static final class FirstCalls implements Runnable {
    private final SparseEncoder encoder;
    private final float[] x = vectors(800);
    private final float[][] one = new float[200][];
    private final float[][] several = new float[200][];
    private final MemorySegment[] memory = new MemorySegment[200];
    private final int[][] counts = new int[200][];
    private final int[] features;
    private final float[] values;
    private long allocated = -1;

    private FirstCalls(SparseEncoder encoder) {
      this.encoder = encoder;
      features = new int[8 * encoder.k()];
      values = new float[features.length];
      for (int i = 0; i < one.length; i++) {
        one[i] = row(x, i);
        several[i] = Arrays.copyOfRange(x, 4 * i * WIDTH, (4 * i + 1 + i % 4) * WIDTH);
        memory[i] = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, one[i]);
        counts[i] = new int[1 + i % 4];
      }
    }

    @Override
    public void run() {
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      threads.getCurrentThreadAllocatedBytes();
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < one.length; i++) {
        encoder.encode(one[i], features, values);
        encoder.encode(memory[i], features, values);
        encoder.encode(several[i], features, values, counts[i]);
      }
      allocated = threads.getCurrentThreadAllocatedBytes() - before;
    }

    public static void main(String[] args) throws InterruptedException {
      float[] thresholds = new float[FEATURES];
      Arrays.fill(thresholds, 8);
      Dictionary dictionary =
          switch (args[1]) {
            case "jumprelu" -> dictionary(new JumpReLU(Thresholds.of(thresholds)), true, true);
            case "relu" -> dictionary(new ReLU(), true, true);
            case "abstopk" -> dictionary(new AbsTopK(K), true, true);
            case "pursuit" -> pursuit();
            case "top100" -> dictionary(new TopK(100), true, true);
            default -> dictionary(new TopK(K), true, true);
          };
      SparseEncoder encoder = SparseEncoder.of(dictionary, SparseEncoder.Weights.valueOf(args[0]));
      encoder.warmUp();
      FirstCalls here = new FirstCalls(encoder);
      FirstCalls there = new FirstCalls(encoder);
      here.run();
      Thread thread = new Thread(there);
      thread.start();
      thread.join();
      System.out.println("allocated " + here.allocated + " and " + there.allocated);
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({
    "FLOAT32,topk",
    "BFLOAT16,topk",
    "INT8,topk",
    "FLOAT32,top100",
    "INT8,jumprelu",
    "INT8,relu",
    "FLOAT32,abstopk",
    "BFLOAT16,pursuit"
  })
  void allocatesNothingFromTheFirstCallAfterWarmingUp(String weights, String activation)
      throws Exception {
    Process child = ChildJvm.start(FirstCalls.class, "256m", List.of(weights, activation));
    assertThat(new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip())
        .endsWith("allocated 0 and 0");
  }

  @Tag("slow")
  @Test
  void warmingUpChangesNoResult() {
    SparseEncoder encoder =
        SparseEncoder.of(dictionary(new TopK(K), true, true), SparseEncoder.Weights.INT8);
    Code before = Code.of(encoder, vectors(1));
    encoder.warmUp();
    before.assertSame(Code.of(encoder, vectors(1)));
  }

  @Tag("slow")
  @Test
  void manyThreadsAtOnceGetTheirOwnResults() throws Exception {
    int callers = 3 * Runtime.getRuntime().availableProcessors() + 2;
    float[] x = vectors(callers);
    SparseEncoder encoder =
        SparseEncoder.of(dictionary(new TopK(K), true, false), SparseEncoder.Weights.INT8);
    List<Callable<Void>> tasks = new ArrayList<>();
    for (int caller = 0; caller < callers; caller++) {
      float[] own = row(x, caller);
      Code expected = Code.of(encoder, own);
      tasks.add(
          () -> {
            for (int i = 0; i < 50; i++) {
              expected.assertSame(Code.of(encoder, own));
            }
            return null;
          });
    }
    try (ExecutorService pool = Executors.newFixedThreadPool(callers)) {
      for (Future<Void> done : pool.invokeAll(tasks)) {
        done.get();
      }
    }
  }

  /** Of the store, a dictionary needs only what hook points are called elsewhere. */
  private static final List<String> NAMES =
      List.of("io.sluice.store.names.TransformerLensNames", "io.sluice.store.names.ModulePaths");

  /** A service needs this much of the class path: no Arrow, no LibTorch, no tokenizers. */
  @Tag("slow")
  @Test
  void loadsWithNeitherLibTorchNorArrow() throws Exception {
    dictionary(new TopK(K), true, true).save(folder);
    String classPath =
        Stream.concat(
                Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                    .filter(entry -> entry.contains("jackson-") || entry.contains("slf4j-")),
                Stream.of(
                    Path.of("target/classes").toAbsolutePath().toString(),
                    Path.of("target/test-classes").toAbsolutePath().toString()))
            .reduce((a, b) -> a + File.pathSeparator + b)
            .orElseThrow();
    Path log = folder.resolve("classes.log");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Xlog:class+load:file=" + log,
                "-cp",
                classPath,
                Service.class.getName(),
                folder.toString())
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).as(printed).isTrue();
    assertThat(printed).contains("features fired").contains("no native library");
    List<String> loaded = Files.readAllLines(log);
    assertThat(loaded).anyMatch(line -> line.contains("io.sluice.dictionary.SparseEncoder "));
    assertThat(loaded.stream().map(line -> line.replaceFirst("^\\S+ (\\S+) .*", "$1")))
        .filteredOn(
            name ->
                name.startsWith("org.apache.arrow")
                    || name.startsWith("io.sluice.bindings")
                    || name.startsWith("io.sluice.store") && !NAMES.contains(name.split("\\$")[0])
                    || name.startsWith("io.sluice.torch"))
        .isEmpty();
  }

  /** What runs in that process. */
  static final class Service {
    private Service() {}

    public static void main(String[] args) throws IOException {
      SparseEncoder encoder = SparseEncoder.load(Path.of(args[0]), SparseEncoder.Weights.INT8);
      float[] activation = new float[encoder.width()];
      Arrays.fill(activation, 1);
      int[] features = new int[encoder.k()];
      float[] values = new float[encoder.k()];
      System.out.println(encoder.encode(activation, features, values) + " features fired");
      Path maps = Path.of("/proc/self/maps");
      boolean found =
          Files.exists(maps)
              && Files.readString(maps, StandardCharsets.ISO_8859_1).contains("libtorch");
      System.out.println(found ? "LibTorch is loaded" : "no native library");
    }
  }
}
