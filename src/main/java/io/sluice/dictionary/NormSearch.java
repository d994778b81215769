package io.sluice.dictionary;

import io.sluice.engine.Engine;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Finds the common length of an initial dictionary's rows that reconstructs a sample best: {@code
 * W_D = c·U} with unit rows {@code U}, {@code W_E = c·P} with rows {@code P}, equal to {@code U} in
 * an autoencoder, {@code b_E = 0}, and {@code b_D = 0} unless activations are centred.
 *
 * <p>Neither ReLU nor the order of features then depends on {@code c}, so the reconstruction is
 * {@code b_D + c²·r} with {@code r = Σ f_j·u_j} over the codes {@code f} at unit length, and the
 * squared error is {@code T − 2c²A + c⁴R} with {@code T = Σ‖y − b_D‖²}, {@code A = Σ⟨y − b_D, r⟩}
 * and {@code R = Σ‖r‖²}. Its minimum is at {@code c² = A / R}, so one pass at unit length replaces
 * a search over grids.
 *
 * <p>An encoder unrelated to the target may give {@code A ≤ 0}. Then no length reduces the error,
 * and rows get a length at which a reconstruction has a hundredth of the target's energy: short
 * enough to do no harm, long enough to learn.
 */
public final class NormSearch {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final double HARMLESS = 0.01;

  private NormSearch() {}

  /**
   * The best common length.
   *
   * @param engine a dictionary as described above, at unit length
   * @param sample batches of activations and targets
   * @param selection which features stay active
   * @throws IllegalArgumentException if no feature fires on the sample
   */
  public static double bestNorm(
      Engine engine, List<SiteFeed.Pair> sample, ActivationFunction selection) {
    EngineSpec spec = engine.spec();
    int width = spec.outputWidth();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bias = decoderBias(engine, arena);
      double total = 0;
      double agreement = 0;
      double energy = 0;
      for (SiteFeed.Pair pair : sample) {
        Rows target = pair.target();
        engine.encode(pair.input(), selection);
        engine.decode(target, false);
        try (Arena own = Arena.ofConfined()) {
          MemorySegment found = own.allocate((long) target.count() * width * Float.BYTES, 64);
          engine.readReconstruction(found);
          for (int row = 0; row < target.count(); row++) {
            for (int i = 0; i < width; i++) {
              double centre = bias.getAtIndex(FLOAT, i);
              double wanted = target.at(row, i) - centre;
              double given = found.getAtIndex(FLOAT, (long) row * width + i) - centre;
              total += wanted * wanted;
              agreement += wanted * given;
              energy += given * given;
            }
          }
        }
      }
      if (!(energy > 0 && total > 0)) {
        throw new IllegalArgumentException(
            "no feature fires on the sample of activations, so no length of rows fits it");
      }
      return agreement > 0
          ? Math.sqrt(agreement / energy)
          : Math.pow(HARMLESS * total / energy, 0.25);
    }
  }

  private static MemorySegment decoderBias(Engine engine, Arena arena) {
    for (StateTensor tensor : engine.state()) {
      // Of several engines the first has the bias of all.
      if (tensor.name().equals("decoder_bias") || tensor.name().endsWith(".decoder_bias")) {
        MemorySegment copy = arena.allocate(tensor.bytes(), 64);
        return copy.copyFrom(engine.read(tensor, arena));
      }
    }
    throw new IllegalStateException("engine " + engine.name() + " has no decoder bias");
  }
}
