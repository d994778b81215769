package io.sluice.model.cpu;

import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.simd.layers.Attention;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.MemorySegment;

/** Where the activation of a hook point is written: a tensor of its own if there is a hook. */
record HookedRows(HookPoint point, Hooks hooks, Tensor tensor, MemorySegment memory) {
  /**
   * For one activation of a layer.
   *
   * @param plain where it is written if there is no hook
   */
  static HookedRows of(
      CpuPass pass, CpuLayer layer, HookKind kind, GrowingMemory plain, int width) {
    HookPoint point = new HookPoint(layer.index(), kind);
    if (!pass.hooks().isAt(point)) {
      return new HookedRows(point, null, null, plain.of(pass.count(), width));
    }
    Attention.Batch rows = pass.rows();
    Tensor tensor = Tensor.empty(DType.F32, Device.CPU, rows.contexts(), rows.queries(), width);
    return new HookedRows(point, pass.hooks(), tensor, tensor.data());
  }

  /** The activation after its hooks, for which all rows must be there. */
  MemorySegment afterHooks(RowSteps steps) {
    if (tensor == null) {
      return memory;
    }
    steps.run();
    return hooks.at(point.layer(), point.kind(), tensor).contiguous().data();
  }

  /** Some rows of such memory. */
  static MemorySegment rows(MemorySegment memory, long first, int count, int width) {
    long rowBytes = (long) width * Float.BYTES;
    return memory.asSlice(first * rowBytes, count * rowBytes);
  }
}
