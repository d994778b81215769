package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.util.Arrays;
import java.util.Random;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Codes do not depend on how many rows are multiplied at a time. */
class TorchHostSelectionTest {
  private static final int ROWS = 23;
  private static final int WIDTH = 12;
  private static final int FEATURES = 90;

  private final long seed = Seeds.seed();

  @BeforeEach
  void needsLibTorch() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
  }

  @Test
  void thresholdsKeepTheSameInPieces() {
    float[] bounds = new float[FEATURES];
    Arrays.fill(bounds, 0.5f);
    assertSameInPieces(
        (tensors, codes) -> tensors.selection.keepAbove(tensors.seen, bounds, null, codes));
  }

  @Test
  void theLargestOfTheBatchAreTheSameInPieces() {
    assertSameInPieces(
        (tensors, codes) -> tensors.selection.keepLargestOfAll(tensors.seen, 4, null, codes));
  }

  private record Opened(TorchHostSelection selection, Tensor seen) {}

  private void assertSameInPieces(BiConsumer<Opened, Codes> select) {
    try (Codes whole = new Codes();
        Codes pieces = new Codes()) {
      run(ROWS, whole, select);
      assertThat(whole.entries()).isGreaterThan(3 * ROWS);
      for (int chunkRows : new int[] {1, 2, 7}) {
        run(chunkRows, pieces, select);
        String of = "seed %d, %d rows at a time".formatted(seed, chunkRows);
        assertThat(pieces.leastScore()).as(of).isEqualTo(whole.leastScore());
        assertThat(pieces.offsets().mismatch(whole.offsets())).as(of).isEqualTo(-1);
        assertThat(pieces.features().mismatch(whole.features())).as(of).isEqualTo(-1);
        assertThat(pieces.values().mismatch(whole.values())).as(of).isEqualTo(-1);
      }
    }
  }

  private void run(int chunkRows, Codes codes, BiConsumer<Opened, Codes> select) {
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, false, false, Optimiser.NONE);
    Random random = new Random(seed);
    try (TensorScope scope = TensorScope.open();
        TorchTransfer transfer = new TorchTransfer(Device.CPU)) {
      // Whole numbers, so that sums are exact in any order, and large, so that few are equal.
      Tensor encoder = whole(random, FEATURES * WIDTH).reshape(FEATURES, WIDTH);
      Tensor bias = whole(random, FEATURES);
      Tensor seen = whole(random, ROWS * WIDTH).reshape(ROWS, WIDTH);
      TorchHostSelection selection =
          new TorchHostSelection(
              spec,
              new EncoderProduct(encoder, bias, spec.precision()),
              encoder,
              transfer,
              chunkRows);
      select.accept(new Opened(selection, seen), codes);
    }
  }

  private static Tensor whole(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(-1000, 1001);
    }
    return Tensor.ofFloats(values, count);
  }
}
