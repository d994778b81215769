package io.sluice.simd;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chooses the kernels once, when they are first asked for, and says in a log line what it chose and
 * why. {@code -Dsluice.simd=scalar|128|256|512} overrules the choice. A JVM that was started
 * without the Vector API is told on standard error, once: it computes many times as slowly, and a
 * library's log is often read by nobody.
 */
public final class KernelProvider {
  /** The system property that overrules the choice. */
  public static final String PROPERTY = "sluice.simd";

  private static final Logger LOG = LoggerFactory.getLogger(KernelProvider.class);
  private static final String NO_VECTOR_API =
      "no Vector API: start the JVM with --add-modules=jdk.incubator.vector";
  private static final int SCALAR_PANEL = 16;
  private static final int SCALAR_TILE_ROWS = 6;

  private KernelProvider() {}

  private static final class Chosen {
    static final Choice CHOICE = choose(System.getProperty(PROPERTY, "auto"));

    static {
      LOG.debug("kernels: {} ({})", CHOICE.kernels().name(), CHOICE.reason());
      if (CHOICE.reason().equals(NO_VECTOR_API)) {
        System.err.println(
            "sluice: kernels run many times as slowly as they could: " + NO_VECTOR_API);
      }
    }
  }

  // Kernels that go by address are made when they are asked for: they need native access, which
  // those who embed an encoder need not allow, and a training needs no layers.

  private static final class Layers {
    static final LayerKernels KERNELS =
        vectorBits() == 0
            ? new ScalarLayerKernels(SCALAR_PANEL, SCALAR_TILE_ROWS)
            : define(VectorLayerKernels.class, LayerKernels.class, vectorBits());
  }

  private static final class Sparse {
    static final SparseKernels KERNELS =
        vectorBits() == 0
            ? new ScalarSparseKernels(SCALAR_PANEL)
            : define(VectorSparseKernels.class, SparseKernels.class, vectorBits());
  }

  /**
   * Kernels and why they were chosen.
   *
   * @param kernels what runs for dense products
   * @param blocks what dequantises weights
   * @param bits width of the vectors, 0 for scalar kernels
   * @param reason one clause for a person, with the flag that would change the choice
   */
  record Choice(Kernels kernels, BlockKernels blocks, int bits, String reason) {}

  /** The kernels of this machine. */
  public static Kernels kernels() {
    return Chosen.CHOICE.kernels();
  }

  /** The kernels of this machine for sparse codes. */
  public static SparseKernels sparseKernels() {
    return Sparse.KERNELS;
  }

  /** The kernel of this machine for {@link AdamRows}. */
  static AdamKernel adamKernel() {
    return (AdamKernel) Sparse.KERNELS;
  }

  /** The kernels of this machine for quantised weights. */
  public static BlockKernels blockKernels() {
    return Chosen.CHOICE.blocks();
  }

  /** The kernels of this machine for a transformer's layers. */
  static LayerKernels layerKernels() {
    return Layers.KERNELS;
  }

  /** Bits of the vectors that the kernels of this machine use; 0 for scalar kernels. */
  public static int vectorBits() {
    return Chosen.CHOICE.bits();
  }

  /** The kernels of this machine for a few vectors and rows of {@code format}. */
  static RowKernels rowKernels(RowFormat format) {
    return Chosen.CHOICE.bits() == 0
        ? new ScalarRowKernels(format)
        : rowKernels(format, Chosen.CHOICE.bits());
  }

  /** Why {@link #kernels()} are what they are, in one clause, for {@code sluice doctor}. */
  public static String reason() {
    return Chosen.CHOICE.reason();
  }

  /** Whether {@link #kernels()} run on vector instructions. */
  public static boolean isVectorised() {
    return !(kernels() instanceof ScalarKernels);
  }

  /** Kernels of every vector width that this machine has in hardware, narrowest first. */
  static List<Kernels> everyWidth() {
    return everyWidth(VectorKernels.class, Kernels.class);
  }

  /** Sparse kernels of every vector width that this machine has in hardware, narrowest first. */
  static List<SparseKernels> everySparseWidth() {
    return everyWidth(VectorSparseKernels.class, SparseKernels.class);
  }

  /** Block kernels of every vector width that this machine has in hardware, narrowest first. */
  static List<BlockKernels> everyBlockWidth() {
    return everyWidth(VectorBlockKernels.class, BlockKernels.class);
  }

  /** Layer kernels of every vector width that this machine has in hardware, narrowest first. */
  static List<LayerKernels> everyLayerWidth() {
    return everyWidth(VectorLayerKernels.class, LayerKernels.class);
  }

  private static <T> List<T> everyWidth(Class<? extends T> template, Class<T> type) {
    List<T> all = new ArrayList<>();
    if (vectorModulePresent()) {
      for (int bits = 128; bits <= VectorWidth.preferredBits(); bits *= 2) {
        all.add(define(template, type, bits));
      }
    }
    return all;
  }

  /** Row kernels of every vector width that this machine has in hardware, narrowest first. */
  static List<RowKernels> everyRowWidth(RowFormat format) {
    List<RowKernels> all = new ArrayList<>();
    for (int bits = 128; vectorModulePresent() && bits <= VectorWidth.preferredBits(); bits *= 2) {
      all.add(rowKernels(format, bits));
    }
    return all;
  }

  private static RowKernels rowKernels(RowFormat format, int bits) {
    return define(
        VectorRowKernels.class,
        RowKernels.class,
        new VectorRowKernels.Shape(VectorWidth.speciesOfBits(bits), format));
  }

  static Choice choose(String asked) {
    if (asked.equals("scalar")) {
      return scalar("asked for by -D" + PROPERTY + "=scalar");
    }
    if (!vectorModulePresent()) {
      return scalar(NO_VECTOR_API);
    }
    int preferred = VectorWidth.preferredBits();
    if (!asked.equals("auto")) {
      if (!List.of("128", "256", "512").contains(asked)) {
        throw new IllegalArgumentException(
            "-D" + PROPERTY + "=" + asked + " is not one of auto, scalar, 128, 256, 512");
      }
      int bits = Integer.parseInt(asked);
      if (bits > preferred) {
        throw new IllegalArgumentException(
            "-D"
                + PROPERTY
                + "="
                + bits
                + ", but this machine's vectors have "
                + preferred
                + " bits");
      }
      return vector(bits, "asked for by -D" + PROPERTY + "=" + bits);
    }
    if (preferred < 128) {
      return scalar("the Vector API reports vectors of only " + preferred + " bits here");
    }
    if (System.getProperty("java.vm.info", "").contains("interpreted mode")) {
      return scalar("the JVM runs interpreted: drop -Xint for vector speed");
    }
    int bits = Math.min(512, preferred);
    return vector(bits, "the preferred vectors here have " + preferred + " bits");
  }

  private static Choice scalar(String reason) {
    return new Choice(new ScalarKernels(SCALAR_PANEL), new ScalarBlockKernels(), 0, reason);
  }

  private static Choice vector(int bits, String reason) {
    return new Choice(
        define(VectorKernels.class, Kernels.class, bits),
        define(VectorBlockKernels.class, BlockKernels.class, bits),
        bits,
        reason);
  }

  private static boolean vectorModulePresent() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
  }

  private static <T> T define(Class<? extends T> template, Class<T> type, int bits) {
    return define(template, type, (Object) VectorWidth.speciesOfBits(bits));
  }

  private static <T> T define(Class<? extends T> template, Class<T> type, Object classData) {
    String file = template.getSimpleName() + ".class";
    try (InputStream in = KernelProvider.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(file + " is missing beside KernelProvider");
      }
      MethodHandles.Lookup hidden =
          MethodHandles.lookup().defineHiddenClassWithClassData(in.readAllBytes(), classData, true);
      return type.cast(hidden.lookupClass().getDeclaredConstructor().newInstance());
    } catch (IOException | ReflectiveOperationException e) {
      throw new IllegalStateException("cannot define kernels for " + classData, e);
    }
  }
}
