package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.Batches;
import io.sluice.store.Contexts;
import io.sluice.store.HeldOut;
import io.sluice.store.Reading;
import io.sluice.store.RowFilter;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.TokenExclusion;
import io.sluice.store.files.Column;
import io.sluice.store.files.ManifestFile;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens that a store's manifest leaves out. */
class ExcludedTokensTest {
  private static final List<String> HOOKS = List.of("layers.0.resid", "layers.1.resid");
  private static final int ROWS = 3000;

  @TempDir private Path folder;

  /** Two hook points with other outliers each, in contexts of 50 tokens. */
  private Path write(TokenExclusion rule, DType dtype) throws IOException {
    return write(rule.properties(), dtype);
  }

  private Path write(Map<String, String> rule, DType dtype) throws IOException {
    Random random = new Random(Seeds.seed());
    int width = 12;
    StoreSpec spec =
        StoreSpec.of(
                "m",
                "t",
                List.of(
                    new Column(HOOKS.get(0), width, dtype), new Column(HOOKS.get(1), width, dtype)))
            .withRowsPerShard(700)
            .with("firstPosition", "1");
    for (Map.Entry<String, String> property : rule.entrySet()) {
      spec = spec.with(property.getKey(), property.getValue());
    }
    int[] ids = random.ints(ROWS, 0, 20).toArray();
    int[] positions = new int[ROWS];
    int[] documents = new int[ROWS];
    for (int i = 0; i < ROWS; i++) {
      positions[i] = i % 50;
      documents[i] = i / 100;
    }
    Path store = folder.resolve("store");
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(store, spec)) {
      MemorySegment[] memory = new MemorySegment[2];
      for (int hook = 0; hook < 2; hook++) {
        memory[hook] = arena.allocate(4L * width * ROWS, 64);
        for (int i = 0; i < ROWS; i++) {
          float scale = random.nextInt(20) == 0 ? 3 + 10 * random.nextFloat() : 1;
          for (int j = 0; j < width; j++) {
            float value = scale * (1 + (float) random.nextGaussian());
            memory[hook].setAtIndex(ValueLayout.JAVA_FLOAT, (long) i * width + j, value);
          }
        }
      }
      writer.append(ids, positions, documents, DType.F32, memory);
      writer.finish();
    }
    return store;
  }

  @Test
  @Tag("python")
  @Tag("slow")
  void everyReaderLeavesOutWhatNumpyLeavesOut() throws IOException {
    for (DType dtype : List.of(DType.F32, DType.F16, DType.BF16)) {
      for (TokenExclusion rule :
          List.of(
              TokenExclusion.NONE,
              new TokenExclusion(Set.of(3, 17), Double.POSITIVE_INFINITY),
              new TokenExclusion(Set.of(), 4),
              new TokenExclusion(Set.of(0), 2.5))) {
        Path store = write(rule, dtype);
        JsonNode expected = new ObjectMapper().readTree(Python.run("excluded_tokens.py", store));
        for (Reading reading : Reading.values()) {
          compare(ActivationStore.open(store, reading), expected);
        }
        delete(store);
      }
    }
  }

  private static void compare(ActivationStore store, JsonNode expected) throws IOException {
    RowFilter filter = RowFilter.fromPosition(1);
    for (String hook : HOOKS) {
      Covariance covariance =
          StoreCovariance.of(store, store.column(hook), filter, Device.CPU, done -> {});
      assertThat(covariance.count()).isEqualTo(expected.at("/" + hook + "/tokens").asLong());
      assertThat(Arrays.stream(covariance.mean()).sum())
          .isCloseTo(expected.at("/" + hook + "/mean").asDouble(), within(1e-4));
      Batches one = store.batches(BatchPlan.shuffled(List.of(hook), 10, 1).where(filter));
      assertThat(one.rows()).isEqualTo(covariance.count());
    }
    long all = expected.path("all").asLong();
    Batches both = store.batches(BatchPlan.sequential(HOOKS, 10).where(filter));
    assertThat(both.rows()).isEqualTo(all);
    RowFilter used = store.used(filter, HOOKS);
    for (String hook : HOOKS) {
      BatchPlan plan = BatchPlan.sequential(List.of(hook), 10).where(used);
      assertThat(store.batches(plan).rows()).isEqualTo(all);
    }
  }

  @Test
  void heldOutTokensAreThoseOfOtherIds() throws IOException {
    TokenExclusion rule = new TokenExclusion(Set.of(3, 17), Double.POSITIVE_INFINITY);
    ActivationStore store = ActivationStore.open(write(rule, DType.F32));
    assertThat(store.exclusion()).isEqualTo(rule);
    HeldOut heldOut = store.heldOut(0.4, 1, 1);
    long rows =
        store
            .batches(BatchPlan.sequential(List.of(HOOKS.get(0)), 10).where(heldOut.heldOut()))
            .rows();
    assertThat(heldOut.isEmpty()).isFalse();
    assertThat(heldOut.tokens()).isEqualTo(rows);
  }

  @Test
  void contextsOfLorsasNeedAllTokens() throws IOException {
    TokenExclusion rule = new TokenExclusion(Set.of(3), 10);
    ActivationStore store = ActivationStore.open(write(rule, DType.F32));
    assertThatThrownBy(() -> Contexts.of(store))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("its manifest leaves tokens out ({excludedTokenIds=3, maxNorm")
        .hasMessageContaining("capture without --exclude-ids and --max-norm-multiple");
  }

  @Test
  void aRuleThatMakesNoSenseIsRefused() throws IOException {
    Map<String, List<String>> bad =
        Map.of(
            "excludedTokenIds", List.of("3;5", "3,,5", "-3", "99999999999"),
            "maxNormMultiple", List.of("1", "NaN", "ten"));
    for (Map.Entry<String, List<String>> property : bad.entrySet()) {
      for (String value : property.getValue()) {
        Path store = write(Map.of(property.getKey(), value), DType.F32);
        assertThatThrownBy(() -> ActivationStore.open(store))
            .isInstanceOf(IOException.class)
            .hasMessageStartingWith(ManifestFile.of(store) + ": does not say which tokens")
            .hasMessageContaining("correct excludedTokenIds (numbers with commas between) or max");
        delete(store);
      }
    }
  }

  private static void delete(Path store) throws IOException {
    try (Stream<Path> files = Files.list(store)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(store);
  }
}
