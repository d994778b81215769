package io.sluice.store.files;

import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;

/**
 * Counts the nodes and buffers that fields have in a record batch, as Arrow's columnar format lays
 * them out, so that columns which are not read can be skipped.
 */
final class FieldSizes {
  private static final int MOST_FIELDS = 1 << 16;
  private static final int MOST_DEPTH = 64;

  private final boolean unionsHaveBitmaps;
  private int fields;
  private int nodes;
  private int buffers;
  private int variadic;
  private boolean dictionaries;

  /** Before the first field of a file of that version of Arrow's metadata. */
  FieldSizes(short version) {
    this.unionsHaveBitmaps = version < MetadataVersion.V5;
  }

  /** Nodes so far. */
  int nodes() {
    return nodes;
  }

  /** Buffers so far. */
  int buffers() {
    return buffers;
  }

  /** Fields so far that have a variable number of buffers. */
  int variadic() {
    return variadic;
  }

  /** Whether a field so far is dictionary-encoded. */
  boolean hasDictionaries() {
    return dictionaries;
  }

  /**
   * Counts a column and all that is inside it.
   *
   * @throws ShardSchema.Refused if it is of a type that this version of Sluice cannot skip
   */
  void add(Field column) throws ShardSchema.Refused {
    add(column, 0);
  }

  private void add(Field field, int depth) throws ShardSchema.Refused {
    // A damaged schema can make a field its own child.
    if (++fields > MOST_FIELDS || depth > MOST_DEPTH) {
      throw new ShardSchema.Refused(
          "it has more than " + MOST_FIELDS + " fields, or more than " + MOST_DEPTH + " levels");
    }
    nodes++;
    if (field.dictionary() != null) {
      dictionaries = true;
      buffers += 2; // A bitmap and indices; the values are in batches of their own.
      return;
    }
    buffers += buffers(field);
    for (int i = 0; i < field.childrenLength(); i++) {
      add(field.children(i), depth + 1);
    }
  }

  private int buffers(Field field) throws ShardSchema.Refused {
    return switch (field.typeType()) {
      case Type.Null, Type.RunEndEncoded -> 0;
      case Type.FixedSizeList, Type.Struct_ -> 1;
      case Type.Int,
          Type.FloatingPoint,
          Type.Bool,
          Type.Decimal,
          Type.Date,
          Type.Time,
          Type.Timestamp,
          Type.Interval,
          Type.Duration,
          Type.FixedSizeBinary,
          Type.List,
          Type.LargeList,
          Type.Map ->
          2;
      case Type.Utf8,
          Type.Binary,
          Type.LargeUtf8,
          Type.LargeBinary,
          Type.ListView,
          Type.LargeListView ->
          3;
      case Type.Utf8View, Type.BinaryView -> {
        variadic++;
        yield 2;
      }
      case Type.Union -> {
        int ofMode = ((Union) field.type(new Union())).mode() == UnionMode.Dense ? 2 : 1;
        yield ofMode + (unionsHaveBitmaps ? 1 : 0);
      }
      default ->
          throw new ShardSchema.Refused(
              "it has a column of " + ShardSchema.type(field) + ", which cannot be skipped");
    };
  }
}
