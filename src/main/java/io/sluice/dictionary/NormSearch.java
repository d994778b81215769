package io.sluice.dictionary;

import io.sluice.engine.Codes;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineSpec;
import io.sluice.engine.Rows;
import io.sluice.engine.Selection;
import io.sluice.engine.StateTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Finds the common length of a starting dictionary's rows that reconstructs a sample best, with the
 * encoder tied to the decoder: {@code W_E = W_D = c·U} with unit rows {@code U}, {@code b_E = 0},
 * and {@code b_D = 0} unless the encoder subtracts it.
 *
 * <p>Neither ReLU nor the ranking of features then depends on {@code c}, so the reconstruction is
 * {@code b_D + c²·r} with {@code r = Σ f_j·u_j} over the codes {@code f} at unit length, and the
 * squared error is {@code T − 2c²A + c⁴R} with {@code T = Σ‖x − b_D‖²}, {@code A = Σ⟨x − b_D, r⟩ =
 * Σ f²} and {@code R = Σ‖r‖²}. Its minimum, which a search over ever finer grids approaches, is at
 * {@code c² = A / R}: one pass at unit length is the whole search.
 */
public final class NormSearch {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private NormSearch() {}

  /**
   * The best common length.
   *
   * @param engine an autoencoder as described above, at unit length
   * @param sample batches of activations
   * @param selection how many features stay
   * @throws IllegalArgumentException if no feature fires on the sample
   */
  public static double bestNorm(Engine engine, List<Rows> sample, Selection selection) {
    EngineSpec spec = engine.spec();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bias = decoderBias(engine, arena);
      double total = 0;
      double codeEnergy = 0;
      double error = 0;
      for (Rows rows : sample) {
        engine.encode(rows, selection);
        error += engine.decode(rows, false);
        Codes codes = engine.codes();
        for (int entry = 0; entry < codes.entries(); entry++) {
          codeEnergy += (double) codes.value(entry) * codes.value(entry);
        }
        for (int row = 0; row < rows.count(); row++) {
          for (int i = 0; i < spec.outputWidth(); i++) {
            double distance = (double) rows.at(row, i) - bias.getAtIndex(FLOAT, i);
            total += distance * distance;
          }
        }
      }
      double reconstructionEnergy = error - total + 2 * codeEnergy;
      if (!(codeEnergy > 0 && reconstructionEnergy > 0)) {
        throw new IllegalArgumentException(
            "no feature fires on the sample of activations, so no length of rows fits it");
      }
      return Math.sqrt(codeEnergy / reconstructionEnergy);
    }
  }

  private static MemorySegment decoderBias(Engine engine, Arena arena) {
    for (StateTensor tensor : engine.state()) {
      if (tensor.name().equals("decoder_bias")) {
        MemorySegment copy = arena.allocate(tensor.bytes(), 64);
        return copy.copyFrom(engine.read(tensor, arena));
      }
    }
    throw new IllegalStateException("engine " + engine.name() + " has no decoder bias");
  }
}
