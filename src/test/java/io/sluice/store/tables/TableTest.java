package io.sluice.store.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.store.tables.TableColumn.Element;
import io.sluice.testing.Python;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tables of all column types, in several record batches. */
class TableTest {
  private static final int ROWS = 25;
  private static final List<TableColumn> COLUMNS =
      List.of(
          TableColumn.of("small", Element.UINT8),
          TableColumn.of("int", Element.INT32),
          TableColumn.of("unsigned", Element.UINT32),
          TableColumn.of("long", Element.INT64),
          TableColumn.nullable("real", Element.FLOAT32),
          TableColumn.of("flag", Element.BOOL),
          TableColumn.of("text", Element.UTF8),
          TableColumn.fixedList("triple", Element.FLOAT32, 3),
          TableColumn.fixedList("pair", Element.UINT32, 2),
          TableColumn.list("ints", Element.INT32),
          TableColumn.list("bytes", Element.UINT8),
          TableColumn.list("reals", Element.FLOAT32));

  @TempDir Path folder;

  private TableFile write(Path file) throws IOException {
    return TableWriter.write(
        file,
        COLUMNS,
        7,
        table -> {
          for (int i = 0; i < ROWS; i++) {
            table.column("small").put(255 - i);
            table.column("int").put(-i);
            table.column("unsigned").put((1L << 32) - 1 - i);
            table.column("long").put(1L << 40 | i);
            if (i % 3 == 0) {
              table.column("real").putNull();
            } else {
              table.column("real").put(i / 8f);
            }
            table.column("flag").put(i % 4 == 1);
            table.column("text").put("\u00e9".repeat(i % 5));
            table.column("triple").put(new float[] {i, i + 0.5f, -i});
            table.column("pair").put(new int[] {i, -1});
            table.column("ints").put(IntStream.range(0, i % 6).toArray());
            table.column("bytes").put(new int[] {1, 2, 200, 4}, 1, i % 3);
            table.column("reals").put(new float[] {0.25f, i, 7}, 1, i % 2);
            table.endRow();
          }
        });
  }

  @Test
  void readsWhatWasWritten() throws IOException {
    Path file = folder.resolve("t.arrow");
    TableFile written = write(file);
    written.verify(file, "write it again");
    assertThat(written.rows()).isEqualTo(ROWS);
    assertThat(file.toFile()).hasSize(written.bytes());
    Table table = Table.open(file, COLUMNS, "write it again");
    assertThat(table.rows()).isEqualTo(ROWS);
    float[] reals = table.column("real").allReals();
    for (int i = 0; i < ROWS; i++) {
      assertThat(table.column("small").whole(i)).isEqualTo(255 - i);
      assertThat(table.column("int").whole(i)).isEqualTo(-i);
      assertThat(table.column("unsigned").whole(i)).isEqualTo((1L << 32) - 1 - i);
      assertThat(table.column("long").whole(i)).isEqualTo(1L << 40 | i);
      assertThat(table.column("real").isNull(i)).isEqualTo(i % 3 == 0);
      Float real = i % 3 == 0 ? Float.NaN : i / 8f;
      assertThat(table.column("real").real(i)).isEqualTo(real);
      assertThat(reals[i]).isEqualTo(real);
      assertThat(table.column("flag").flag(i)).isEqualTo(i % 4 == 1);
      assertThat(table.column("text").text(i)).isEqualTo("\u00e9".repeat(i % 5));
      assertThat(table.column("triple").reals(i)).containsExactly(i, i + 0.5f, -i);
      assertThat(table.column("pair").wholes(i)).containsExactly(i, -1);
      assertThat(table.column("ints").wholes(i)).isEqualTo(IntStream.range(0, i % 6).toArray());
      assertThat(table.column("bytes").wholes(i)).hasSize(i % 3).doesNotContain(1, 4);
      assertThat(table.column("reals").reals(i))
          .isEqualTo(i % 2 == 0 ? new float[0] : new float[] {i});
    }
    assertThatThrownBy(() -> table.column("int").whole(ROWS))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> table.column("int").real(0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aTableWithoutRowsIsATable() throws IOException {
    Path file = folder.resolve("empty.arrow");
    TableWriter.write(file, COLUMNS, 7, table -> {});
    assertThat(Table.open(file, COLUMNS, "write it again").rows()).isZero();
  }

  @Test
  void otherColumnsAreRefused() throws IOException {
    Path file = folder.resolve("t.arrow");
    write(file);
    assertThatThrownBy(() -> Table.open(file, COLUMNS.subList(0, 3), "write it again"))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": damaged: its columns are [")
        .hasMessageContaining(": int32")
        .hasMessageNotContaining("Int(")
        .hasMessageEndingWith("; write it again");
  }

  @Test
  void aRowThatLacksAColumnIsRefused() {
    assertThatThrownBy(
            () ->
                TableWriter.write(
                    folder.resolve("t.arrow"),
                    COLUMNS.subList(0, 2),
                    7,
                    table -> {
                      table.column("small").put(1);
                      table.endRow();
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("column 'int' has 0 rows");
    assertThat(folder.resolve("t.arrow")).doesNotExist();
  }

  @Tag("python")
  @Test
  void pyarrowReadsTheSameValues() throws IOException {
    Python.require();
    Path file = folder.resolve("t.arrow");
    write(file);
    JsonNode rows = new ObjectMapper().readTree(Python.run("read_table.py", file));
    assertThat(rows).hasSize(ROWS);
    Table table = Table.open(file, COLUMNS, "write it again");
    for (int i = 0; i < ROWS; i++) {
      JsonNode row = rows.get(i);
      assertThat(row.path("small").asInt()).isEqualTo(255 - i);
      assertThat(row.path("unsigned").asLong()).isEqualTo((1L << 32) - 1 - i);
      assertThat(row.path("long").asLong()).isEqualTo(1L << 40 | i);
      assertThat(row.path("real").isNull()).isEqualTo(i % 3 == 0);
      assertThat(row.path("flag").asBoolean()).isEqualTo(i % 4 == 1);
      assertThat(row.path("text").asText()).isEqualTo(table.column("text").text(i));
      assertThat(row.path("triple").get(1).floatValue()).isEqualTo(i + 0.5f);
      assertThat(row.path("pair").get(1).asLong()).isEqualTo((1L << 32) - 1);
      assertThat(row.path("ints")).hasSize(i % 6);
      assertThat(row.path("bytes")).hasSize(i % 3);
      assertThat(row.path("reals")).hasSize(i % 2);
    }
  }
}
