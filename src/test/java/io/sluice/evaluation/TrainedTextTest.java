package io.sluice.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainedTextTest {
  private static final int CONTEXT = 50;
  private static final int ROWS = 6000;

  @TempDir private Path temp;

  @Test
  void knowsWhatWasTrainedOnHoweverItIsCut() throws IOException {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    int[] text = random.ints(ROWS + 400, 0, 300).toArray();
    ActivationStore store = write(text);
    HeldOut heldOut = store.heldOut(0.2, 4, 0);
    TrainedText trained = TrainedText.of(store, heldOut);
    int unseen = 0;
    for (int context = 0; context < ROWS / CONTEXT; context++) {
      int from = context * CONTEXT;
      boolean held = heldOut.holds(from);
      unseen += held ? 1 : 0;
      assertThat(trained.holds(Arrays.copyOfRange(text, from, from + CONTEXT))).isEqualTo(!held);
      assertThat(trained.holds(Arrays.copyOfRange(text, from + 5, from + 25))).isEqualTo(!held);
    }
    assertThat(unseen).isEqualTo((int) heldOut.contexts());
    // What was never captured was never trained on.
    assertThat(trained.holds(Arrays.copyOfRange(text, ROWS, ROWS + 400))).isFalse();
    // A longer context that holds a stretch of what was trained on was seen in part.
    int begin = 0;
    while (heldOut.holds(begin)) {
      begin += CONTEXT;
    }
    int[] mixed = random.ints(90, 300, 600).toArray();
    System.arraycopy(text, begin + 7, mixed, 33, 16);
    assertThat(trained.holds(mixed)).isTrue();
    mixed[33] = 1000;
    assertThat(trained.holds(mixed)).isFalse();
  }

  private ActivationStore write(int[] text) throws IOException {
    Path folder = temp.resolve("store");
    StoreSpec spec =
        StoreSpec.of("m", "t", List.of(new Column("h", 1, DType.F32))).withRowsPerShard(1024);
    int[] positions = new int[ROWS];
    Arrays.setAll(positions, row -> row % CONTEXT);
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.append(
          Arrays.copyOf(text, ROWS),
          positions,
          new int[ROWS],
          DType.F32,
          arena.allocate(4L * ROWS));
      writer.finish();
    }
    return ActivationStore.open(folder);
  }
}
