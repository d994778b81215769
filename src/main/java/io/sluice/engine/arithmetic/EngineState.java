package io.sluice.engine.arithmetic;

import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * The names and shapes of the tensors that an engine keeps from step to step, as checkpoints have
 * them.
 */
public final class EngineState {
  public static final String ENCODER = "encoder";
  public static final String ENCODER_BIAS = "encoder_bias";
  public static final String DECODER = "decoder";
  public static final String DECODER_BIAS = "decoder_bias";

  /** Suffix of a parameter's first moment. */
  public static final String FIRST_MOMENT = ".first_moment";

  /** Suffix of a parameter's second moment. */
  public static final String SECOND_MOMENT = ".second_moment";

  /** The clock at which each feature last fired. */
  public static final String LAST_FIRED = "last_fired";

  /** The step at which each feature last moved, in row-lazy SparseAdam. */
  public static final String LAST_STEP = "last_step";

  private EngineState() {}

  /** What tells the random bits of a matrix from those of the other, where moments are rounded. */
  public static int roundingNumber(String matrix) {
    return matrix.equals(ENCODER) ? 0 : 1;
  }

  /** The suffixes of a parameter's name: none, and in training those of its two moments. */
  public static List<String> suffixes(Optimiser optimiser) {
    return optimiser == Optimiser.NONE ? List.of("") : List.of("", FIRST_MOMENT, SECOND_MOMENT);
  }

  /** The four parameters and, for training, their two moments. */
  public static List<StateTensor> ofAdam(EngineSpec spec) {
    List<StateTensor> state = new ArrayList<>();
    long features = spec.features();
    long inputWidth = spec.inputWidth();
    long outputWidth = spec.outputWidth();
    for (String suffix : suffixes(spec.optimiser())) {
      DType type = suffix.isEmpty() ? DType.F32 : spec.moments();
      state.add(new StateTensor(ENCODER + suffix, type, List.of(features, inputWidth)));
      state.add(new StateTensor(ENCODER_BIAS + suffix, DType.F32, List.of(features)));
      state.add(new StateTensor(DECODER + suffix, type, List.of(features, outputWidth)));
      state.add(new StateTensor(DECODER_BIAS + suffix, DType.F32, List.of(outputWidth)));
    }
    return state;
  }

  /** Like {@link #ofAdam}, and the last steps where resting rows decay late. */
  public static List<StateTensor> ofLazyAdam(EngineSpec spec) {
    List<StateTensor> state = ofAdam(spec);
    if (spec.optimiser() == Optimiser.SPARSE_ADAM) {
      state.add(new StateTensor(LAST_STEP, DType.I64, List.of((long) spec.features())));
    }
    return state;
  }
}
