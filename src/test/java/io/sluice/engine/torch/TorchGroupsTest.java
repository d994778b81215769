package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Sums of each feature's terms. */
@Tag("cuda")
class TorchGroupsTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  private final long seed = Seeds.seed();
  private final Random random = new Random(seed);

  @Test
  void sumsOfEachFeatureAreInTheOrderOfEntries() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    int all = 50;
    // Some features have no entry, some more than a piece, one most of them.
    for (int entries : new int[] {1, 300, 200_000}) {
      int[] features = new int[entries];
      double[] terms = new double[entries];
      double[] expected = new double[all];
      for (int entry = 0; entry < entries; entry++) {
        features[entry] = random.nextBoolean() ? 7 : random.nextInt(40);
        terms[entry] = random.nextGaussian();
        expected[features[entry]] += terms[entry];
      }
      try (TensorScope scope = TensorScope.open();
          DeviceIntegers numbers = new DeviceIntegers(DEVICE)) {
        Tensor ofEntries = Tensor.ofInts(features, entries).to(DEVICE);
        Tensor values = Tensor.ofDoubles(terms, entries).to(DEVICE);
        double[] sums =
            TorchGroups.sums(ofEntries, values, all, numbers.upTo(entries + 1L)).toDoubles();
        double[] inGroups =
            TorchGroups.sumsInGroups(
                    ofEntries,
                    values,
                    Tensor.zeros(DType.F64, DEVICE, all),
                    numbers.upTo(entries + 1L))
                .toDoubles();
        if (!DEVICE.isCuda()) {
          assertThat(sums).as("seed %d", seed).isEqualTo(expected);
        }
        assertThat(inGroups).as("seed %d", seed).containsExactly(expected, within(1e-9));
        assertThat(sums).containsExactly(expected, within(1e-9));
      }
    }
  }
}
