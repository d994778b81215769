package io.sluice.store.files;

import io.sluice.memory.DType;
import io.sluice.store.tables.TableFrame;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/** The bytes of a shard, an Arrow IPC file, around the body of its one record batch. */
public final class ShardFrame {
  /** Key of the field metadata that names a column's element type. */
  public static final String DTYPE_KEY = "sluice.dtype";

  /** Key of the schema metadata that names the format. */
  static final String FORMAT_KEY = "sluice.format";

  private final byte[] head;
  private final byte[] tail;

  /** The frame of a file whose body has this layout. */
  ShardFrame(ShardLayout layout) {
    Schema schema = schema(layout.columns());
    byte[] start = TableFrame.head(schema);
    byte[] batch = batch(layout);
    TableFrame.BatchPlace place =
        new TableFrame.BatchPlace(start.length, batch.length, layout.bodyBytes());
    head = Arrays.copyOf(start, start.length + batch.length);
    System.arraycopy(batch, 0, head, start.length, batch.length);
    tail = TableFrame.tail(schema, List.of(place));
  }

  /** The bytes before the body; a multiple of 64. */
  byte[] head() {
    return head;
  }

  /** The bytes after the body. */
  byte[] tail() {
    return tail;
  }

  /** The Arrow field of a column. */
  public static Field field(Column column) {
    if (column.isTokenColumn()) {
      return new Field(column.name(), FieldType.notNullable(element(column.dtype())), null);
    }
    Field item = new Field("item", FieldType.notNullable(element(column.dtype())), null);
    return new Field(
        column.name(),
        new FieldType(
            false,
            new ArrowType.FixedSizeList(column.width()),
            null,
            Map.of(DTYPE_KEY, column.dtype().label())),
        List.of(item));
  }

  private static ArrowType element(DType dtype) {
    return switch (dtype) {
      case F32 -> new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);
      case F16 -> new ArrowType.FloatingPoint(FloatingPointPrecision.HALF);
      case BF16 -> new ArrowType.Int(16, false); // Arrow has no bfloat16; the metadata names it.
      case I32 -> new ArrowType.Int(32, true);
      default -> throw new IllegalArgumentException("no column has dtype " + dtype.label());
    };
  }

  private static Schema schema(List<Column> columns) {
    List<Field> fields = new ArrayList<>();
    for (Column column : columns) {
      fields.add(field(column));
    }
    return new Schema(fields, Map.of(FORMAT_KEY, Manifest.FORMAT));
  }

  /** The message of the record batch. */
  private static byte[] batch(ShardLayout layout) {
    // A list has two nodes (itself, its items) and three buffers (two empty validity bitmaps, the
    // data), a plain column one and two.
    List<TableFrame.Node> nodes = new ArrayList<>();
    List<TableFrame.Place> buffers = new ArrayList<>();
    for (int i = 0; i < layout.columns().size(); i++) {
      Column column = layout.columns().get(i);
      TableFrame.Place empty = new TableFrame.Place(layout.offset(i), 0);
      nodes.add(new TableFrame.Node(layout.rows(), 0));
      buffers.add(empty);
      if (!column.isTokenColumn()) {
        nodes.add(new TableFrame.Node((long) layout.rows() * column.width(), 0));
        buffers.add(empty);
      }
      buffers.add(new TableFrame.Place(layout.offset(i), layout.bytes(i)));
    }
    return TableFrame.batch(layout.rows(), nodes, buffers, layout.bodyBytes());
  }
}
