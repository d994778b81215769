package io.sluice.model.cpu;

import static io.sluice.model.cpu.HookedRows.rows;

import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.simd.layers.RowNorm;
import java.lang.foreign.MemorySegment;

/** The part of a forward pass that computes the MLPs of layers, or their mixtures of experts. */
final class MlpRun {
  private final RunMemory memory;
  private final CpuPass pass;
  private final Hooks hooks;
  private final int width;
  private final RowSteps steps;

  /**
   * @param width of the residual stream
   * @param steps where the pass collects its steps
   */
  MlpRun(RunMemory memory, CpuPass pass, int width, RowSteps steps) {
    this.memory = memory;
    this.pass = pass;
    this.hooks = pass.hooks();
    this.width = width;
    this.steps = steps;
  }

  /**
   * The MLP of a layer.
   *
   * @param from the residual stream that it reads
   * @return its output, once the steps have run; null if the pass ends
   */
  MemorySegment transform(CpuLayer layer, MemorySegment from) {
    boolean hasInput = hooks.isAt(new HookPoint(layer.index(), HookKind.MLP_IN));
    MemorySegment read = hasInput ? mlpInput(layer, from) : from;
    if (hooks.endBefore(layer.index(), HookKind.MLP_ACT)) {
      return null;
    }
    RowNorm norm = hasInput ? null : layer.beforeMlp();
    return switch (layer.mlp()) {
      case CpuMlp.Dense dense -> transform(layer, dense, norm, read);
      case CpuMlp.Mixture mixture -> mix(layer, mixture, norm, read);
    };
  }

  private MemorySegment transform(
      CpuLayer layer, CpuMlp.Dense mlp, RowNorm norm, MemorySegment read) {
    int innerWidth = mlp.up().out();
    MemorySegment act = null;
    if (hooks.isAt(new HookPoint(layer.index(), HookKind.MLP_ACT))) {
      HookedRows inner = HookedRows.of(pass, layer, HookKind.MLP_ACT, memory.mlpAct, innerWidth);
      steps.add(
          (first, count, workers) -> {
            MemorySegment rows =
                memory.normalised(norm, rows(read, first, count, width), count, width, workers);
            mlp.inner(rows, count, rows(inner.memory(), first, count, innerWidth), workers);
          });
      act = inner.afterHooks(steps);
      if (hooks.endBefore(layer.index(), HookKind.MLP_OUT)) {
        return null;
      }
    }
    MemorySegment whole = act;
    HookedRows out = HookedRows.of(pass, layer, HookKind.MLP_OUT, memory.mlpOut, width);
    steps.add(
        (first, count, workers) -> {
          MemorySegment inner;
          if (whole == null) {
            inner = memory.scratch.get().inner.of(count, innerWidth);
            MemorySegment rows =
                memory.normalised(norm, rows(read, first, count, width), count, width, workers);
            mlp.inner(rows, count, inner, workers);
          } else {
            inner = rows(whole, first, count, innerWidth);
          }
          mlp.down().multiply(inner, count, rows(out.memory(), first, count, width), workers);
        });
    return out.afterHooks(steps);
  }

  private MemorySegment mix(
      CpuLayer layer, CpuMlp.Mixture mixture, RowNorm norm, MemorySegment read) {
    HookedRows out = HookedRows.of(pass, layer, HookKind.MLP_OUT, memory.mlpOut, width);
    steps.add(
        (first, count, workers) -> {
          MemorySegment rows =
              memory.normalised(norm, rows(read, first, count, width), count, width, workers);
          MemorySegment to = rows(out.memory(), first, count, width);
          memory.scratch.get().mixed.run(mixture, rows, count, to, workers);
        });
    return out.afterHooks(steps);
  }

  /** What the MLP reads, where there is a hook: a separate copy, so that the stream stays. */
  private MemorySegment mlpInput(CpuLayer layer, MemorySegment from) {
    HookedRows input = HookedRows.of(pass, layer, HookKind.MLP_IN, memory.mlpIn, width);
    steps.add(
        (first, count, workers) -> {
          MemorySegment rows = rows(from, first, count, width);
          rows(input.memory(), first, count, width)
              .copyFrom(memory.normalised(layer.beforeMlp(), rows, count, width, workers));
        });
    return input.afterHooks(steps);
  }
}
