package io.sluice.engine;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.arithmetic.BatchResult;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Penalty;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.DoubleSupplier;

/**
 * One dictionary's parameters and optimiser state, and the four operations of a training step. With
 * input {@code x}, target {@code y} (the same for an autoencoder) and {@code p = b_D} if {@link
 * EngineSpec#subtractDecoderBias()}, else 0:
 *
 * <pre>
 * encode      f = select(ReLU((x − p)·W_Eᵀ + b_E))
 * decode      ŷ = f·W_D + b_D,  e = ŷ − y,  g = 2e / rows,  ∂f_j = ⟨g, W_D[j]⟩ where f_j &gt; 0
 * accumulate  ∂W_D[j] = Σ f_j·g,  ∂W_E[j] = Σ ∂f_j·(x − p),  ∂b_E[j] = Σ ∂f_j,
 *             ∂b_D = Σ g  (− Σ ∂f_j·W_E[j] if p = b_D)
 * update      one step of the optimiser
 * </pre>
 *
 * which is the gradient of the mean over rows of {@code ‖e‖²} in closed form: no {@code rows ×
 * features} matrix is kept and no {@code features × width} gradient is built.
 *
 * <p>With nested dictionaries ({@link EngineSpec#prefixes}) each prefix has its own error. {@code
 * g} is then the mean over the prefixes that contain the feature, and {@code ŷ} is the
 * reconstruction of the last prefix.
 *
 * <p>The order is {@code encode}, {@code decode}, {@code accumulate}, {@code update}; a pass may
 * stop after any of the first two. After {@code accumulate} the only operation allowed is {@code
 * update} (reading results stays allowed), so that an engine is free to put both into one pass over
 * the active rows: {@code accumulate} then only notes what to do. A call out of order is an {@link
 * IllegalStateException}.
 *
 * <p>An engine is used by one thread at a time; inside it may use many. Given the same state and
 * the same calls, it gives the same bits on the same machine. {@link #close()} frees all memory;
 * use after it is an {@link IllegalStateException}.
 */
public interface Engine extends AutoCloseable {

  /** The shape and options this engine was made with. */
  EngineSpec spec();

  /** A short name for people and files, for instance {@code torch cpu}. */
  String name();

  /**
   * The bounds used for the last encoded batch, with which few products are computed in float32:
   * {@code int8}, {@code directions}, both, or {@code none}. Results do not depend on it.
   */
  String screen();

  /**
   * Says that these very rows are encoded and decoded soon, so that a GPU can copy them while it
   * still computes with others. This is the only method that a second thread may call while the
   * engine works; it must be the same one each time, and no more than one batch ahead.
   *
   * @param input of {@link #encode}
   * @param target of {@link #decode}, perhaps the same object
   */
  default void prepare(Rows input, Rows target) {}

  /**
   * Encodes a batch. The codes stay in the engine until the next call.
   *
   * @param input {@code [rows, inputWidth]}, finite; kept unchanged by the caller until {@link
   *     #update} has returned, or until the next {@code encode}
   * @throws IllegalArgumentException if the width is not the dictionary's, or k exceeds the
   *     features, or there are not as many thresholds
   */
  void encode(Rows input, ActivationFunction selection);

  /**
   * Decodes the codes and compares with the target.
   *
   * @param target {@code [rows, outputWidth]}; the object given to {@link #encode} for an
   *     autoencoder
   * @param gradients whether feature gradients will be wanted; if not, {@link #accumulate} is
   *     refused
   * @return the squared error of ŷ, summed over rows and columns
   */
  double decode(Rows target, boolean gradients);

  /**
   * Decodes like {@link #decode} with gradients, but does not wait for the error: {@link
   * #takeResults} returns it.
   *
   * @return whether {@link #takeResults} has it at hand; false if it stays on a device
   */
  boolean decodeForTraining(Rows target);

  /**
   * The results of all calls of {@link #decodeForTraining} since the last one of this method, in
   * their order. An engine on a GPU keeps them there until then, and waits here for all its work.
   */
  List<BatchResult> takeResults();

  /**
   * Adds {@code weight · Σ_j φ(f_j·‖W_D[j]‖)}, as its mean over rows, to the loss whose gradients
   * will be formed. Called after {@link #decode} with gradients, at most once.
   *
   * @param penalty φ
   * @param weight of the penalty against the squared error, at least 0
   * @return what is added, the mean over rows; an engine on a GPU computes it when it is asked for,
   *     before the next {@link #encode}
   * @throws IllegalArgumentException for a {@link Penalty.Count} without learned thresholds, which
   *     alone feel it
   */
  DoubleSupplier penalise(Penalty penalty, double weight);

  /** Like {@link #penalise(Penalty, double)} with {@link Penalty.Linear}. */
  default DoubleSupplier penalise(double weight) {
    return penalise(new Penalty.Linear(), weight);
  }

  /**
   * The mean over rows of {@code Σ_j φ(f_j·‖W_D[j]‖)} for the codes of the last {@link #decode};
   * changes nothing.
   */
  double charge(Penalty penalty);

  /**
   * Adds the loss of dead features, which learn the residual (AuxK, arXiv 2406.04093): with {@code
   * e = y − ŷ} taken as constant and {@code ê = Σ f_j·W_D[j]} over each token's {@code k} largest
   * dead features, adds {@code weight · ‖ê − e‖²}, as its mean over rows, to the loss whose
   * gradients will be formed. Dead are the features that were last marked at or before {@code
   * clock} and are in no code of this batch. Called after {@link #decode} with gradients, at most
   * once, for selections that count features.
   *
   * @param k dead features per token, at least 1; fewer where there are fewer
   * @param weight of this loss against the squared error, at least 0
   * @return what is added, the mean over rows, as {@link #penalise} returns it; 0 if nothing is
   *     dead
   */
  DoubleSupplier addDeadFeatureLoss(int k, double weight, long clock);

  /**
   * Forms the gradients of the batch, or notes that {@link #update} shall.
   *
   * @throws IllegalStateException if the engine was made without an optimiser
   */
  void accumulate();

  /** Moves the parameters by one optimiser step and clears the gradients. */
  void update(AdamStep step);

  /**
   * The codes of the last {@link #encode}, in host memory; good until the next. An engine that
   * computes elsewhere copies them when it is first asked.
   */
  Codes codes();

  /** The number of {@link #codes}; asking copies nothing. */
  default int codeCount() {
    return codes().entries();
  }

  /** {@link Codes#leastScore} of {@link #codes}; asking copies nothing. */
  default float leastScore() {
    return codes().leastScore();
  }

  /** Copies the last {@link #decode}'s ŷ, float32 {@code [rows, outputWidth]}, to host memory. */
  void readReconstruction(MemorySegment destination);

  /**
   * Notes that every feature in the current codes fired.
   *
   * @param clock tokens seen in the run so far, this batch included
   */
  void markFired(long clock);

  /**
   * How many features were last marked later than {@code clock}. With {@code clock = now − window}
   * the others are the dead ones. A feature that never fired counts as last marked at 0, so nothing
   * is dead before a whole window has passed.
   */
  int firedSince(long clock);

  /**
   * Everything that training carries from step to step, in a fixed order: parameters, moments, and
   * clocks. Restoring all of it gives an engine that goes on bit by bit as this one would have.
   */
  List<StateTensor> state();

  /**
   * One tensor of the state in host memory, native byte order: either a view of the engine's own
   * memory, good until the next operation, or a copy in {@code arena}.
   */
  default MemorySegment read(StateTensor tensor, Arena arena) {
    return read(tensor, 0, tensor.rows(), arena);
  }

  /**
   * Like {@link #read(StateTensor, Arena)}, some rows of a tensor: for those that are too large to
   * copy.
   *
   * @param first the first row
   * @param count how many
   */
  MemorySegment read(StateTensor tensor, long first, long count, Arena arena);

  /**
   * The tensor of the state with this name.
   *
   * @throws IllegalStateException if there is none
   */
  default StateTensor tensor(String name) {
    for (StateTensor tensor : state()) {
      if (tensor.name().equals(name)) {
        return tensor;
      }
    }
    throw new IllegalStateException("engine " + name() + " has no " + name);
  }

  /** Replaces one tensor of the state by {@code data}, which has exactly its size. */
  default void write(StateTensor tensor, MemorySegment data) {
    if (data.byteSize() != tensor.bytes()) {
      throw new IllegalArgumentException(
          tensor.name() + " has " + tensor.bytes() + " bytes, not " + data.byteSize());
    }
    write(tensor, 0, data);
  }

  /**
   * Replaces some rows of a tensor of the state.
   *
   * @param first the first row
   * @param data whole rows
   */
  void write(StateTensor tensor, long first, MemorySegment data);

  /** A copy of the parameters in memory of {@code arena}. */
  default DictionaryParameters parameters(Arena arena) {
    EngineSpec spec = spec();
    DictionaryParameters copy =
        DictionaryParameters.allocate(
            arena, spec.inputWidth(), spec.outputWidth(), spec.features());
    List<StateTensor> state = state();
    List<MemorySegment> parts =
        List.of(copy.encoder(), copy.encoderBias(), copy.decoder(), copy.decoderBias());
    for (int i = 0; i < parts.size(); i++) {
      try (Arena scratch = Arena.ofConfined()) {
        parts.get(i).copyFrom(read(state.get(i), scratch));
      }
    }
    return copy;
  }

  /** Frees the engine's memory. Closing twice is allowed. */
  @Override
  void close();
}
