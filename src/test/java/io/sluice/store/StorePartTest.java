package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store of which some files are here, and one whose shards are taken elsewhere. */
class StorePartTest {
  private static final int ROWS = 25;
  private static final StoreSpec SPEC =
      StoreSpec.of("model", "text", List.of(new Column("layers.0.resid", 3, DType.F32)))
          .withRowsPerShard(10);

  @TempDir Path temp;

  private static void append(StoreWriter writer, int rows) throws IOException {
    float[] values = new float[rows * 3];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    int[] numbers = new int[rows];
    writer.append(numbers, numbers, numbers, DType.F32, MemorySegment.ofArray(values));
  }

  private Path whole() throws IOException {
    Path folder = temp.resolve("whole");
    try (StoreWriter writer = StoreWriter.create(folder, SPEC)) {
      writer.tokens(TokenTable.of(List.of("a", "b")));
      append(writer, ROWS);
      writer.finish();
    }
    return folder;
  }

  @Test
  void aShardThatIsHereIsThatOfTheWholeStore() throws IOException {
    Path folder = whole();
    ActivationStore all = ActivationStore.open(folder);
    assertThat(all.place()).isEqualTo(folder.toString());
    Path some = Files.createDirectory(temp.resolve("some"));
    for (String name : List.of(".manifest.json", "shard-00001.arrow")) {
      Files.copy(folder.resolve(name), some.resolve(name));
    }
    for (Reading reading : Reading.values()) {
      ActivationStore part =
          ActivationStore.openPart(some, "s3a://bucket/store", reading, Set.of(1), false);
      assertThat(part.rows()).isEqualTo(ROWS);
      assertThat(part.shards()).hasSize(3);
      assertThat(part.columns()).isEqualTo(all.columns());
      assertThat(part.tokens()).isEmpty();
      assertThat(part.reading()).isEqualTo(reading);
      assertThat(part.folder()).isEqualTo(some);
      assertThat(part.place()).isEqualTo("s3a://bucket/store");
      Shard shard = part.shards().get(1);
      assertThat(shard.isHere()).isTrue();
      assertThat(shard.firstRow()).isEqualTo(10);
      assertThat(shard.data("layers.0.resid").mismatch(all.shards().get(1).data("layers.0.resid")))
          .isEqualTo(-1);
      Shard other = part.shards().get(2);
      assertThat(other.isHere()).isFalse();
      assertThat(other.firstRow()).isEqualTo(20);
      assertThat(other.rows()).isEqualTo(5);
      assertThatThrownBy(() -> other.data("layers.0.resid"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("shard-00002.arrow: is not here");
      assertThatThrownBy(() -> other.kept((row, token, position, document) -> true))
          .isInstanceOf(IllegalStateException.class);
    }
    assertThatThrownBy(
            () -> ActivationStore.openPart(some, "elsewhere", Reading.MAPPED, Set.of(0), false))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("shard-00000.arrow: missing");
    assertThatThrownBy(
            () -> ActivationStore.openPart(some, "elsewhere", Reading.MAPPED, Set.of(1), true))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(".tokens.ipc: missing");
    assertThatThrownBy(
            () -> ActivationStore.openPart(some, "elsewhere", Reading.MAPPED, Set.of(3), false))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  private interface Taker {
    void take(Path file) throws IOException;
  }

  private StoreWriter.ShardListener taking(Taker taker) {
    return new StoreWriter.ShardListener() {
      @Override
      public void written(Manifest.Shard shard) {
        try {
          taker.take(temp.resolve("scratch").resolve(shard.file()));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };
  }

  @Test
  void shardsAreTakenElsewhereAndListed() throws IOException {
    Path whole = whole();
    Path place = Files.createDirectory(temp.resolve("place"));
    List<Manifest.Shard> shards = new ArrayList<>();
    try (StoreWriter writer =
        StoreWriter.part(
            Files.createDirectory(temp.resolve("scratch")),
            SPEC,
            0,
            taking(file -> Files.move(file, place.resolve(file.getFileName()))))) {
      append(writer, ROWS);
      shards.addAll(writer.finishPart());
    }
    assertThat(temp.resolve("scratch")).isEmptyDirectory();
    for (String name : List.of("shard-00000.arrow", "shard-00001.arrow", "shard-00002.arrow")) {
      assertThat(place.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
    }
    try (StoreWriter writer = StoreWriter.create(temp.resolve("driver"), SPEC)) {
      Manifest manifest = writer.finish(shards, name -> Files.size(place.resolve(name)));
      assertThat(manifest.complete()).isTrue();
      assertThat(manifest.shards()).isEqualTo(ActivationStore.open(whole).manifest().shards());
    }
    try (StoreWriter writer = StoreWriter.create(temp.resolve("other"), SPEC)) {
      assertThatThrownBy(() -> writer.finish(shards, name -> -1))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("was not written as this store needs it");
    }
  }

  @Test
  void whatAListenerThrowsEndsTheWriter() throws IOException {
    try (StoreWriter writer =
        StoreWriter.part(
            Files.createDirectory(temp.resolve("scratch")),
            SPEC,
            0,
            taking(
                file -> {
                  throw new IOException("no network");
                }))) {
      assertThatThrownBy(
              () -> {
                append(writer, ROWS);
                writer.finishPart();
              })
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining("no network");
    }
  }
}
