package io.sluice.model.cpu;

import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.simd.layers.Attention;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.simd.layers.HeadPart;
import io.sluice.simd.layers.HeadRows;
import io.sluice.simd.layers.RotaryAngles;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

/**
 * Queries, keys and values as attention is to read them. Attention normalises and rotates heads
 * while it reads them; where hooks observe or replace them, that is done before, by the same
 * kernels, and attention reads what the hooks leave.
 *
 * @param heads where they are in a row, and what is left to do
 * @param angles by which attention rotates them; null for none
 * @param rows of queries, keys and values
 */
record ReadyHeads(AttentionHeads heads, RotaryAngles angles, MemorySegment rows) {
  private static final List<HookKind> KINDS =
      Stream.of(HookKind.values()).filter(HookKind::isOfHeads).toList();

  /**
   * Calls the hooks of a layer, for which all rows must be there.
   *
   * @param all its queries, keys and values, as they are projected
   * @param memory for rows that have passed hooks
   */
  static ReadyHeads of(CpuLayer layer, CpuPass pass, MemorySegment all, GrowingMemory memory) {
    Hooks hooks = pass.hooks();
    int index = layer.index();
    RotaryAngles angles = pass.angles(index);
    if (KINDS.stream().noneMatch(kind -> hooks.isAt(new HookPoint(index, kind)))) {
      return new ReadyHeads(layer.heads(), angles, all);
    }
    Projected projected = new Projected(layer.heads(), angles, pass, all);
    Tensor queries = hooks.at(index, HookKind.Q_PRE_ROPE, projected.part(HeadPart.QUERY));
    Tensor keys = hooks.at(index, HookKind.K_PRE_ROPE, projected.part(HeadPart.KEY));
    queries = hooks.at(index, HookKind.Q, projected.rotated(HeadPart.QUERY, queries));
    keys = hooks.at(index, HookKind.K, projected.rotated(HeadPart.KEY, keys));
    Tensor values = hooks.at(index, HookKind.V, projected.part(HeadPart.VALUE));
    return joined(layer.heads().ready(), pass, List.of(queries, keys, values), memory);
  }

  /** Puts queries, keys and values side by side. */
  private static ReadyHeads joined(
      AttentionHeads ready, CpuPass pass, List<Tensor> parts, GrowingMemory memory) {
    MemorySegment rows = memory.of(pass.count(), ready.rowWidth());
    long rowBytes = (long) ready.rowWidth() * Float.BYTES;
    long first = 0;
    for (Tensor part : parts) {
      MemorySegment from = part.contiguous().data();
      long bytes = part.size(2) * Float.BYTES;
      for (int row = 0; row < pass.count(); row++) {
        MemorySegment.copy(from, row * bytes, rows, row * rowBytes + first, bytes);
      }
      first += bytes;
    }
    return new ReadyHeads(ready, null, rows);
  }

  /** What the joined projection has left. */
  private record Projected(
      AttentionHeads heads, RotaryAngles angles, CpuPass pass, MemorySegment rows) {
    /** Heads side by side, normalised and not rotated. */
    Tensor part(HeadPart part) {
      return copied(heads, part, null, rows);
    }

    /**
     * The same rotated by position; an alias where nothing is, since a hook may keep its tensor.
     */
    Tensor rotated(HeadPart part, Tensor plain) {
      return angles == null
          ? plain.to(plain.device())
          : copied(alone(part), part, angles, plain.contiguous().data());
    }

    private Tensor copied(
        AttentionHeads from, HeadPart part, RotaryAngles by, MemorySegment memory) {
      Attention.Batch batch = pass.rows();
      Tensor to =
          Tensor.empty(DType.F32, Device.CPU, batch.contexts(), batch.queries(), width(part));
      HeadRows.copy(from, part, by, batch, memory, to.data(), CpuLayers.WORKERS);
      return to;
    }

    private int width(HeadPart part) {
      int count = part == HeadPart.QUERY ? heads.heads() : heads.keyValueHeads();
      return count * heads.headDim();
    }

    /** Where heads are in rows that have only them: all begin at the start of a row. */
    private AttentionHeads alone(HeadPart part) {
      int count = part == HeadPart.QUERY ? heads.heads() : heads.keyValueHeads();
      int dim = heads.headDim();
      return new AttentionHeads(
          count, count, dim, width(part), 0, dim, 0, dim, 0, dim, null, null, 0, heads.rule());
    }
  }
}
