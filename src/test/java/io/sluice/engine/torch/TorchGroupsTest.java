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
import java.util.stream.IntStream;
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
  void sumsAreTheSameBitsWhetherPiecesAreCountedOrBounded() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    for (int entries : new int[] {1, 127, 128, 129, 256, 1000, 70_000}) {
      int width = 5;
      int[] features = new int[entries];
      float[] table = new float[entries * width];
      int often = 1 + random.nextInt(9);
      for (int entry = 0; entry < entries; entry++) {
        features[entry] = random.nextInt(10) < often ? 900 : random.nextInt(1000);
      }
      for (int i = 0; i < table.length; i++) {
        table[i] = random.nextInt(10) == 0 ? -0f : (float) random.nextGaussian();
      }
      try (TensorScope scope = TensorScope.open();
          DeviceIntegers numbers = new DeviceIntegers(DEVICE)) {
        Tensor ofEntries = Tensor.ofInts(features, entries).to(DEVICE);
        Tensor rows = Tensor.ofFloats(table, entries, width).to(DEVICE);
        int[][] sums = new int[2][];
        for (int i = 0; i < 2; i++) {
          TorchGroups groups =
              TorchGroups.of(ofEntries, ofEntries, ofEntries, numbers.upTo(entries + 1L), i == 0);
          assertThat(groups.starts().elements()).isLessThanOrEqualTo(entries + 1L);
          float[] found = groups.sum(rows, groups.order(), null).reshape(-1).toFloats();
          assertThat(found).hasSize(groups.count() * width);
          sums[i] =
              IntStream.range(0, found.length).map(j -> Float.floatToIntBits(found[j])).toArray();
        }
        assertThat(sums[1]).as("seed %d, %d entries", seed, entries).isEqualTo(sums[0]);
      }
    }
  }

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
