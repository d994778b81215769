package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ContextsTest {
  private static final int[] POSITIONS = {0, 1, 2, 3, 0, 1, 0, 0, 1, 2};
  private static final int[] DOCUMENTS = {0, 0, 0, 0, 0, 0, 1, 2, 2, 2};

  @TempDir Path folder;

  /** Row r, element i is 10 r + i. */
  private ActivationStore write(String name, int[] positions, int[] documents, DType dtype)
      throws IOException {
    Column column = new Column("layers.0.attn_in", 2, dtype);
    Path path = folder.resolve(name);
    StoreSpec spec = StoreSpec.of("model", "text", List.of(column)).withRowsPerShard(3);
    try (StoreWriter writer = StoreWriter.create(path, spec)) {
      for (int row = 0; row < positions.length; row++) {
        ReservedRows room = writer.reserve(1);
        room.tokenIds().set(ValueLayout.JAVA_INT, 0, row);
        room.positions().set(ValueLayout.JAVA_INT, 0, positions[row]);
        room.documentIds().set(ValueLayout.JAVA_INT, 0, documents[row]);
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment values =
              arena.allocateFrom(ValueLayout.JAVA_FLOAT, 10f * row, 10f * row + 1);
          Elements.narrow(values, 0, room.activations().getFirst(), 0, dtype, 2);
        }
        writer.commit(1);
      }
      writer.finish();
    }
    return ActivationStore.open(path, reading());
  }

  /** How stores are read. */
  Reading reading() {
    return Reading.MAPPED;
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void readsWholeContextsAcrossShards(DType dtype) throws IOException {
    Contexts contexts = Contexts.of(write("store", POSITIONS, DOCUMENTS, dtype));
    assertThat(contexts.count()).isEqualTo(4);
    assertThat(IntStream.range(0, 4).map(contexts::length)).containsExactly(4, 2, 1, 3);
    assertThat(IntStream.range(0, 4).mapToLong(contexts::firstRow)).containsExactly(0L, 4L, 6L, 7L);
    assertThat(contexts.longest()).isEqualTo(4);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(2 * 4 * 2 * Float.BYTES);
      target.fill((byte) 7);
      contexts.read("layers.0.attn_in", new int[] {3, 0}, 4, target);
      assertThat(target.toArray(ValueLayout.JAVA_FLOAT))
          .containsExactly(70, 71, 80, 81, 90, 91, 0, 0, 0, 1, 10, 11, 20, 21, 30, 31);
      assertThatThrownBy(() -> contexts.read("layers.0.attn_in", new int[] {0, 1}, 3, target))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> contexts.read("position", new int[] {0}, 4, target))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void shufflesEachEpochAnew() throws IOException {
    Contexts contexts = Contexts.of(write("store", POSITIONS, DOCUMENTS, DType.F32));
    for (int epoch = 0; epoch < 3; epoch++) {
      int[] all = contexts.shuffled(5, epoch, 4);
      assertThat(all).containsExactlyInAnyOrder(0, 1, 2, 3);
      int[] first = contexts.shuffled(5, 2L * epoch, 2);
      int[] second = contexts.shuffled(5, 2L * epoch + 1, 2);
      assertThat(all).containsExactly(first[0], first[1], second[0], second[1]);
    }
    assertThat(contexts.shuffled(5, 0, 40)).isEqualTo(contexts.shuffled(5, 0, 40));
    assertThat(contexts.shuffled(6, 0, 40)).isNotEqualTo(contexts.shuffled(5, 0, 40));
  }

  @Test
  void refusesContextsThatAreNotWhole() throws IOException {
    ActivationStore withoutFirst = write("a", new int[] {1, 2, 3}, new int[] {0, 0, 0}, DType.F32);
    assertThatThrownBy(() -> Contexts.of(withoutFirst))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("row 0 is at position 1")
        .hasMessageContaining("--special-tokens");
    ActivationStore overlapping =
        write("b", new int[] {0, 1, 2, 1, 2}, new int[] {0, 0, 0, 0, 0}, DType.F32);
    assertThatThrownBy(() -> Contexts.of(overlapping)).hasMessageContaining("row 3");
    ActivationStore joined = write("c", new int[] {0, 1, 2}, new int[] {0, 0, 1}, DType.F32);
    assertThatThrownBy(() -> Contexts.of(joined)).hasMessageContaining("row 2");
  }

  @Test
  void refusesAnEmptyStore() throws IOException {
    ActivationStore empty = write("empty", new int[0], new int[0], DType.F32);
    assertThatThrownBy(() -> Contexts.of(empty)).hasMessageContaining("no rows");
  }
}
