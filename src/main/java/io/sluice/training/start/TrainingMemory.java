package io.sluice.training.start;

import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.training.config.TrainingConfig;
import java.util.Locale;
import java.util.OptionalLong;

/**
 * The memory that a training run takes in one place, in bytes: what grows with the number of
 * features, and what does not.
 */
record TrainingMemory(long ofFeatures, long fixed) {
  /** Biases, clocks, thresholds, norms and counts, with what sums them up. */
  private static final long BYTES_OF_A_FEATURE = 64;

  private static final long JVM_BYTES = 600_000_000;

  /** What CUDA and the libraries that multiply there take of a GPU. */
  private static final long CUDA_BYTES = 500_000_000;

  /** The element types that can make a run smaller. */
  record Types(DType moments, DType precision) {}

  /**
   * What a run takes of the machine's memory at most: the engine's parameters and moments with the
   * encoder rounded to bfloat16, unless they are on a device, what held-out tokens are measured
   * with, both weights of the encoder rounded to int8, and the JVM.
   */
  static TrainingMemory ofMachine(Blueprint plan, EngineFactory engines, Types types) {
    long parameters = plan.parameterBytes();
    int copies = engines.hostCopies();
    long state = copies * parameters * (4 + 2 * types.moments.bytes()) / 12;
    return new TrainingMemory(
        ofMeasuring(plan, engines)
            + state
            + (copies > 0 ? rounded(plan, types) : 0)
            + parameters / 4
            + BYTES_OF_A_FEATURE * plan.config().features(),
        JVM_BYTES);
  }

  /**
   * While held-out tokens are measured: the weights once more, or two bits for each where they are
   * exported in place.
   */
  private static long ofMeasuring(Blueprint plan, EngineFactory engines) {
    if (plan.config().heldOut() == 0) {
      return 0;
    }
    boolean inPlace = engines.readsInPlace() && plan.exportsByColumn();
    return inPlace ? plan.parameterBytes() / 16 : plan.parameterBytes();
  }

  /**
   * What a run takes at least of a GPU's memory: parameters and moments, the encoder rounded to
   * bfloat16, the gradients of the rows of one batch, and the products of some tokens with all
   * features, which take a 32nd of that memory.
   *
   * @param memory all that the GPU has
   */
  static TrainingMemory ofGpu(Blueprint plan, long memory, Types types) {
    TrainingConfig config = plan.config();
    long active =
        Math.min(config.features(), (long) config.schedule().batch() * Math.max(1, config.k()));
    long gradients = active * Float.BYTES * (plan.inputWidth() + plan.outputWidth());
    return new TrainingMemory(
        plan.parameterBytes() / 4 * (4 + 2L * types.moments.bytes())
            + rounded(plan, types)
            + BYTES_OF_A_FEATURE * config.features(),
        gradients + memory / 32 + CUDA_BYTES);
  }

  private static long rounded(Blueprint plan, Types types) {
    return types.precision == DType.BF16
        ? DType.BF16.bytes() * (long) plan.config().features() * plan.inputWidth()
        : 0;
  }

  long bytes() {
    return ofFeatures + fixed;
  }

  /**
   * Checks that the machine, and the GPU where engines keep their state there, hold a run.
   *
   * @param machine bytes of the machine's memory
   * @throws IllegalArgumentException if they do not; the message says what would fit
   */
  static void require(Blueprint plan, EngineFactory engines, long machine) {
    require(plan, "this machine", machine, types -> ofMachine(plan, engines, types));
    OptionalLong gpu = engines.gpuBytes();
    if (gpu.isPresent()) {
      long memory = gpu.getAsLong();
      require(plan, "the GPU", memory, types -> ofGpu(plan, memory, types));
    }
  }

  private interface Need {
    TrainingMemory with(Types types);
  }

  private static void require(Blueprint plan, String where, long total, Need need) {
    TrainingConfig config = plan.config();
    TrainingMemory needed = need.with(new Types(config.moments(), config.precision()));
    if (needed.bytes() <= total) {
      return;
    }
    String smallerMoments = "";
    if (config.moments() == DType.F32) {
      TrainingMemory smaller = need.with(new Types(DType.BF16, config.precision()));
      smallerMoments =
          smaller.bytes() <= total
              ? ", or --moments bfloat16"
              : String.format(
                  Locale.ROOT,
                  ", or up to %,d with --moments bfloat16",
                  smaller.fitting(config.features(), total));
    }
    boolean noCopy =
        config.precision() == DType.BF16
            && need.with(new Types(config.moments(), DType.F32)).bytes() <= total;
    throw new IllegalArgumentException(
        String.format(
            Locale.ROOT,
            "%,d features of '%s' take %,d MB in training, more than the %,d MB that %s has; give"
                + " fewer: up to %,d%s%s",
            config.features(),
            config.hook(),
            needed.bytes() / 1_000_000,
            total / 1_000_000,
            where,
            needed.fitting(config.features(), total),
            smallerMoments,
            noCopy ? ", or --precision float32" : ""));
  }

  /** How many features would fit, in thousands where there are many. */
  private long fitting(int features, long total) {
    long fit = (long) ((double) Math.max(0, total - fixed) / ofFeatures * features);
    return fit >= 2048 ? fit / 1024 * 1024 : fit;
  }
}
