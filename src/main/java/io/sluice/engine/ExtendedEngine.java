package io.sluice.engine;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.arithmetic.BatchResult;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Penalty;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;

/**
 * An engine with an {@link Extension}. Encoding, decoding and updating go through the extension;
 * all else is the engine's. The state has the engine's tensors, then those of the extension.
 */
final class ExtendedEngine implements Engine {
  private final Engine inner;
  private final Extension extension;
  private boolean closed;

  /** Extends an engine, which is closed together with the extension. */
  ExtendedEngine(Engine inner, Extension extension) {
    this.inner = inner;
    this.extension = extension;
  }

  Extension extension() {
    return extension;
  }

  /** The extension may make another target of it. */
  @Override
  public void prepare(Rows input, Rows target) {
    inner.prepare(input, input);
  }

  @Override
  public void encode(Rows input, ActivationFunction selection) {
    extension.encode(inner, input, selection);
  }

  @Override
  public double decode(Rows target, boolean withGradients) {
    return extension.decode(inner, target, withGradients);
  }

  @Override
  public boolean decodeForTraining(Rows target) {
    return extension.decodeForTraining(inner, target);
  }

  @Override
  public List<BatchResult> takeResults() {
    return inner.takeResults();
  }

  @Override
  public void readReconstruction(MemorySegment destination) {
    extension.readReconstruction(inner, destination);
  }

  @Override
  public void accumulate() {
    extension.accumulate(inner);
  }

  @Override
  public void update(AdamStep step) {
    extension.update(inner, step);
  }

  @Override
  public EngineSpec spec() {
    return inner.spec();
  }

  @Override
  public String name() {
    return inner.name();
  }

  @Override
  public String screen() {
    return inner.screen();
  }

  @Override
  public DoubleSupplier penalise(Penalty penalty, double weight) {
    return inner.penalise(penalty, weight);
  }

  @Override
  public double charge(Penalty penalty) {
    return inner.charge(penalty);
  }

  @Override
  public DoubleSupplier addDeadFeatureLoss(int k, double weight, long clock) {
    return inner.addDeadFeatureLoss(k, weight, clock);
  }

  @Override
  public Codes codes() {
    return inner.codes();
  }

  @Override
  public int codeCount() {
    return inner.codeCount();
  }

  @Override
  public float leastScore() {
    return inner.leastScore();
  }

  @Override
  public void markFired(long clock) {
    inner.markFired(clock);
  }

  @Override
  public int firedSince(long clock) {
    return inner.firedSince(clock);
  }

  @Override
  public List<StateTensor> state() {
    List<StateTensor> all = new ArrayList<>(inner.state());
    all.addAll(extension.added().keySet());
    return List.copyOf(all);
  }

  @Override
  public MemorySegment read(StateTensor tensor, long first, long count, Arena arena) {
    MemorySegment added = extension.added().get(tensor);
    return added == null
        ? inner.read(tensor, first, count, arena)
        : added.asSlice(first * tensor.rowBytes(), count * tensor.rowBytes());
  }

  @Override
  public void write(StateTensor tensor, long first, MemorySegment data) {
    MemorySegment added = extension.added().get(tensor);
    if (added == null) {
      inner.write(tensor, first, data);
    } else {
      added.asSlice(first * tensor.rowBytes()).copyFrom(data);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      inner.close();
      extension.close();
    }
  }
}
