package io.sluice.model.cpu;

import static io.sluice.model.cpu.HookedRows.rows;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Workers;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.simd.layers.RowNorm;
import java.lang.foreign.MemorySegment;

/** Runs one forward pass through the layers: the steps of each layer, and its hooks. */
final class CpuRun {
  private final RunMemory memory;
  private final CpuPass pass;
  private final Hooks hooks;
  private final int width;
  private final MemorySegment x;
  private final RowSteps steps;
  private final MlpRun mlp;

  /**
   * @param width of the residual stream
   * @param x the residual stream, which each layer replaces
   */
  CpuRun(RunMemory memory, CpuPass pass, int width, MemorySegment x) {
    this.memory = memory;
    this.pass = pass;
    this.hooks = pass.hooks();
    this.width = width;
    this.x = x;
    this.steps = new RowSteps(CpuLayers.WORKERS, pass.count());
    this.mlp = new MlpRun(memory, pass, width, steps);
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
                  memory.normalised(norm, rows(x, first, count, width), count, width, workers),
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
              .copyFrom(memory.normalised(norm, rows, count, width, workers));
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
    MemorySegment more = mlp.transform(layer, layer.parallel() ? x : between);
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
    MemorySegment right =
        memory.normalised(before, rows(b, first, count, width), count, width, workers);
    MemorySegment sum = rows(out, first, count, width);
    RowNorm.add(left, right, sum, (long) count * width, workers);
    if (after != null) {
      after.apply(sum, count, sum, workers);
    }
  }

  private HookedRows hooked(CpuLayer layer, HookKind kind, GrowingMemory plain, int width) {
    return HookedRows.of(pass, layer, kind, plain, width);
  }

  /** Runs the steps that wait. */
  void finishSteps() {
    steps.run();
  }
}
