package io.sluice.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Files that Arrow's own writer makes: several record batches, hook points of any name, and columns
 * that no store has, before and between those that it reads.
 */
public final class ArrowFiles {
  private ArrowFiles() {}

  /**
   * Writes a file of float32 hook points; {@link #value} is in each place.
   *
   * @param hookPoints names, each of the given width
   * @param tokenColumns which of token_id, position and document_id it has, with a star those of
   *     int64
   * @param firstRow the row of the store that the file begins with
   * @param batches rows of each record batch
   */
  public static void write(
      Path file,
      List<String> hookPoints,
      int width,
      List<String> tokenColumns,
      Map<String, String> metadata,
      long firstRow,
      int... batches)
      throws IOException {
    List<Field> fields = new ArrayList<>();
    fields.add(field("views", new ArrowType.Utf8View()));
    fields.add(field("words", new ArrowType.Utf8()));
    for (String hookPoint : hookPoints) {
      Field item = field("item", new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE));
      FieldType list = FieldType.nullable(new ArrowType.FixedSizeList(width));
      fields.add(new Field(hookPoint, list, List.of(item)));
    }
    for (String name : tokenColumns) {
      int bits = name.endsWith("*") ? 64 : 32;
      fields.add(field(name.replace("*", ""), new ArrowType.Int(bits, true)));
    }
    try (BufferAllocator allocator = new RootAllocator();
        VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(fields, metadata), allocator);
        ArrowFileWriter writer =
            new ArrowFileWriter(root, null, Channels.newChannel(Files.newOutputStream(file)))) {
      writer.start();
      long row = firstRow;
      for (int rows : batches) {
        root.allocateNew();
        for (FieldVector vector : root.getFieldVectors()) {
          fill(vector, row, rows, hookPoints.indexOf(vector.getName()));
        }
        root.setRowCount(rows);
        writer.writeBatch();
        row += rows;
      }
      writer.end();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /** What a file has in a row of the store. */
  public static float value(long row, int hookPoint, int element) {
    return (float) (row * 64 + hookPoint * 1000 + element) / 16 - 3;
  }

  /** What a token column has in a row: contexts of five tokens, documents of ten. */
  public static int number(String column, long row) {
    return switch (column) {
      case "token_id" -> (int) (row * 31 % 97);
      case "position" -> (int) (row % 5);
      default -> (int) (row / 10);
    };
  }

  private static Field field(String name, ArrowType type) {
    return new Field(name, FieldType.nullable(type), null);
  }

  private static void fill(FieldVector vector, long row, int rows, int hookPoint) {
    for (int i = 0; i < rows; i++) {
      String text = "row " + (row + i) + " has a text of more than twelve bytes";
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      switch (vector) {
        case ViewVarCharVector views -> views.setSafe(i, bytes);
        case VarCharVector words -> words.setSafe(i, bytes);
        case BigIntVector numbers -> numbers.setSafe(i, number(vector.getName(), row + i));
        case IntVector numbers -> numbers.setSafe(i, number(vector.getName(), row + i));
        case FixedSizeListVector list -> {
          list.startNewValue(i);
          int width = list.getListSize();
          Float4Vector values = (Float4Vector) list.getDataVector();
          for (int e = 0; e < width; e++) {
            values.setSafe(i * width + e, value(row + i, hookPoint, e));
          }
        }
        default -> throw new AssertionError(vector.getName());
      }
    }
    vector.setValueCount(rows);
  }
}
