package io.sluice.model.cpu;

import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.simd.layers.Attention;
import io.sluice.simd.layers.RowNorm;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.MemorySegment;

/** Runs one forward pass through the layers: the steps of each layer, and its hooks. */
final class CpuRun {
  /** What passes one after the other work in. */
  static final class Memory {
    private final Attention attention;
    private final GrowingMemory stream = new GrowingMemory();
    private final GrowingMemory read = new GrowingMemory();
    private final GrowingMemory joined = new GrowingMemory();
    private final GrowingMemory ready = new GrowingMemory();
    private final GrowingMemory z = new GrowingMemory();
    private final GrowingMemory attnOut = new GrowingMemory();
    private final GrowingMemory middle = new GrowingMemory();
    private final GrowingMemory mlpIn = new GrowingMemory();
    private final GrowingMemory mlpAct = new GrowingMemory();
    private final GrowingMemory mlpOut = new GrowingMemory();
    private final PerThread<Scratch> scratch = new PerThread<>(Scratch::new);

    Memory(Attention attention) {
      this.attention = attention;
    }

    /** The residual stream. */
    MemorySegment stream(int rows, int width) {
      return stream.of(rows, width);
    }
  }

  /** What one thread needs for the rows that it takes through some steps. */
  private static final class Scratch {
    final GrowingMemory normed = new GrowingMemory();
    final GrowingMemory inner = new GrowingMemory();
    final MixedRows mixed = new MixedRows();
  }

  private final Memory memory;
  private final CpuPass pass;
  private final Hooks hooks;
  private final int width;
  private final MemorySegment x;
  private final RowSteps steps;

  /**
   * @param width of the residual stream
   * @param x the residual stream, which each layer replaces
   */
  CpuRun(Memory memory, CpuPass pass, int width, MemorySegment x) {
    this.memory = memory;
    this.pass = pass;
    this.hooks = pass.hooks();
    this.width = width;
    this.x = x;
    this.steps = new RowSteps(CpuLayers.WORKERS, pass.count());
  }

  /** Queries, keys and values of a layer, once the steps have run; null if the pass ends. */
  MemorySegment project(CpuLayer layer) {
    if (!replaceInput(layer)) {
      return null;
    }
    RowNorm norm = layer.beforeAttention();
    int joined = layer.queriesKeysValues().out();
    MemorySegment all = projections(layer, joined);
    long before = pass.cache() == null ? 0 : pass.rows().first();
    if (!hooks.isAt(new HookPoint(layer.index(), HookKind.ATTN_IN))) {
      steps.add(
          (first, count, workers) ->
              project(
                  layer,
                  normalised(norm, rows(x, first, count, width), count, workers),
                  count,
                  rows(all, before + first, count, joined),
                  workers));
      return all;
    }
    // A separate copy: a replacement by a hook does not change the residual stream.
    HookedRows readRows = hooked(layer, HookKind.ATTN_IN, memory.read, width);
    steps.add(
        (first, count, workers) -> {
          MemorySegment rows = rows(x, first, count, width);
          rows(readRows.memory(), first, count, width)
              .copyFrom(normalised(norm, rows, count, workers));
        });
    MemorySegment source = readRows.afterHooks(steps);
    if (hooks.endBefore(layer.index(), HookKind.Q_PRE_ROPE)) {
      return null;
    }
    steps.add(
        (first, count, workers) ->
            project(
                layer,
                rows(source, first, count, width),
                count,
                rows(all, before + first, count, joined),
                workers));
    return all;
  }

  /** Queries, keys and values of some rows. */
  private static void project(
      CpuLayer layer, MemorySegment rows, int count, MemorySegment to, Workers workers) {
    LayerMatrix matrix = layer.queriesKeysValues();
    matrix.multiply(rows, count, to, workers);
    for (CpuLayer.PartNorm part : layer.projectionNorms()) {
      part.norm().applyWithin(to, count, matrix.out(), part.at(), workers);
    }
  }

  /** Hooks of the residual stream before the layer; false if the pass ends. */
  private boolean replaceInput(CpuLayer layer) {
    if (!hooks.isAt(new HookPoint(layer.index(), HookKind.RESID_IN))) {
      return true;
    }
    HookedRows input = hooked(layer, HookKind.RESID_IN, memory.stream, width);
    steps.add(
        (first, count, workers) ->
            rows(input.memory(), first, count, width).copyFrom(rows(x, first, count, width)));
    x.copyFrom(input.afterHooks(steps));
    return !hooks.endBefore(layer.index(), HookKind.ATTN_IN);
  }

  private MemorySegment projections(CpuLayer layer, int width) {
    return pass.cache() == null
        ? memory.joined.of(pass.count(), width)
        : pass.cache().rows(layer.index(), width, pass.rows().length());
  }

  /**
   * Attention and MLP of a layer.
   *
   * @param all its queries, keys and values, of all rows
   * @return false if the pass ends
   */
  boolean attendAndTransform(CpuLayer layer, MemorySegment all) {
    LayerMatrix output = layer.output();
    int heads = layer.heads().outputWidth();
    ReadyHeads ready = ReadyHeads.of(layer, pass, all, memory.ready);
    if (hooks.endBefore(layer.index(), HookKind.Z)) {
      return false;
    }
    HookedRows zRows = hooked(layer, HookKind.Z, memory.z, heads);
    memory.attention.run(ready.heads(), ready.angles(), pass.rows(), ready.rows(), zRows.memory());
    MemorySegment mixed = zRows.afterHooks(steps);
    if (hooks.endBefore(layer.index(), HookKind.ATTN_OUT)) {
      return false;
    }
    HookedRows attnRows = hooked(layer, HookKind.ATTN_OUT, memory.attnOut, width);
    MemorySegment written = attnRows.memory();
    steps.add(
        (first, count, workers) ->
            output.multiply(
                rows(mixed, first, count, heads),
                count,
                rows(written, first, count, width),
                workers));
    MemorySegment added = attnRows.afterHooks(steps);
    if (hooks.endBefore(layer.index(), HookKind.RESID_MID)) {
      return false;
    }
    HookedRows middleRows = hooked(layer, HookKind.RESID_MID, memory.middle, width);
    MemorySegment sums = middleRows.memory();
    steps.add(
        (first, count, workers) ->
            sum(layer.afterAttention(), x, added, layer.afterSum(), sums, first, count, workers));
    MemorySegment between = middleRows.afterHooks(steps);
    if (hooks.endBefore(layer.index(), HookKind.MLP_IN)) {
      return false;
    }
    MemorySegment more = transform(layer, layer.parallel() ? x : between);
    if (more == null) {
      return false;
    }
    if (hooks.endBefore(layer.index(), HookKind.RESID)) {
      return false;
    }
    HookedRows residRows = hooked(layer, HookKind.RESID, memory.stream, width);
    steps.add(
        (first, count, workers) ->
            sum(
                layer.afterMlp(),
                between,
                more,
                layer.afterLastSum(),
                residRows.memory(),
                first,
                count,
                workers));
    MemorySegment resid = residRows.afterHooks(steps);
    if (resid.address() != x.address()) {
      x.copyFrom(resid);
    }
    return !hooks.endBefore(layer.index() + 1, HookKind.RESID_IN);
  }

  /** {@code out = after(a + before(b))} for some rows; a norm that is null is left out. */
  private void sum(
      RowNorm before,
      MemorySegment a,
      MemorySegment b,
      RowNorm after,
      MemorySegment out,
      int first,
      int count,
      Workers workers) {
    MemorySegment left = rows(a, first, count, width);
    MemorySegment right = normalised(before, rows(b, first, count, width), count, workers);
    MemorySegment sum = rows(out, first, count, width);
    RowNorm.add(left, right, sum, (long) count * width, workers);
    if (after != null) {
      after.apply(sum, count, sum, workers);
    }
  }

  /**
   * The MLP of a layer.
   *
   * @param from the residual stream that it reads
   * @return its output, once the steps have run; null if the pass ends
   */
  private MemorySegment transform(CpuLayer layer, MemorySegment from) {
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
      HookedRows inner = hooked(layer, HookKind.MLP_ACT, memory.mlpAct, innerWidth);
      steps.add(
          (first, count, workers) -> {
            MemorySegment rows = normalised(norm, rows(read, first, count, width), count, workers);
            mlp.inner(rows, count, rows(inner.memory(), first, count, innerWidth), workers);
          });
      act = inner.afterHooks(steps);
      if (hooks.endBefore(layer.index(), HookKind.MLP_OUT)) {
        return null;
      }
    }
    MemorySegment whole = act;
    HookedRows out = hooked(layer, HookKind.MLP_OUT, memory.mlpOut, width);
    steps.add(
        (first, count, workers) -> {
          MemorySegment inner;
          if (whole == null) {
            inner = memory.scratch.get().inner.of(count, innerWidth);
            MemorySegment rows = normalised(norm, rows(read, first, count, width), count, workers);
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
    HookedRows out = hooked(layer, HookKind.MLP_OUT, memory.mlpOut, width);
    steps.add(
        (first, count, workers) -> {
          MemorySegment rows = normalised(norm, rows(read, first, count, width), count, workers);
          MemorySegment to = rows(out.memory(), first, count, width);
          memory.scratch.get().mixed.run(mixture, rows, count, to, workers);
        });
    return out.afterHooks(steps);
  }

  /** What the MLP reads, where there is a hook: a separate copy, so that the stream stays. */
  private MemorySegment mlpInput(CpuLayer layer, MemorySegment from) {
    HookedRows input = hooked(layer, HookKind.MLP_IN, memory.mlpIn, width);
    steps.add(
        (first, count, workers) -> {
          MemorySegment rows = rows(from, first, count, width);
          rows(input.memory(), first, count, width)
              .copyFrom(normalised(layer.beforeMlp(), rows, count, workers));
        });
    return input.afterHooks(steps);
  }

  /** Rows after a norm, in this thread's memory; as they are if there is none. */
  private MemorySegment normalised(RowNorm norm, MemorySegment rows, int count, Workers workers) {
    if (norm == null) {
      return rows;
    }
    MemorySegment normed = memory.scratch.get().normed.of(count, width);
    norm.apply(rows, count, normed, workers);
    return normed;
  }

  private HookedRows hooked(CpuLayer layer, HookKind kind, GrowingMemory plain, int width) {
    HookPoint point = new HookPoint(layer.index(), kind);
    if (!hooks.isAt(point)) {
      return new HookedRows(point, null, null, plain.of(pass.count(), width));
    }
    Attention.Batch rows = pass.rows();
    Tensor tensor = Tensor.empty(DType.F32, Device.CPU, rows.contexts(), rows.queries(), width);
    return new HookedRows(point, hooks, tensor, tensor.data());
  }

  /** Runs the steps that wait. */
  void finishSteps() {
    steps.run();
  }

  private static MemorySegment rows(MemorySegment memory, long first, int count, int width) {
    long rowBytes = (long) width * Float.BYTES;
    return memory.asSlice(first * rowBytes, count * rowBytes);
  }

  /** Where the activation of a hook point is written: a tensor of its own if there is a hook. */
  private record HookedRows(HookPoint point, Hooks hooks, Tensor tensor, MemorySegment memory) {
    /** The activation after its hooks, for which all rows must be there. */
    MemorySegment afterHooks(RowSteps steps) {
      if (tensor == null) {
        return memory;
      }
      steps.run();
      return hooks.at(point.layer(), point.kind(), tensor).contiguous().data();
    }
  }
}
