package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders of Arrow files that another program wrote, with and without a manifest. */
class PlainFolderTest {
  private static final List<String> HOOKS = List.of("my acts/12 (post)", "blocks.3.attn.hook_foo");
  private static final List<String> NUMBERS = List.of("document_id", "position", "token_id");
  private static final int WIDTH = 3;

  @TempDir private Path folder;

  private void write(String name, List<String> numbers, long first, int... batches)
      throws IOException {
    ArrowFiles.write(
        folder.resolve(name), HOOKS, WIDTH, numbers, Map.of("sluice.model", "m"), first, batches);
  }

  @Test
  void filesOfSeveralBatchesAreReadInTheOrderOfTheirNumbers() throws IOException {
    write("part-10.arrow", NUMBERS, 17, 4, 9);
    write("part-2.feather", NUMBERS, 5, 1, 11);
    write("part-1.ipc", NUMBERS, 0, 0, 5, 0);
    write("part-11.arrow", NUMBERS, 30);
    Files.writeString(folder.resolve("README.md"), "not a shard");
    for (Reading reading : Reading.values()) {
      ActivationStore store = ActivationStore.open(folder, reading);
      assertThat(store.reading()).isEqualTo(reading);
      assertThat(store.rows()).isEqualTo(30);
      assertThat(store.manifest().model()).isEqualTo("m");
      assertThat(store.manifest().text()).isEqualTo(folder.getFileName().toString());
      assertThat(store.shards()).extracting(Shard::rows).containsExactly(5, 1, 11, 4, 9);
      assertThat(store.columns()).extracting(Column::name).containsExactlyElementsOf(HOOKS);
      store.verify();
      for (int shard = 0; shard < 5; shard++) {
        store.verify(shard);
      }
      agrees(store, BatchPlan.sequential(names(), 7));
      agrees(store, BatchPlan.shuffled(names(), 8, 3));
      Contexts contexts = Contexts.of(store);
      assertThat(contexts.count()).isEqualTo(6);
      MemorySegment read = MemorySegment.ofArray(new float[5 * WIDTH]);
      contexts.read(HOOKS.get(1), new int[] {3}, 5, read);
      for (int i = 0; i < 5 * WIDTH; i++) {
        assertThat(read.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i))
            .isEqualTo(ArrowFiles.value(15 + i / WIDTH, 1, i % WIDTH));
      }
    }
  }

  @Test
  void tokenColumnsMayBeOfInt64() throws IOException {
    write("a.arrow", List.of("position*", "token_id", "document_id*"), 0, 7, 13);
    for (Reading reading : Reading.values()) {
      ActivationStore store = ActivationStore.open(folder, reading);
      agrees(store, BatchPlan.shuffled(names(), 8, 3));
      assertThat(Contexts.of(store).count()).isEqualTo(4);
      assertThat(rows(store, RowFilter.fromPosition(1))).isEqualTo(16);
      MemorySegment positions = store.shards().get(1).data("position", 2, 4);
      assertThat(positions.toArray(ValueLayout.JAVA_INT)).containsExactly(4, 0);
    }
    Path file = folder.resolve("a.arrow");
    MemorySegment bytes = MemorySegment.ofArray(Files.readAllBytes(file));
    // The first three positions.
    for (long at = 0; at + 24 <= bytes.byteSize(); at += 8) {
      if (bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, at) == 0
          && bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, at + 8) == 1
          && bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, at + 16) == 2) {
        bytes.set(ValueLayout.JAVA_LONG_UNALIGNED, at + 8, 1L << 40);
      }
    }
    Files.write(file, bytes.toArray(ValueLayout.JAVA_BYTE));
    assertThatThrownBy(() -> Contexts.of(ActivationStore.open(folder)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(
            file + ": column 'position', row 1 is 1099511627776, more than int32 holds");
  }

  private static List<String> names() {
    return List.of(HOOKS.get(1), "position", HOOKS.get(0), "token_id");
  }

  private static void agrees(ActivationStore store, BatchPlan plan) throws IOException {
    Batches batches = store.batches(plan);
    for (int step = 0; step < 9 && batches.hasNext(); step++) {
      Batch batch = batches.next();
      for (int i = 0; i < batch.rows(); i++) {
        long row = batch.rowNumber(i);
        for (String name : plan.columns()) {
          int hook = HOOKS.indexOf(name);
          for (int e = 0; e < (hook < 0 ? 1 : WIDTH); e++) {
            int at = hook < 0 ? i : i * WIDTH + e;
            if (hook < 0) {
              assertThat(batch.data(name).getAtIndex(ValueLayout.JAVA_INT, at))
                  .isEqualTo(ArrowFiles.number(name, row));
            } else {
              assertThat(batch.data(name).getAtIndex(ValueLayout.JAVA_FLOAT, at))
                  .isEqualTo(ArrowFiles.value(row, hook, e));
            }
          }
        }
      }
    }
  }

  @Test
  void tokenColumnsMayBeMissing() throws IOException {
    write("a.arrow", List.of(), 0, 4000);
    ActivationStore store = ActivationStore.open(folder);
    assertThat(store.has(Column.POSITION)).isFalse();
    assertThat(store.shards().getFirst().data(Column.POSITION).get(ValueLayout.JAVA_INT, 8))
        .isEqualTo(Shard.UNKNOWN);
    assertThatThrownBy(() -> store.column(Column.TOKEN_ID))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the store has no column 'token_id'; it has " + String.join(", ", HOOKS));
    assertThatThrownBy(() -> Contexts.of(store))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder + ": its files have no column 'position'");
    assertThatThrownBy(
            () -> store.batches(BatchPlan.shuffled(HOOKS, 4, 1).where(RowFilter.fromPosition(1))))
        .hasMessageContaining("its files have no column 'position', so begin at position 0");
    // Each row is a context, so rows are held out one by one.
    HeldOut held = store.heldOut(0.25, 7, 0);
    assertThat(held.contexts()).isEqualTo(1000);
    assertThat(held.tokens()).isEqualTo(1000);
    assertThat(rows(store, held.heldOut())).isEqualTo(1000);
    assertThat(rows(store, held.trained())).isEqualTo(3000);
  }

  @Test
  void withoutPositionsDocumentsAreHeldOutWhole() throws IOException {
    write("a.arrow", List.of("document_id"), 0, 1500, 2500);
    ActivationStore store = ActivationStore.open(folder);
    HeldOut held = store.heldOut(0.25, 7, 0);
    assertThat(held.contexts()).isEqualTo(100);
    for (long row = 0; row < 4000; row++) {
      assertThat(held.holds(row)).isEqualTo(held.holds(row / 10 * 10));
    }
    assertThat(rows(store, held.trained())).isEqualTo(3000);
  }

  private static long rows(ActivationStore store, RowFilter filter) {
    return store.batches(BatchPlan.sequential(HOOKS, 64).where(filter)).rows();
  }

  @Test
  void filesThatDifferAreRefusedByName() throws IOException {
    write("a.arrow", NUMBERS, 0, 4);
    write("b.arrow", List.of("position"), 4, 4);
    isRefused("b.arrow: does not have a column 'token_id', unlike a.arrow");
    ArrowFiles.write(folder.resolve("b.arrow"), HOOKS, WIDTH + 1, NUMBERS, Map.of(), 4, 4);
    isRefused("has width 4, a.arrow says 3");
    ArrowFiles.write(folder.resolve("b.arrow"), List.of("other"), WIDTH, NUMBERS, Map.of(), 4, 4);
    isRefused("no column 'my acts/12 (post)', which a.arrow lists; it has 'views'");
    ArrowFiles.write(folder.resolve("b.arrow"), List.of(), WIDTH, NUMBERS, Map.of(), 4, 4);
    isRefused("b.arrow: damaged or foreign shard: it has no column of activations");
    Files.writeString(folder.resolve("b.arrow"), "not an Arrow file, but longer than its magic");
    isRefused("b.arrow: not an Arrow IPC file");
    Files.write(folder.resolve("b.arrow"), Arrays.copyOf(new byte[] {-1, -1, -1, -1, 8, 1}, 100));
    isRefused("b.arrow: is an Arrow stream; write it as a file");
  }

  @Test
  void columnsAreFoundByTheOtherNamesOfTheirHookPoints() throws IOException {
    List<String> names =
        List.of("blocks.3.hook_resid_post", "model.layers.5.mlp", "blocks.3.hook_attn_out", "x");
    for (String model : List.of("", "gpt2")) {
      Map<String, String> metadata = model.isEmpty() ? Map.of() : Map.of("sluice.model", model);
      ArrowFiles.write(folder.resolve("a.arrow"), names, 2, NUMBERS, metadata, 0, 4);
      ActivationStore store = ActivationStore.open(folder);
      assertThat(store.column("layers.3.resid").name()).isEqualTo(names.get(0));
      assertThat(store.column("blocks.4.hook_resid_pre").name()).isEqualTo(names.get(0));
      assertThat(store.column("layers.5.mlp_out").name()).isEqualTo(names.get(1));
      assertThat(store.hookName("x")).isEqualTo("x");
      // In a model with a norm after attention it is another point, so the model has to be known.
      assertThat(store.hookPoint("layers.3.attn_out").isPresent()).isEqualTo(!model.isEmpty());
      assertThat(store.column(names.get(2)).name()).isEqualTo(names.get(2));
      assertThat(store.hookName(names.get(2)))
          .isEqualTo(model.isEmpty() ? names.get(2) : "layers.3.attn_out");
    }
  }

  @Test
  void aTensorOfArrowIsNamedWhereAListIsNeeded() throws IOException {
    List<Column> columns = List.of(new Column("x", 2, DType.F32));
    ForeignShard shard = ForeignShard.plain(columns, 1, new byte[][] {new byte[8]});
    Files.write(folder.resolve("a.arrow"), shard.bytes());
    assertThat(ActivationStore.open(folder).rows()).isEqualTo(1);
    shard.fields.getFirst().metadata.put("ARROW:extension:name", "arrow.fixed_shape_tensor");
    Files.write(folder.resolve("a.arrow"), shard.bytes());
    isRefused("it has 'x' (the extension type 'arrow.fixed_shape_tensor')");
  }

  @Test
  void sluicesOwnShardsNeedTheirManifest() throws IOException {
    StoreSamples.write(folder, 9);
    Files.delete(folder.resolve(Manifest.FILE_NAME));
    isRefused("no .manifest.json in it, but shard-00000.arrow, which 'sluice capture' wrote");
  }

  @Test
  void aFolderWithoutFilesIsNoStore() {
    isRefused("no .manifest.json and no Arrow file in it");
  }

  @Test
  void aLinkToNothingIsNotLeftOut() throws IOException {
    write("a.arrow", NUMBERS, 0, 4);
    Path link = Files.createSymbolicLink(folder.resolve("b.arrow"), Path.of("a.arrow"));
    assertThat(ActivationStore.open(folder).rows()).isEqualTo(8);
    Files.delete(link);
    Files.createSymbolicLink(link, Path.of("gone.arrow"));
    isRefused("b.arrow: is a link to 'gone.arrow', which is not there; fetch it, or remove");
  }

  @Test
  void aFirstPositionThatIsNoneIsRefused() throws IOException {
    for (String value : List.of("-1", "one", "", "1.0", "9999999999", "٣")) {
      for (String key : List.of("firstPosition", "prependBos")) {
        Map<String, String> metadata = Map.of("sluice." + key, value);
        ArrowFiles.write(folder.resolve("a.arrow"), HOOKS, WIDTH, NUMBERS, metadata, 0, 4);
        isRefused("a.arrow: sluice." + key + " is '" + value + "'; write ");
      }
    }
    write("first.arrow", NUMBERS, 0, 6);
    write("second.arrow", NUMBERS, 6, 9);
    manifest(
        """
        {"format": "sluice.store/1", "rows": 15, "complete": true,
         "columns": [{"name": "%s", "width": 3, "dtype": "float32"}],
         "shards": [{"file": "first.arrow", "rows": 6, "bytes": %d},
                    {"file": "second.arrow", "rows": 9, "bytes": %d}],
         "properties": {"firstPosition": "-1"}}
        """,
        HOOKS.get(1));
    isRefused(".manifest.json: firstPosition is '-1'; write a number from 0, or leave it out");
  }

  @Test
  void valuesThatAreNotFiniteAreFoundBeforeTheWork() throws IOException {
    write("a.arrow", NUMBERS, 0, 4, 4);
    Path file = folder.resolve("a.arrow");
    MemorySegment bytes = MemorySegment.ofArray(Files.readAllBytes(file));
    float wanted = ArrowFiles.value(6, 1, 2);
    int places = 0;
    for (long at = 0; at + 4 <= bytes.byteSize(); at += 4) {
      if (bytes.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at) == wanted) {
        bytes.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, Float.NaN);
        places++;
      }
    }
    assertThat(places).isEqualTo(1);
    Files.write(file, bytes.toArray(ValueLayout.JAVA_BYTE));
    ActivationStore store = ActivationStore.open(folder);
    assertThatThrownBy(store::verify)
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": column '" + HOOKS.get(1) + "', row 6, element 2 is NaN");
    store.verify(0);
    assertThatThrownBy(() -> store.verify(1)).hasMessageContaining("row 6, element 2 is NaN");
  }

  @Test
  void aManifestMayLackChecksumsAndHaveOtherNames() throws IOException {
    write("first.arrow", NUMBERS, 0, 4, 2);
    write("second.arrow", NUMBERS, 6, 9);
    manifest(
        """
        {"format": "sluice.store/1", "rows": 15, "complete": true,
         "columns": [{"name": "%s", "width": 3, "dtype": "float32"}],
         "shards": [{"file": "first.arrow", "rows": 6, "bytes": %d},
                    {"file": "second.arrow", "rows": 9, "bytes": %d}],
         "properties": {"firstPosition": "1"}}
        """,
        HOOKS.get(1));
    ActivationStore store = ActivationStore.open(folder);
    assertThat(store.rows()).isEqualTo(15);
    assertThat(store.columns()).hasSize(1);
    assertThat(store.firstPosition()).isEqualTo(1);
    assertThat(store.manifest().isSluices()).isFalse();
    store.verify();
    manifest(
        """
        {"format": "sluice.store/1", "rows": 15, "complete": true,
         "columns": [{"name": "%s", "width": 3, "dtype": "float32"}],
         "shards": [{"file": "first.arrow", "rows": 6, "bytes": %d},
                    {"file": "first.arrow", "rows": 9, "bytes": %d}]}
        """,
        HOOKS.get(1));
    isRefused("lists shard 'first.arrow' twice");
  }

  private void manifest(String json, String hook) throws IOException {
    Files.writeString(
        folder.resolve(Manifest.FILE_NAME),
        json.formatted(
            hook,
            Files.size(folder.resolve("first.arrow")),
            Files.size(folder.resolve("second.arrow"))));
  }

  private void isRefused(String expected) {
    assertThatThrownBy(() -> ActivationStore.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder.toString())
        .hasMessageContaining(expected)
        .hasMessageNotContaining("\n");
  }
}
