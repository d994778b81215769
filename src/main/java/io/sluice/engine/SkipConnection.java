package io.sluice.engine;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.arithmetic.EngineState;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.engine.vector.AdamFactors;
import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;
import io.sluice.simd.adam.AdamRows;
import io.sluice.simd.batch.TableRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A skip transcoder: {@code ŷ = f·W_D + b_D + W_skip·x}, where another engine does all but the last
 * term (arXiv 2501.18823). The target of that engine is {@code y − W_skip·x}, so its residual and
 * its gradients are those of the whole transcoder. The gradient of the matrix is {@code Σ g·xᵀ}.
 * Adam updates the matrix whatever the optimiser of the features, since every step changes all of
 * its rows.
 *
 * <p>Its products, {@code 4·rows·inputWidth·outputWidth} operations a step, are done on the CPU for
 * every engine; they are a small part of encoding.
 */
public final class SkipConnection implements Extension {
  private static final ValueLayout.OfFloat FLOAT = DictionaryParameters.FLOAT;

  /** The name of the matrix in the state. */
  public static final String SKIP = "skip";

  private static final int TASK = 32;

  private final TableRows table = new TableRows();
  private final Workers workers = Workers.allCores();
  private final Arena arena = Arena.ofShared();
  private final int inputWidth;
  private final int outputWidth;
  private final Map<StateTensor, MemorySegment> added = new LinkedHashMap<>();
  private final MemorySegment skip;
  private final int[] outputs;

  private Rows input;
  private int[] tokens = new int[0];
  private float[] read = new float[0];
  private float[] skipped = new float[0];
  private float[] gradients = new float[0];
  private final GrowingMemory targetMemory = GrowingMemory.owned();
  private final GrowingMemory reconstructionMemory = GrowingMemory.owned();
  private MemorySegment target = MemorySegment.NULL;
  private float[] residual = new float[0];

  /**
   * An engine that adds {@code W_skip·x} to the output of {@code inner}; closing it closes {@code
   * inner}.
   *
   * @param skip {@code W_skip}, float32 {@code [outputWidth, inputWidth]}, copied; null for zeros
   * @throws IllegalArgumentException if the engine subtracts its decoder bias from the input, has
   *     nested prefixes, or the matrix is of another size
   */
  public static Engine around(Engine inner, MemorySegment skip) {
    return new ExtendedEngine(inner, new SkipConnection(inner.spec(), skip));
  }

  /** The skip connection of an engine; empty if it has none. */
  public static Optional<SkipConnection> of(Engine engine) {
    return engine instanceof ExtendedEngine extended
            && extended.extension() instanceof SkipConnection skip
        ? Optional.of(skip)
        : Optional.empty();
  }

  private SkipConnection(EngineSpec spec, MemorySegment skip) {
    inputWidth = spec.inputWidth();
    outputWidth = spec.outputWidth();
    long bytes = (long) inputWidth * outputWidth * Float.BYTES;
    if (spec.subtractDecoderBias()) {
      throw new IllegalArgumentException(
          "a skip connection reads the input itself, but this dictionary subtracts its decoder bias");
    }
    if (spec.prefixes().size() > 1) {
      throw new IllegalArgumentException(
          "a skip connection cannot be combined with nested dictionaries, which have an error for each prefix");
    }
    if (skip != null && skip.byteSize() != bytes) {
      throw new IllegalArgumentException(
          "a skip connection from %d to %d values has %d bytes, not %d"
              .formatted(inputWidth, outputWidth, bytes, skip.byteSize()));
    }
    boolean trains = spec.optimiser() != Optimiser.NONE;
    for (String suffix :
        trains ? List.of("", EngineState.FIRST_MOMENT, EngineState.SECOND_MOMENT) : List.of("")) {
      added.put(
          new StateTensor(SKIP + suffix, DType.F32, List.of((long) outputWidth, (long) inputWidth)),
          arena.allocate(bytes, 64));
    }
    this.skip = added.values().iterator().next();
    if (skip != null) {
      this.skip.copyFrom(skip);
    }
    outputs = IntStream.range(0, outputWidth).toArray();
  }

  /** A copy of {@code W_skip}, {@code [outputWidth, inputWidth]}. */
  public MemorySegment skip(Arena target) {
    return target.allocate(skip.byteSize(), 64).copyFrom(skip);
  }

  @Override
  public void encode(Engine inner, Rows input, ActivationFunction selection) {
    inner.encode(input, selection);
    this.input = input;
  }

  @Override
  public double decode(Engine inner, Rows target, boolean withGradients) {
    return inner.decode(unskipped(target), withGradients);
  }

  @Override
  public boolean decodeForTraining(Engine inner, Rows target) {
    return inner.decodeForTraining(unskipped(target));
  }

  /** The target without what the skip connection gives. */
  private Rows unskipped(Rows target) {
    if (input == null || target.count() != input.count() || target.width() != outputWidth) {
      // The inner engine throws an exception.
      return target;
    }
    int rows = input.count();
    read = ScratchArrays.atLeast(read, rows * inputWidth);
    skipped = ScratchArrays.atLeast(skipped, rows * outputWidth);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < inputWidth; i++) {
        read[row * inputWidth + i] = input.at(row, i);
      }
    }
    inTasks(
        rows,
        (first, end) -> {
          float[] products = new float[outputWidth];
          for (int row = first; row < end; row++) {
            table.dotRows(
                skip, inputWidth, outputs, 0, outputWidth, read, row * inputWidth, products);
            System.arraycopy(products, 0, skipped, row * outputWidth, outputWidth);
          }
        });
    this.target = targetMemory.of(rows, outputWidth);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < outputWidth; i++) {
        int at = row * outputWidth + i;
        this.target.setAtIndex(FLOAT, at, target.at(row, i) - skipped[at]);
      }
    }
    return new Rows(this.target, DType.F32, rows, outputWidth);
  }

  @Override
  public void accumulate(Engine inner) {
    if (input != null) {
      form(inner);
    }
    inner.accumulate();
  }

  /** {@code ∂W_skip}, from what the other engine left of its target. */
  private void form(Engine inner) {
    int rows = input.count();
    MemorySegment reconstruction = reconstructionMemory.of(rows, outputWidth);
    inner.readReconstruction(reconstruction);
    residual = ScratchArrays.atLeast(residual, rows * outputWidth);
    gradients = ScratchArrays.atLeast(gradients, outputWidth * inputWidth);
    tokens = tokens.length == rows ? tokens : IntStream.range(0, rows).toArray();
    float factor = 2f / rows;
    // Column after column, so that the weights of one output's tokens lie together.
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < outputWidth; i++) {
        long at = (long) row * outputWidth + i;
        residual[i * rows + row] =
            factor * (reconstruction.getAtIndex(FLOAT, at) - target.getAtIndex(FLOAT, at));
      }
    }
    inTasks(
        outputWidth,
        (first, end) -> {
          float[] sum = new float[inputWidth];
          for (int output = first; output < end; output++) {
            float[] weights = Arrays.copyOfRange(residual, output * rows, (output + 1) * rows);
            table.sumRows(read, inputWidth, tokens, weights, 0, rows, sum);
            System.arraycopy(sum, 0, gradients, output * inputWidth, inputWidth);
          }
        });
  }

  @Override
  public void update(Engine inner, AdamStep step) {
    inner.update(step);
    AdamRows.Factors factors = AdamFactors.of(step);
    MemorySegment[] parts = added.values().toArray(MemorySegment[]::new);
    AdamRows moving = new AdamRows(skip, parts[1], parts[2], outputWidth, inputWidth);
    inTasks(
        outputWidth,
        (first, end) ->
            AdamRows.during(
                session -> {
                  for (int output = first; output < end; output++) {
                    int at = output * inputWidth;
                    float[] gradient = Arrays.copyOfRange(gradients, at, at + inputWidth);
                    float beta2 = (float) step.beta2();
                    session.step(0, output, gradient, (float) step.beta1(), beta2, factors);
                  }
                },
                moving));
    input = null;
  }

  @Override
  public void readReconstruction(Engine inner, MemorySegment destination) {
    inner.readReconstruction(destination);
    int count = inner.codes().rows() * outputWidth;
    for (int i = 0; i < count; i++) {
      destination.setAtIndex(FLOAT, i, destination.getAtIndex(FLOAT, i) + skipped[i]);
    }
  }

  @Override
  public Map<StateTensor, MemorySegment> added() {
    return Collections.unmodifiableMap(added);
  }

  @Override
  public void close() {
    workers.close();
    arena.close();
    targetMemory.close();
    reconstructionMemory.close();
  }

  @FunctionalInterface
  private interface Range {
    void run(int first, int end);
  }

  private void inTasks(int count, Range body) {
    workers.run(
        Math.ceilDiv(count, TASK),
        task -> body.run(task * TASK, Math.min(count, (task + 1) * TASK)));
  }
}
