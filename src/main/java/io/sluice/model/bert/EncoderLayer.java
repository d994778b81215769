package io.sluice.model.bert;

import io.sluice.model.Hooks;
import io.sluice.model.LayerAttention;
import io.sluice.model.cpu.CpuLayer;
import io.sluice.model.cpu.CpuLayers;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;

/** One layer of an encoder. */
interface EncoderLayer {
  /**
   * The layer's output.
   *
   * @param before {@code [batch, length, dModel]}
   * @return null if the hooks end the pass after the attention
   */
  Tensor forward(Tensor before, EncoderPass pass, Hooks hooks);

  /**
   * The layer for the CPU.
   *
   * @param matrices makes one matrix of those that read the same rows
   */
  CpuLayer onCpu(CpuLayers.Matrices matrices);

  /** {@code W_O}, {@code [dModel, dModel]}. */
  Tensor outputProjection();

  /** Describes the attention, for {@link io.sluice.model.Transformer#attention}. */
  LayerAttention describe(Device device);

  /** The same around these projections. */
  LayerAttention describe(
      LayerAttention.Projection queries,
      LayerAttention.Projection keys,
      LayerAttention.Projection values,
      LayerAttention.Projection output);
}
