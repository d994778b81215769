package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.NonFinite;
import io.sluice.store.RowFilter;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreCovarianceTest {
  private static final int ROWS = 1000;
  private static final int CONTEXT = 50;

  @TempDir Path folder;

  @Test
  void readsEveryShardOnce() throws IOException {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    float[] a = values(random, 5);
    float[] b = values(random, 33);
    ActivationStore store = store(a, b);
    AtomicLong progress = new AtomicLong();
    Covariance covariance =
        StoreCovariance.of(
            store, store.column("layers.0.mlp_out"), RowFilter.ALL, Device.CPU, progress::set);
    assertThat(covariance.count()).isEqualTo(ROWS);
    assertThat(progress).hasValue(ROWS);
    double[] exact = IntStream.range(0, b.length).mapToDouble(i -> b[i]).toArray();
    Golden.assertClose(
        covariance.matrix(), CovarianceAccumulatorTest.reference(exact, 33).matrix(), 1e-6);
  }

  @Test
  void leavesOutRowsThatTheFilterRefuses() throws IOException {
    Random random = new Random(1);
    float[] a = values(random, 5);
    ActivationStore store = store(a, values(random, 33));
    Covariance covariance =
        StoreCovariance.of(
            store,
            store.column("layers.0.attn_out"),
            RowFilter.fromPosition(2),
            Device.CPU,
            rows -> {});
    double[] exact =
        IntStream.range(0, a.length)
            .filter(i -> i / 5 % CONTEXT >= 2)
            .mapToDouble(i -> a[i])
            .toArray();
    assertThat(covariance.count()).isEqualTo(ROWS / CONTEXT * (CONTEXT - 2));
    Golden.assertClose(
        covariance.matrix(), CovarianceAccumulatorTest.reference(exact, 5).matrix(), 1e-6);
  }

  @Test
  void momentsOfShardsMergeToThoseOfTheStore() throws IOException {
    Random random = new Random(Seeds.seed());
    ActivationStore store = store(values(random, 5), values(random, 33));
    Column column = store.column("layers.0.mlp_out");
    RowFilter filter = RowFilter.fromPosition(1);
    TokenMoments whole =
        StoreCovariance.moments(store, column, filter, Device.CPU, true, rows -> {});
    TokenMoments merged = null;
    for (int shard = 0; shard < store.shards().size(); shard++) {
      TokenMoments part = StoreCovariance.ofShard(store, shard, column, filter, Device.CPU, true);
      merged = merged == null ? part : merged.merge(part);
    }
    assertThat(store.shards()).hasSizeGreaterThan(1);
    assertThat(merged.tokens().count()).isEqualTo(whole.tokens().count());
    Golden.assertClose(merged.tokens().matrix(), whole.tokens().matrix(), 1e-6);
    Golden.assertClose(merged.directions().matrix(), whole.directions().matrix(), 1e-6);
    TokenMoments alone = new TokenMoments(whole.tokens(), null);
    assertThatThrownBy(() -> whole.merge(alone))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("directions");
  }

  @Test
  void namesColumnAndRowOfWhatIsNotFinite() throws IOException {
    float[] a = new float[ROWS * 5];
    a[777 * 5 + 3] = Float.NEGATIVE_INFINITY;
    ActivationStore store = store(a, new float[ROWS * 33]);
    assertThatThrownBy(
            () ->
                StoreCovariance.of(
                    store,
                    store.column("layers.0.attn_out"),
                    RowFilter.fromPosition(1),
                    Device.CPU,
                    rows -> {}))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("layers.0.attn_out")
        .hasMessageContaining("row 777")
        .hasMessageContaining("element 3");
  }

  private ActivationStore store(float[] a, float[] b) throws IOException {
    StoreSpec spec =
        StoreSpec.of(
                "model",
                "text",
                List.of(
                    new Column("layers.0.attn_out", 5, DType.F32),
                    new Column("layers.0.mlp_out", 33, DType.F32)))
            .withRowsPerShard(300)
            .withNonFinite(NonFinite.KEEP);
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.append(
          new int[ROWS],
          IntStream.range(0, ROWS).map(i -> i % CONTEXT).toArray(),
          new int[ROWS],
          DType.F32,
          MemorySegment.ofArray(a),
          MemorySegment.ofArray(b));
      writer.finish();
    }
    return ActivationStore.open(folder);
  }

  private static float[] values(Random random, int width) {
    float[] values = new float[ROWS * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
