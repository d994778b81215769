package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.torch.TorchBatchSelection.Largest;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Codes do not depend on how many rows are multiplied at a time. */
class TorchBatchSelectionTest {
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
    assertSameInPieces(
        tensors ->
            new Largest(
                tensors.aboveThresholds.keepAbove(
                    tensors.seen,
                    Tensor.full(0.5, DType.F32, Device.CPU, FEATURES),
                    null,
                    64,
                    tensors.scope),
                null));
  }

  @Test
  void theLargestOfTheBatchAreTheSameInPieces() {
    assertSameInPieces(
        tensors -> tensors.selection.keepLargest(tensors.seen, 4, null, 64, null, tensors.scope));
  }

  private record Opened(
      TorchThresholdSelection aboveThresholds,
      TorchBatchSelection selection,
      Tensor seen,
      TensorScope scope) {}

  private void assertSameInPieces(Function<Opened, Largest> select) {
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

  private void run(int chunkRows, Codes codes, Function<Opened, Largest> select) {
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, FEATURES, false, false, Optimiser.NONE);
    Random random = new Random(seed);
    try (TensorScope scope = TensorScope.open();
        DeviceIntegers numbers = new DeviceIntegers(Device.CPU);
        TorchTransfer transfer = new TorchTransfer(Device.CPU)) {
      // Whole numbers, so that sums are exact in any order, and large, so that few are equal.
      Tensor encoder = whole(random, FEATURES * WIDTH).reshape(FEATURES, WIDTH);
      Tensor bias = whole(random, FEATURES);
      Tensor seen = whole(random, ROWS * WIDTH).reshape(ROWS, WIDTH);
      EncoderProduct product = new EncoderProduct(encoder, bias, spec.precision());
      try (TorchScreens screens =
              new TorchScreens(
                  spec, Device.CPU, encoder, bias, numbers, TorchScreens.Screening.NONE);
          TorchProposals proposals =
              new TorchProposals(spec, Device.CPU, encoder, bias, product, numbers, screens)) {
        TorchBatchSelection selection =
            new TorchBatchSelection(
                spec, transfer, encoder, bias, numbers, product, screens, proposals, chunkRows);
        TorchThresholdSelection aboveThresholds =
            new TorchThresholdSelection(spec, encoder, bias, numbers, product, screens, chunkRows);
        Largest found = select.apply(new Opened(aboveThresholds, selection, seen, scope));
        found.codes().copyTo(codes, transfer.scratch());
        codes.setLeastScore(found.least() == null ? 0 : (float) found.least().item());
      }
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
