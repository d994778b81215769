package io.sluice.engine;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Penalty;
import io.sluice.engine.spec.StateTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** An engine that adds to what another one does; all that it leaves alone is the other's. */
abstract class WrappedEngine implements Engine {
  static final ValueLayout.OfFloat FLOAT = DictionaryParameters.FLOAT;

  final Engine inner;

  WrappedEngine(Engine inner) {
    this.inner = inner;
  }

  /** The tensors that come after the other engine's. */
  abstract List<StateTensor> added();

  /** The memory of one of them. */
  abstract MemorySegment memoryOf(StateTensor added);

  @Override
  public EngineSpec spec() {
    return inner.spec();
  }

  @Override
  public String name() {
    return inner.name();
  }

  @Override
  public double penalise(Penalty penalty, double weight) {
    return inner.penalise(penalty, weight);
  }

  @Override
  public double charge(Penalty penalty) {
    return inner.charge(penalty);
  }

  @Override
  public double addDeadFeatureLoss(int k, double weight, long clock) {
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
    all.addAll(added());
    return List.copyOf(all);
  }

  @Override
  public MemorySegment read(StateTensor tensor, Arena arena) {
    return added().contains(tensor) ? memoryOf(tensor) : inner.read(tensor, arena);
  }

  @Override
  public void write(StateTensor tensor, MemorySegment data) {
    if (!added().contains(tensor)) {
      inner.write(tensor, data);
      return;
    }
    if (data.byteSize() != tensor.bytes()) {
      throw new IllegalArgumentException(
          tensor.name() + " takes " + tensor.bytes() + " bytes, not " + data.byteSize());
    }
    memoryOf(tensor).copyFrom(data);
  }
}
