package io.sluice.lorsa.engine;

import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Runs and trains one Lorsa on a device of LibTorch. Contexts go through in chunks, so that memory
 * does not grow with the batch: a chunk holds a few {@code tokens × heads} and {@code groups ×
 * length²} numbers. Used by one thread at a time.
 */
public final class LorsaEngine implements AutoCloseable {
  /** Elements of the largest tensors of a chunk: 64 MiB each on the CPU, 1 GiB on a GPU. */
  private static final long CPU_ELEMENTS = 1L << 24;

  private static final long GPU_ELEMENTS = 1L << 28;

  private final LorsaSpec spec;
  private final Device device;
  private final boolean trains;
  private final TensorScope kept = TensorScope.detached();
  private final Map<LorsaTensor, Tensor> weights = new EnumMap<>(LorsaTensor.class);
  private final Map<LorsaTensor, Tensor> gradients = new EnumMap<>(LorsaTensor.class);
  private final Map<String, Tensor> state = new LinkedHashMap<>();
  private final RotaryPositions rotary;
  private final Masks masks;
  private final long[] lastFired;
  private final boolean[] firedNow;
  private final long chunkElements;

  private LorsaEngine(LorsaWeights start, Device device, boolean trains, long chunkElements) {
    this.spec = start.spec();
    this.device = device;
    this.trains = trains;
    this.chunkElements = chunkElements;
    this.rotary = new RotaryPositions(spec.rotaryFrequencies(), device, kept);
    this.masks = new Masks(spec, device, kept);
    this.lastFired = new long[spec.heads()];
    this.firedNow = new boolean[spec.heads()];
    Arrays.fill(lastFired, -1);
    try (TensorScope scope = TensorScope.open()) {
      for (LorsaTensor tensor : LorsaTensor.values()) {
        Tensor weight = Tensor.empty(DType.F32, device, tensor.shape(spec)).moveTo(kept);
        weight.copyFrom(start.get(tensor));
        weights.put(tensor, weight);
        state.put(tensor.label(), weight);
      }
      if (trains) {
        for (LorsaTensor tensor : LorsaTensor.values()) {
          gradients.put(tensor, zeros(tensor));
          state.put(tensor.label() + ".first_moment", zeros(tensor));
          state.put(tensor.label() + ".second_moment", zeros(tensor));
        }
      }
    }
  }

  private Tensor zeros(LorsaTensor tensor) {
    return Tensor.zeros(DType.F32, device, tensor.shape(spec)).moveTo(kept);
  }

  /**
   * An engine that runs and trains.
   *
   * @param start the first weights, which are copied
   * @throws io.sluice.torch.TorchException if there is no LibTorch, or no such device
   */
  public static LorsaEngine training(LorsaWeights start, Device device) {
    return new LorsaEngine(start, device, true, elements(device));
  }

  /**
   * An engine that only runs.
   *
   * @param weights which are copied
   * @throws io.sluice.torch.TorchException if there is no LibTorch, or no such device
   */
  public static LorsaEngine running(LorsaWeights weights, Device device) {
    return new LorsaEngine(weights, device, false, elements(device));
  }

  /** For tests: chunks of another size, from which sums must not depend. */
  static LorsaEngine training(LorsaWeights start, Device device, long chunkElements) {
    return new LorsaEngine(start, device, true, chunkElements);
  }

  private static long elements(Device device) {
    return device.isCuda() ? GPU_ELEMENTS : CPU_ELEMENTS;
  }

  /** The form. */
  public LorsaSpec spec() {
    return spec;
  }

  /** Where it runs. */
  public Device device() {
    return device;
  }

  /** Is told, token by token, which heads fired; {@link LorsaEngine#measure}. */
  @FunctionalInterface
  public interface CodeSink {
    /** Takes nothing. */
    CodeSink NONE = (head, activation) -> {};

    /** A head fired at one of the tokens. */
    void fired(int head, float activation);
  }

  /**
   * Runs forward and compares with the target.
   *
   * @param sink receives each head that fired, in order of tokens
   * @throws IllegalArgumentException if widths are not those of the form
   */
  public LorsaResult measure(LorsaBatch batch, CodeSink sink) {
    check(batch, true);
    LorsaResult result = LorsaResult.NONE;
    for (int first = 0; first < batch.contexts(); ) {
      int count = Math.min(chunk(batch), batch.contexts() - first);
      try (TensorScope scope = TensorScope.open()) {
        LorsaPass pass = forward(batch.narrow(first, count));
        result = result.plus(result(pass, pass.error(pass.decode()), sink));
      }
      first += count;
    }
    return new LorsaResult(result.squaredError(), result.codes(), batch.tokens());
  }

  /**
   * The heads that stay at each token.
   *
   * @param heads {@code [contexts · length, k]}
   * @param activations theirs; 0 where a head does not fire, and at tokens that do not count
   */
  public record Selected(long[] heads, float[] activations) {}

  /**
   * Finds the heads that fire.
   *
   * @param batch whose target is not read
   * @throws IllegalArgumentException if widths are not those of the form
   */
  public Selected encode(LorsaBatch batch) {
    check(batch, false);
    int perContext = batch.length() * spec.k();
    long[] heads = new long[Math.multiplyExact(batch.contexts(), perContext)];
    float[] activations = new float[heads.length];
    for (int first = 0; first < batch.contexts(); ) {
      int count = Math.min(chunk(batch), batch.contexts() - first);
      try (TensorScope scope = TensorScope.open()) {
        LorsaPass pass = forward(batch.narrow(first, count));
        System.arraycopy(pass.heads().toLongs(), 0, heads, first * perContext, count * perContext);
        System.arraycopy(
            pass.codes().toFloats(), 0, activations, first * perContext, count * perContext);
      }
      first += count;
    }
    return new Selected(heads, activations);
  }

  /**
   * Runs forward only.
   *
   * @param batch whose target is not read
   * @return {@code [contexts, length, outputWidth]}, in the caller's innermost scope; at tokens
   *     that do not count it is the output's bias
   * @throws IllegalArgumentException if widths are not those of the form
   */
  public Tensor output(LorsaBatch batch) {
    check(batch, false);
    long length = batch.length();
    Tensor output = Tensor.empty(DType.F32, device, batch.contexts(), length, spec.outputWidth());
    for (int first = 0; first < batch.contexts(); ) {
      int count = Math.min(chunk(batch), batch.contexts() - first);
      try (TensorScope scope = TensorScope.open()) {
        Tensor part = forward(batch.narrow(first, count)).decode();
        output.narrow(0, first, count).copy_(part.reshape(count, length, spec.outputWidth()));
      }
      first += count;
    }
    return output;
  }

  /**
   * The activations {@code z} of all heads, before selection, for a batch that fits into one chunk.
   *
   * @param batch whose target is not read
   * @return {@code [contexts · length, heads]}, in the caller's innermost scope; 0 at tokens that
   *     do not count
   * @throws IllegalArgumentException if widths are not those of the form
   */
  public Tensor activations(LorsaBatch batch) {
    check(batch, false);
    Tensor result =
        Tensor.empty(DType.F32, device, (long) batch.contexts() * batch.length(), spec.heads());
    try (TensorScope scope = TensorScope.open()) {
      Tensor counted = Tensor.ofFloats(batch.counted(), result.size(0), 1).to(device);
      result.copy_(pass(batch).attend().mul_(counted));
    }
    return result;
  }

  /**
   * Runs forward and back: adds the gradients of {@code mean over tokens of ‖output − target‖²}.
   *
   * @throws IllegalArgumentException if widths are not those of the form, or no token counts
   * @throws IllegalStateException if the engine does not train
   */
  public LorsaResult accumulate(LorsaBatch batch) {
    requireTraining();
    check(batch, true);
    long tokens = batch.tokens();
    if (tokens == 0) {
      throw new IllegalArgumentException(
          "no token of the batch is at position " + batch.from() + " or later");
    }
    LorsaResult result = LorsaResult.NONE;
    for (int first = 0; first < batch.contexts(); ) {
      int count = Math.min(chunk(batch), batch.contexts() - first);
      try (TensorScope scope = TensorScope.open()) {
        LorsaPass pass = forward(batch.narrow(first, count));
        Tensor error = pass.error(pass.decode());
        result = result.plus(result(pass, error, (head, activation) -> firedNow[head] = true));
        pass.back(error.mul(2.0 / tokens), gradients);
      }
      first += count;
    }
    return new LorsaResult(result.squaredError(), result.codes(), tokens);
  }

  /** One step of Adam with the gradients added so far, which are then reset. */
  public void update(AdamStep step) {
    requireTraining();
    try (TensorScope scope = TensorScope.open()) {
      Tensor time = Tensor.full(step.step(), DType.F32, device);
      for (LorsaTensor tensor : LorsaTensor.values()) {
        Tensor gradient = gradients.get(tensor);
        weights
            .get(tensor)
            .adam_(
                gradient,
                state.get(tensor.label() + ".first_moment"),
                state.get(tensor.label() + ".second_moment"),
                time,
                step.learningRate(),
                step.beta1(),
                step.beta2(),
                step.epsilon());
        gradient.zero_();
      }
    }
  }

  /**
   * Notes that the heads that fired since the last call did so {@code tokens} tokens into a run.
   */
  public void markFired(long tokens) {
    for (int head = 0; head < lastFired.length; head++) {
      if (firedNow[head]) {
        lastFired[head] = tokens;
        firedNow[head] = false;
      }
    }
  }

  /** How many heads were last {@linkplain #markFired marked} after {@code tokens}. */
  public int firedSince(long tokens) {
    int count = 0;
    for (long last : lastFired) {
      count += last > tokens && last >= 0 ? 1 : 0;
    }
    return count;
  }

  /** Weights, moments and when each head last fired: all that a checkpoint needs. */
  public List<StateTensor> state() {
    List<StateTensor> tensors = new ArrayList<>();
    state.forEach(
        (name, tensor) ->
            tensors.add(
                new StateTensor(name, DType.F32, Arrays.stream(tensor.shape()).boxed().toList())));
    tensors.add(new StateTensor(LAST_FIRED, DType.I64, List.of((long) spec.heads())));
    return tensors;
  }

  private static final String LAST_FIRED = "last_fired";

  /** A copy of one tensor of the state, in memory of {@code arena}. */
  public MemorySegment read(StateTensor tensor, Arena arena) {
    return read(tensor, 0, tensor.rows(), arena);
  }

  /** A copy of rows of one tensor of the state, in memory of {@code arena}. */
  public MemorySegment read(StateTensor tensor, long first, long count, Arena arena) {
    MemorySegment copy = arena.allocate(count * tensor.rowBytes(), 64);
    if (tensor.name().equals(LAST_FIRED)) {
      MemorySegment.copy(lastFired, (int) first, copy, ValueLayout.JAVA_LONG, 0, (int) count);
    } else {
      try (TensorScope scope = TensorScope.open()) {
        known(tensor).narrow(0, first, count).copyTo(copy);
      }
    }
    return copy;
  }

  /** Sets one tensor of the state. */
  public void write(StateTensor tensor, MemorySegment values) {
    write(tensor, 0, values);
  }

  /** Sets rows of one tensor of the state, from {@code first} on. */
  public void write(StateTensor tensor, long first, MemorySegment values) {
    int count = Math.toIntExact(values.byteSize() / tensor.rowBytes());
    if (tensor.name().equals(LAST_FIRED)) {
      MemorySegment.copy(values, ValueLayout.JAVA_LONG_UNALIGNED, 0, lastFired, (int) first, count);
    } else {
      try (TensorScope scope = TensorScope.open()) {
        known(tensor).narrow(0, first, count).copyFrom(values);
      }
    }
  }

  private Tensor known(StateTensor tensor) {
    return Objects.requireNonNull(state.get(tensor.name()), tensor.name());
  }

  /** A copy of the weights as they are, in memory of {@code arena}. */
  public LorsaWeights weights(Arena arena) {
    LorsaWeights copy = LorsaWeights.allocate(arena, spec);
    for (LorsaTensor tensor : LorsaTensor.values()) {
      weights.get(tensor).copyTo(copy.get(tensor));
    }
    return copy;
  }

  /** A copy of the gradients added so far. */
  LorsaWeights gradients(Arena arena) {
    LorsaWeights copy = LorsaWeights.allocate(arena, spec);
    for (LorsaTensor tensor : LorsaTensor.values()) {
      gradients.get(tensor).copyTo(copy.get(tensor));
    }
    return copy;
  }

  private LorsaPass pass(LorsaBatch batch) {
    long pattern = (long) batch.contexts() * batch.length() * batch.length();
    int groups = Math.clamp(chunkElements / pattern, 1, spec.groups());
    return new LorsaPass(spec, weights, rotary, masks.of(batch), groups, batch);
  }

  private LorsaPass forward(LorsaBatch batch) {
    LorsaPass pass = pass(batch);
    pass.encode();
    return pass;
  }

  private static LorsaResult result(LorsaPass pass, Tensor error, CodeSink sink) {
    long[] heads = pass.heads().toLongs();
    float[] codes = pass.codes().toFloats();
    long fired = 0;
    for (int i = 0; i < codes.length; i++) {
      if (codes[i] > 0) {
        sink.fired((int) heads[i], codes[i]);
        fired++;
      }
    }
    return new LorsaResult(error.to(DType.F64).square().sum().item(), fired, 0);
  }

  /** How many contexts go through at once. */
  private int chunk(LorsaBatch batch) {
    long perContext = (long) batch.length() * Math.max(spec.heads(), batch.length());
    return Math.clamp(chunkElements / perContext, 1, batch.contexts());
  }

  private void check(LorsaBatch batch, boolean compared) {
    if (batch.input().size(2) != spec.inputWidth()
        || compared && (batch.target() == null || batch.target().size(2) != spec.outputWidth())) {
      throw new IllegalArgumentException(
          "a Lorsa of widths %d to %d got input %s and target %s"
              .formatted(spec.inputWidth(), spec.outputWidth(), batch.input(), batch.target()));
    }
  }

  private void requireTraining() {
    if (!trains) {
      throw new IllegalStateException("this engine only runs; open one that trains");
    }
  }

  @Override
  public void close() {
    kept.close();
  }
}
