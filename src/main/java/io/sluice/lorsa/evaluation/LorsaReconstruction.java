package io.sluice.lorsa.evaluation;

import io.sluice.evaluation.ReplacedPositions;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.memory.DType;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.Arrays;
import java.util.List;

/**
 * Replaces the output of attention by that of a Lorsa while a causal model runs. Positions before
 * the Lorsa's first position are unchanged. It owns memory until it is closed.
 */
public final class LorsaReconstruction implements AutoCloseable {
  private final HookPoint input;
  private final HookPoint output;
  private final ReplacedPositions positions;
  private final LorsaEngine engine;
  private final TensorScope kept = TensorScope.detached();
  private Tensor read;

  /**
   * Opens an engine.
   *
   * @param device where the model runs
   * @throws IllegalArgumentException if the Lorsa is of attention that is not causal
   */
  public LorsaReconstruction(Lorsa lorsa, Device device) {
    LorsaConfig config = lorsa.config();
    if (!config.spec().causal()) {
      throw new IllegalArgumentException(
          "this Lorsa replaces bidirectional attention; a loss needs a causal language model");
    }
    this.input = HookPoint.parse(config.inputHook());
    this.output = HookPoint.parse(config.outputHook());
    this.positions = new ReplacedPositions(config.fromPosition());
    this.engine = LorsaEngine.running(lorsa.weights(), device);
  }

  /** The hook point that is replaced. */
  public HookPoint output() {
    return output;
  }

  /** Hooks that read the Lorsa's input and replace its output. */
  public Hooks hooks() {
    return Hooks.none()
        .observe(List.of(input), (point, activation) -> keep(activation))
        .replace(output, (point, activation) -> replaced(activation));
  }

  private void keep(Tensor activation) {
    forget();
    // A copy: if no conversion is needed, an alias would be freed with the layer.
    read = activation.to(DType.F32).copy().moveTo(kept);
  }

  private void forget() {
    if (read != null) {
      read.close();
      read = null;
    }
  }

  private Tensor replaced(Tensor activation) {
    if (positions.areNone(activation)) {
      return activation;
    }
    int[] lengths = new int[Math.toIntExact(activation.size(0))];
    // Padding is on the right: no token attends to it, and its output is not used.
    Arrays.fill(lengths, Math.toIntExact(activation.size(1)));
    Tensor written = engine.output(new LorsaBatch(read, null, lengths, positions.from()));
    forget();
    return positions.put(activation, positions.of(written));
  }

  /** Frees what it owns. */
  @Override
  public void close() {
    engine.close();
    kept.close();
  }
}
