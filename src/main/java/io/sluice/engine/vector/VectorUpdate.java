package io.sluice.engine.vector;

import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.EngineState;
import io.sluice.engine.arithmetic.FeatureGroups;
import io.sluice.engine.arithmetic.GradientTerms;
import io.sluice.engine.arithmetic.Prefixes;
import io.sluice.engine.arithmetic.SiteNorms;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import io.sluice.simd.adam.AdamRows;
import io.sluice.simd.batch.BatchEncoder;
import io.sluice.simd.batch.TableRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Gradients of weights and the optimiser's step in one pass over the active rows, so that each is
 * read and written once.
 */
final class VectorUpdate implements AutoCloseable {
  /** Places in {@link #moving}. */
  private static final int ENCODER = 0;

  private static final int DECODER = 1;
  private static final int ENCODER_BIAS = 2;
  private static final int DECODER_BIAS = 3;

  private final EngineSpec spec;
  private final VectorParameters parameters;
  private final VectorSelection selection;
  private final VectorBatch batch;
  private final TableRows table = new TableRows();
  private final VectorTasks tasks;
  private final Prefixes prefixes;

  /** The matrices that the optimiser updates; none without an optimiser. */
  private final AdamRows[] moving;

  private final FeatureGroups groups;

  /**
   * By feature, whether a moment of its rows may be other than zero. Without one, a step of Adam
   * without a gradient changes nothing, so rows that never fired are not read.
   */
  private final boolean[] hasMoments;

  /** By task, the part of the decoder bias's gradient that comes through the encoder. */
  private final float[][] biasParts;

  private float[] decoderBiasGradient = new float[0];
  private GradientTerms terms;

  VectorUpdate(
      EngineSpec spec,
      VectorParameters parameters,
      VectorSelection selection,
      VectorBatch batch,
      VectorTasks tasks) {
    this.spec = spec;
    this.parameters = parameters;
    this.selection = selection;
    this.batch = batch;
    this.tasks = tasks;
    this.prefixes = new Prefixes(spec.prefixes());
    this.groups = new FeatureGroups(spec.features());
    this.hasMoments = new boolean[spec.features()];
    moving =
        spec.optimiser() == Optimiser.NONE
            ? new AdamRows[0]
            : new AdamRows[] {
              adamRows(EngineState.ENCODER, spec.features(), spec.inputWidth()),
              adamRows(EngineState.DECODER, spec.features(), spec.outputWidth()),
              adamRows(EngineState.ENCODER_BIAS, spec.features(), 1),
              adamRows(EngineState.DECODER_BIAS, 1, spec.outputWidth())
            };
    biasParts =
        spec.subtractDecoderBias() ? new float[tasks.featureTasks()][spec.inputWidth()] : null;
  }

  /** {@link Arithmetic#accumulate}: all but the decoder bias's part is left to {@link #update}. */
  void accumulate(Rows input, Codes codes, GradientTerms terms) {
    this.terms = terms;
    groups.group(codes);
    int width = spec.outputWidth();
    decoderBiasGradient = ScratchArrays.atLeast(decoderBiasGradient, width);
    Arrays.fill(decoderBiasGradient, 0);
    int rows = input.count();
    for (int row = 0; row < rows; row++) {
      int at = row * prefixes.levels() * width;
      for (int i = 0; i < width; i++) {
        decoderBiasGradient[i] += batch.residualGradient[at + i];
      }
    }
  }

  /** {@link Arithmetic#update}. */
  void update(AdamStep step) {
    boolean dense = spec.optimiser() == Optimiser.ADAM;
    boolean following = selection.startFollowing();
    parameters.rowsChange();
    AdamRows.Factors factors = AdamFactors.of(step);
    moveFeatures(
        (session, task, first, end) -> {
          BatchEncoder.Follower follower = following ? selection.follower() : null;
          try {
            updateFeatures(session, follower, task, first, end, step, dense, factors);
          } finally {
            if (follower != null) {
              follower.end();
            }
          }
        });
    if (biasParts != null) {
      for (float[] part : biasParts) {
        for (int i = 0; i < part.length; i++) {
          decoderBiasGradient[i] -= part[i];
        }
      }
    }
    moveDecoderBias(step, decoderBiasGradient, factors);
  }

  private void moveDecoderBias(AdamStep step, float[] gradient, AdamRows.Factors factors) {
    float beta1 = (float) step.beta1();
    float beta2 = (float) step.beta2();
    AdamRows.during(
        session -> session.step(DECODER_BIAS, 0, gradient, beta1, beta2, factors), moving);
  }

  private void updateFeatures(
      AdamRows.Session session,
      BatchEncoder.Follower follower,
      int task,
      int first,
      int end,
      AdamStep step,
      boolean dense,
      AdamRows.Factors factors) {
    if (biasParts != null) {
      Arrays.fill(biasParts[task], 0);
    }
    VectorTasks.Scratch own = tasks.scratch();
    float beta1 = (float) step.beta1();
    float beta2 = (float) step.beta2();
    MemorySegment lastSteps = dense ? null : parameters.get(EngineState.LAST_STEP);
    int group = groups.firstAtLeast(first);
    for (int feature = first; feature < end; feature++) {
      boolean fired = group < groups.groups() && groups.feature(group) == feature;
      if (!fired) {
        if (dense && hasMoments[feature]) {
          session.step(ENCODER, feature, null, beta1, beta2, factors);
          session.step(DECODER, feature, null, beta1, beta2, factors);
          own.fit(1, 1);
          own.gradient[0] = 0;
          session.step(ENCODER_BIAS, feature, own.gradient, beta1, beta2, factors);
          follow(follower, feature);
        } else if (dense) {
          continue;
        } else if (group < groups.groups()) {
          // Nothing between two active rows moves.
          feature = Math.min(end, groups.feature(group)) - 1;
        } else {
          return;
        }
        continue;
      }
      float decay1 = beta1;
      float decay2 = beta2;
      if (!dense) {
        long last = lastSteps.getAtIndex(ValueLayout.JAVA_LONG, feature);
        lastSteps.setAtIndex(ValueLayout.JAVA_LONG, feature, step.step());
        if (last != step.step() - 1) {
          decay1 = (float) Math.pow(step.beta1(), step.step() - last);
          decay2 = (float) Math.pow(step.beta2(), step.step() - last);
        }
      }
      moveFired(session, task, feature, group, own, decay1, decay2, factors);
      follow(follower, feature);
      group++;
    }
  }

  /**
   * Gradients and the step of one feature's rows. A method of its own, because with the loop around
   * it C2 would stop to inline before its end.
   *
   * @param group which of the {@link #groups} is the feature's
   */
  private void moveFired(
      AdamRows.Session session,
      int task,
      int feature,
      int group,
      VectorTasks.Scratch own,
      float decay1,
      float decay2,
      AdamRows.Factors factors) {
    int inputWidth = spec.inputWidth();
    int outputWidth = spec.outputWidth();
    float[] codeValues = batch.codeValues;
    float[] codeGradients = batch.codeGradients;
    double[] rowTerms = terms.decoderRows();
    double[] biasShift = terms.encoderBias();
    hasMoments[feature] = true;
    int start = groups.start(group);
    int places = groups.start(group + 1) - start;
    own.fit(Math.max(inputWidth, outputWidth), places);
    float biasGradient = 0;
    for (int i = 0; i < places; i++) {
      int entry = groups.entry(start + i);
      own.tokens[i] = groups.token(start + i);
      own.forDecoder[i] = codeValues[entry];
      own.forEncoder[i] = codeGradients[entry];
      biasGradient += codeGradients[entry];
    }
    if (biasParts != null) {
      table.addRow(parameters.encoder, inputWidth, feature, biasGradient, biasParts[task]);
    }
    int[] residualRows = own.tokens;
    if (prefixes.levels() > 1) {
      int level = prefixes.levelOf(feature);
      residualRows = own.residualRows;
      for (int i = 0; i < places; i++) {
        residualRows[i] = own.tokens[i] * prefixes.levels() + level;
      }
    }
    table.sumRows(
        batch.residualGradient, outputWidth, residualRows, own.forDecoder, 0, places, own.gradient);
    if (rowTerms != null && spec.siteCount() > 1) {
      float[] row = new float[outputWidth];
      parameters.copyDecoderRow(feature, row, 0);
      SiteNorms.addUnitParts(row, 0, spec.sites(), rowTerms[feature], own.gradient);
    } else if (rowTerms != null) {
      table.addRow(
          parameters.decoder, outputWidth, feature, (float) rowTerms[feature], own.gradient);
    }
    session.step(DECODER, feature, own.gradient, decay1, decay2, factors);
    table.sumRows(batch.seen, inputWidth, own.tokens, own.forEncoder, 0, places, own.gradient);
    session.step(ENCODER, feature, own.gradient, decay1, decay2, factors);
    own.gradient[0] =
        biasShift == null ? biasGradient : (float) (biasGradient - biasShift[feature]);
    session.step(ENCODER_BIAS, feature, own.gradient, decay1, decay2, factors);
  }

  /** Prepares a row for the next encoding, or takes note that it has moved. */
  private void follow(BatchEncoder.Follower follower, int feature) {
    if (follower == null) {
      parameters.moved(feature);
    } else {
      follower.follow(feature, parameters.encoderBias(feature));
    }
  }

  private AdamRows adamRows(String name, int rows, int width) {
    boolean isMatrix = name.equals(EngineState.ENCODER) || name.equals(EngineState.DECODER);
    return new AdamRows(
        parameters.get(name),
        parameters.get(name + EngineState.FIRST_MOMENT),
        parameters.get(name + EngineState.SECOND_MOMENT),
        rows,
        width,
        isMatrix ? spec.moments() : DType.F32,
        EngineState.roundingNumber(name));
  }

  /** {@link Arithmetic#updateDecoder}. */
  void updateDecoder(
      AdamStep step, FeatureGroups groups, float[] rowGradients, float[] biasGradient) {
    parameters.changed();
    int width = spec.outputWidth();
    AdamRows.Factors factors = AdamFactors.of(step);
    boolean dense = spec.optimiser() == Optimiser.ADAM;
    moveFeatures(
        (session, task, first, end) -> {
          VectorTasks.Scratch own = tasks.scratch();
          own.fit(width, 1);
          int group = groups.firstAtLeast(first);
          for (int feature = first; feature < end; feature++) {
            boolean fired = group < groups.groups() && groups.feature(group) == feature;
            if (fired) {
              System.arraycopy(rowGradients, group++ * width, own.gradient, 0, width);
              hasMoments[feature] = true;
            } else if (!dense || !hasMoments[feature]) {
              continue;
            }
            long since = dense ? 1 : stepsSince(feature, step.step());
            float decay1 = (float) Math.pow(step.beta1(), since);
            float decay2 = (float) Math.pow(step.beta2(), since);
            float[] gradient = fired ? own.gradient : null;
            session.step(DECODER, feature, gradient, decay1, decay2, factors);
          }
        });
    moveDecoderBias(step, biasGradient, factors);
  }

  /** Finds out which features have moments after rows of a tensor of the state were replaced. */
  void replaced(StateTensor tensor, long first, MemorySegment rows) {
    String name = tensor.name();
    boolean isMoment =
        name.endsWith(EngineState.FIRST_MOMENT) || name.endsWith(EngineState.SECOND_MOMENT);
    if (!isMoment || name.startsWith(EngineState.DECODER_BIAS)) {
      return;
    }
    long bytes = tensor.rowBytes();
    try (Arena own = Arena.ofConfined()) {
      MemorySegment zeros = own.allocate(bytes);
      for (long at = 0; at < rows.byteSize(); at += bytes) {
        int feature = (int) (first + at / bytes);
        hasMoments[feature] |= MemorySegment.mismatch(rows, at, at + bytes, zeros, 0, bytes) >= 0;
      }
    }
  }

  /** Steps since a feature last moved, which it does now. */
  private long stepsSince(int feature, long step) {
    MemorySegment lastSteps = parameters.get(EngineState.LAST_STEP);
    long last = lastSteps.getAtIndex(ValueLayout.JAVA_LONG, feature);
    lastSteps.setAtIndex(ValueLayout.JAVA_LONG, feature, step);
    return step - last;
  }

  /** What is done with the features of a task while their memory is held. */
  @FunctionalInterface
  private interface Move {
    void run(AdamRows.Session session, int task, int first, int end);
  }

  private void moveFeatures(Move body) {
    tasks.forFeatures(
        (task, first, end) ->
            AdamRows.during(session -> body.run(session, task, first, end), moving));
  }

  @Override
  public void close() {
    groups.close();
  }
}
