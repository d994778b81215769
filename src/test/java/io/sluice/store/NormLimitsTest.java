package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens that are left out by norms of other shards than their own. */
class NormLimitsTest {
  private static final int SHARD = 100;
  private static final String HOOK = "layers.0.resid";

  @TempDir private Path folder;

  /** Norms are about 1 in the first two shards and about 5 in the last. */
  private ActivationStore store(String multiple) throws IOException {
    StoreSpec spec =
        StoreSpec.of("model", "text", List.of(new Column(HOOK, 2, DType.F32)))
            .withRowsPerShard(SHARD)
            .with(TokenExclusion.MULTIPLE, multiple);
    int rows = 3 * SHARD;
    int[] numbers = new int[rows];
    float[] values = new float[2 * rows];
    for (int row = 0; row < rows; row++) {
      numbers[row] = row;
      values[2 * row] = (row < 2 * SHARD ? 1 : 5) * (1 + row % SHARD / 1000f);
    }
    Path place = folder.resolve("store");
    try (StoreWriter writer = StoreWriter.create(place, spec)) {
      writer.append(numbers, numbers, new int[rows], DType.F32, MemorySegment.ofArray(values));
      writer.finish();
    }
    return ActivationStore.open(place);
  }

  private static long used(ActivationStore store) throws IOException {
    long used = 0;
    for (Shard shard : store.shards()) {
      used += store.kept(shard, RowFilter.ALL, List.of(HOOK)).cardinality();
    }
    return used;
  }

  @Test
  void aPartLeavesOutWhatTheWholeDoes() throws IOException {
    ActivationStore whole = store("2");
    assertThat(used(whole)).isEqualTo(2 * SHARD);
    assertThat(whole.normLimits()).containsOnlyKeys(HOOK);
    assertThat(whole.normLimits().get(HOOK)).isCloseTo(2.15, within(0.1));
    Manifest manifest = ManifestFile.read(whole.folder());
    Manifest last = manifest.withShards(manifest.shards().subList(2, 3), true);
    assertThat(used(ActivationStore.open(whole.folder(), last, Reading.COPIED))).isEqualTo(SHARD);
    ActivationStore part =
        ActivationStore.open(whole.folder(), last, Reading.COPIED, whole.normLimits());
    assertThat(used(part)).isZero();
    assertThat(part.normLimits()).isEqualTo(whole.normLimits());
    // Closed files are opened again.
    part.closeFiles();
    assertThat(used(part)).isZero();
    assertThat(part.batches(BatchPlan.sequential(List.of(Column.TOKEN_ID), SHARD)).next().rows())
        .isEqualTo(SHARD);
  }

  @Test
  void withoutARuleOfNormsThereAreNoLimits() throws IOException {
    ActivationStore whole = store("2");
    Manifest manifest = ManifestFile.read(whole.folder());
    Manifest plain =
        new Manifest(
            manifest.model(),
            manifest.text(),
            manifest.columns(),
            manifest.rowsPerShard(),
            0,
            true,
            List.of(),
            Map.of(),
            Map.of(),
            "",
            "");
    ActivationStore store =
        ActivationStore.open(
            whole.folder(), plain.withShards(manifest.shards(), true), Reading.COPIED);
    assertThat(store.normLimits()).isEmpty();
    assertThat(used(store)).isEqualTo(3 * SHARD);
  }
}
