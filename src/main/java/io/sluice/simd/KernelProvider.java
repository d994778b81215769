package io.sluice.simd;

import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Constructor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chooses the vector width of all kernels once, at the first use, and logs the choice and its
 * reason. {@code -Dsluice.simd=scalar|128|256|512} overrides it. If the JVM was started without the
 * Vector API, a warning is logged and printed on standard error, once: kernels then run many times
 * slower, and few people read the log of a library.
 */
public final class KernelProvider {
  /** The system property that overrides the choice. */
  public static final String PROPERTY = "sluice.simd";

  private static final Logger LOG = LoggerFactory.getLogger(KernelProvider.class);
  private static final String NO_VECTOR_API =
      "no Vector API: start the JVM with --add-modules=jdk.incubator.vector";

  private KernelProvider() {}

  private static final class Chosen {
    static final Choice CHOICE = choose(System.getProperty(PROPERTY, "auto"));

    static {
      if (CHOICE.reason().equals(NO_VECTOR_API)) {
        LOG.warn("kernels: {} ({})", CHOICE.name(), CHOICE.reason());
        System.err.println(
            "sluice: kernels run many times slower than they could: " + NO_VECTOR_API);
      } else {
        LOG.debug("kernels: {} ({})", CHOICE.name(), CHOICE.reason());
      }
    }
  }

  /**
   * Which kernels were chosen, and why.
   *
   * @param bits width of the vectors, 0 for scalar kernels
   * @param reason one clause for a person, with the flag that would change the choice
   */
  record Choice(int bits, String reason) {
    String name() {
      return bits == 0 ? "scalar" : "vector-" + bits;
    }
  }

  /**
   * Makes the kernels of one package for this machine. Each package calls this when it first needs
   * its kernels: kernels that read memory by address need native access, which an application that
   * only embeds {@code SparseEncoder} does not have to allow.
   *
   * @param owner a lookup with full access to the package of the kernels
   * @param type the interface of the kernels
   * @param template a class that reads its width with {@link VectorWidth#speciesOf}. It is defined
   *     once for each width, so that the width is a constant for the compiler
   * @param scalar makes the kernels for a JVM without vectors
   */
  public static <T> T choose(
      MethodHandles.Lookup owner,
      Class<T> type,
      Class<? extends T> template,
      Supplier<? extends T> scalar) {
    int bits = vectorBits();
    return bits == 0 ? scalar.get() : define(owner, type, template, species(bits));
  }

  /** Kernels of every vector width that this machine has in hardware, narrowest first. */
  public static <T> List<T> everyWidth(
      MethodHandles.Lookup owner, Class<T> type, Class<? extends T> template) {
    return widths().stream().map(bits -> define(owner, type, template, species(bits))).toList();
  }

  /** Every vector width, in bits, that this machine has in hardware, narrowest first. */
  public static List<Integer> widths() {
    List<Integer> all = new ArrayList<>();
    for (int bits = 128; vectorModulePresent() && bits <= VectorWidth.preferredBits(); bits *= 2) {
      all.add(bits);
    }
    return all;
  }

  /** The name of the chosen kernels: {@code scalar}, or for instance {@code vector-512}. */
  public static String name() {
    return Chosen.CHOICE.name();
  }

  /** Bits of the vectors that the kernels of this machine use; 0 for scalar kernels. */
  public static int vectorBits() {
    return Chosen.CHOICE.bits();
  }

  /** The reason of the choice, in one clause, for {@code sluice doctor}. */
  public static String reason() {
    return Chosen.CHOICE.reason();
  }

  /** Whether the kernels use vector instructions. */
  public static boolean isVectorised() {
    return vectorBits() != 0;
  }

  static Choice choose(String asked) {
    if (asked.equals("scalar")) {
      return scalar("set by -D" + PROPERTY + "=scalar");
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
      return vector(bits, "set by -D" + PROPERTY + "=" + bits);
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
    return new Choice(0, reason);
  }

  private static Choice vector(int bits, String reason) {
    return new Choice(bits, reason);
  }

  private static boolean vectorModulePresent() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
  }

  private static Object species(int bits) {
    return VectorWidth.speciesOfBits(bits);
  }

  /** Defines a hidden class from a template, with its own class data, and makes an instance. */
  public static <T> T define(
      MethodHandles.Lookup owner, Class<T> type, Class<? extends T> template, Object classData) {
    String file = template.getSimpleName() + ".class";
    try (InputStream in = template.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(file + " is missing beside " + type.getName());
      }
      MethodHandles.Lookup hidden =
          owner.defineHiddenClassWithClassData(in.readAllBytes(), classData, true);
      Constructor<?> constructor = hidden.lookupClass().getDeclaredConstructor();
      // The owner may call it; this class may not.
      return type.cast(hidden.unreflectConstructor(constructor).invoke());
    } catch (Throwable e) {
      throw new IllegalStateException("cannot define kernels for " + classData, e);
    }
  }
}
