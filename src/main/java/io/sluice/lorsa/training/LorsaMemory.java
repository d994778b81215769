package io.sluice.lorsa.training;

import io.sluice.engine.MachineMemory;
import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.util.Locale;

/** Whether memory holds the training of a Lorsa; found out before a token is read. */
final class LorsaMemory {
  /** Parameters, gradients and two moments. */
  private static final int COPIES = 4;

  private static final long FIXED_BYTES = 500_000_000;

  private LorsaMemory() {}

  /**
   * Checks that the machine holds the parameters once while they are made, and that it or the GPU
   * holds what the engine keeps.
   *
   * @throws IllegalArgumentException if it does not; the message says how many heads would fit
   */
  static void require(LorsaSpec spec, Device device) {
    long machine = MachineMemory.bytes();
    if (device.isCuda()) {
      long gpu = Torch.cudaDevices().get(device.index()).memoryBytes();
      require(spec, COPIES, "the GPU", gpu);
      require(spec, 1, "this machine", machine);
    } else {
      require(spec, COPIES + 1, "this machine", machine);
    }
  }

  /** The same for a place, the bytes it has, and how often it holds the parameters. */
  static void require(LorsaSpec spec, int copies, String where, long total) {
    long values = 0;
    for (LorsaTensor tensor : LorsaTensor.values()) {
      values += tensor.elements(spec);
    }
    double needed = FIXED_BYTES + (double) copies * Float.BYTES * values;
    if (needed <= total) {
      return;
    }
    long ofHeads = (long) spec.heads() * (spec.inputWidth() + spec.outputWidth() + 1);
    double others = FIXED_BYTES + (double) copies * Float.BYTES * (values - ofHeads);
    double fit = Math.max(0, total - others) / (needed - others) * spec.heads();
    // Heads come in whole groups.
    long heads = (long) fit / spec.groups() * spec.groups();
    throw new IllegalArgumentException(
        String.format(
            Locale.ROOT,
            "%,d heads take %,d MB in training, more than the %,d MB that %s has; give fewer: up"
                + " to %,d%s",
            spec.heads(),
            (long) (needed / 1e6),
            total / 1_000_000,
            where,
            heads,
            heads > 0 ? "" : ", which is none: queries and keys alone take too much"));
  }
}
