package io.sluice.store.files;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;

/**
 * Compares the schema of an Arrow file with the columns of a store. These are all the parts of a
 * schema that can change the meaning of a column's bytes, in the order of Arrow's {@code
 * Schema.fbs}:
 *
 * <ul>
 *   <li>{@code Schema.endianness}: big is refused. {@code fields}: the store's columns are found by
 *       their names, each at most once, in any order and among others, which are skipped. {@code
 *       features} only announce what other parts use; {@code custom_metadata} names the format and
 *       does not affect the bytes.
 *   <li>{@code Field.type}: a list of fixed size for a hook point, a number for its items and for a
 *       token column; any other is refused by its name. {@code dictionary}: refused, since the
 *       bytes are then indices. {@code children}: one in a list, none in a number. {@code nullable}
 *       does not matter, since the record batch records whether there are nulls. {@code
 *       custom_metadata}: an extension type, which may give the same bytes another meaning, is
 *       refused; {@code sluice.dtype} must agree with the manifest, and is required for bfloat16,
 *       for which Arrow has no type.
 * </ul>
 */
final class ShardSchema {
  private static final String EXTENSION_KEY = "ARROW:extension:name";
  private static final int MOST_COLUMNS = 1 << 16;
  private static final int MOST_NAMES = 8;

  private ShardSchema() {}

  /** A difference between schema and store, without the file's name. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    Refused(String what) {
      super(what);
    }
  }

  /**
   * Where columns lie among the nodes and buffers of a record batch.
   *
   * @param nodes the first node of each column; -1 for a token column that the file does not have
   * @param buffers the first buffer of each column, without buffers of variable number
   * @param variadic how many columns before it have a variable number of buffers
   * @param wide whether it is a token column of int64
   * @param sizes nodes and buffers of all columns of the file, read or not
   */
  record Places(int[] nodes, int[] buffers, int[] variadic, boolean[] wide, FieldSizes sizes) {}

  /**
   * Finds the columns of a store by their names. The file may have others, and may lack token
   * columns.
   *
   * @param version of Arrow's metadata
   * @param source what says which columns there are, for messages
   */
  static Places find(Schema schema, short version, List<Column> columns, String source)
      throws Refused {
    requireLittleEndian(schema);
    Map<String, Integer> wanted = new HashMap<>();
    for (int i = 0; i < columns.size(); i++) {
      wanted.put(columns.get(i).name(), i);
    }
    int[] nodes = new int[columns.size()];
    int[] buffers = new int[columns.size()];
    int[] variadic = new int[columns.size()];
    boolean[] wide = new boolean[columns.size()];
    Arrays.fill(nodes, -1);
    FieldSizes sizes = new FieldSizes(version);
    for (int i = 0; i < schema.fieldsLength(); i++) {
      Field field = schema.fields(i);
      Integer column = wanted.get(field.name());
      if (column != null) {
        if (nodes[column] >= 0) {
          throw new Refused("it has two columns " + Quoted.of(field.name()));
        }
        check(columns.get(column), field, source);
        nodes[column] = sizes.nodes();
        buffers[column] = sizes.buffers();
        variadic[column] = sizes.variadic();
        wide[column] = columns.get(column).isTokenColumn() && isInt(field, 64, true);
      }
      sizes.add(field);
    }
    for (int i = 0; i < nodes.length; i++) {
      if (nodes[i] < 0 && !columns.get(i).isTokenColumn()) {
        throw new Refused(
            "it has no column '%s', which %s lists; it has %s"
                .formatted(columns.get(i).name(), source, names(schema)));
      }
    }
    return new Places(nodes, buffers, variadic, wide, sizes);
  }

  /**
   * The hook points of a file that no manifest describes: its lists of fixed size of float32 or
   * float16, and of bfloat16 with the metadata that says so. All others are left out.
   *
   * @throws Refused if there are none, or a token column is of another type
   */
  static List<Column> hookPoints(Schema schema) throws Refused {
    requireLittleEndian(schema);
    List<Column> found = new ArrayList<>();
    for (int i = 0; i < schema.fieldsLength(); i++) {
      Field field = schema.fields(i);
      if (i > MOST_COLUMNS) {
        throw new Refused("it has more than " + MOST_COLUMNS + " columns");
      }
      String name = String.valueOf(field.name());
      if (name.equals(Column.TOKEN_ID)
          || name.equals(Column.POSITION)
          || name.equals(Column.DOCUMENT_ID)) {
        check(new Column(name, 1, DType.I32), field, "Sluice");
      } else if (dtype(field) != null) {
        int width = ((FixedSizeList) field.type(new FixedSizeList())).listSize();
        try {
          found.add(new Column(name, width, dtype(field)));
        } catch (IllegalArgumentException e) {
          throw new Refused(e.getMessage());
        }
      }
    }
    if (found.isEmpty()) {
      throw new Refused(
          "it has no column of activations, a fixed_size_list of float32, of float16, or of uint16"
              + " whose field's metadata has sluice.dtype = bfloat16; it has "
              + names(schema));
    }
    return found;
  }

  /** The element type of a hook point; null of what is none. */
  private static DType dtype(Field field) {
    if (field.typeType() != Type.FixedSizeList || field.childrenLength() != 1) {
      return null;
    }
    Field element = field.children(0);
    if (!isPlain(field) || !isPlain(element) || element.childrenLength() != 0) {
      return null;
    }
    String said = metadata(field, ShardFrame.DTYPE_KEY);
    for (DType dtype : List.of(DType.F32, DType.F16, DType.BF16)) {
      if (isElement(element, dtype)
          && (said == null ? dtype != DType.BF16 : said.equals(dtype.label()))) {
        return dtype;
      }
    }
    return null;
  }

  /** A field's type for messages, or what is made of it. */
  private static String storage(Field field) {
    String extension = metadata(field, EXTENSION_KEY);
    if (extension != null) {
      return "the extension type " + Quoted.of(extension);
    }
    return (field.dictionary() == null ? "" : "dictionary-encoded ") + type(field);
  }

  private static boolean isPlain(Field field) {
    return field.dictionary() == null && metadata(field, EXTENSION_KEY) == null;
  }

  private static void requireLittleEndian(Schema schema) throws Refused {
    if (schema == null) {
      throw new Refused("it has no schema");
    }
    if (schema.endianness() != Endianness.Little) {
      throw new Refused("its numbers are big-endian, and only little-endian ones are read");
    }
  }

  /** A value of a schema's metadata; null if absent. */
  static String metadata(Schema schema, String key) {
    for (int i = 0; i < schema.customMetadataLength(); i++) {
      KeyValue entry = schema.customMetadata(i);
      if (key.equals(entry.key())) {
        return String.valueOf(entry.value());
      }
    }
    return null;
  }

  /** The first columns of a file with their types, for messages. */
  private static String names(Schema schema) {
    List<String> names = new ArrayList<>();
    int count = Math.min(MOST_NAMES, schema.fieldsLength());
    for (int i = 0; i < count; i++) {
      Field field = schema.fields(i);
      names.add(
          (field.name() == null ? "one without a name" : Quoted.of(field.name()))
              + " ("
              + storage(field)
              + ")");
    }
    int more = schema.fieldsLength() - count;
    return names.isEmpty()
        ? "none"
        : String.join(", ", names) + (more > 0 ? " and " + more + " more" : "");
  }

  private static void check(Column column, Field field, String source) throws Refused {
    requirePlain(column, field);
    Field element = field;
    if (!column.isTokenColumn()) {
      if (field.typeType() != Type.FixedSizeList || field.childrenLength() != 1) {
        throw new Refused(
            "column '" + column.name() + "' is not a list of fixed size, but " + type(field));
      }
      int width = ((FixedSizeList) field.type(new FixedSizeList())).listSize();
      if (width != column.width()) {
        throw new Refused(
            "column '"
                + column.name()
                + "' has width "
                + width
                + ", "
                + source
                + " says "
                + column.width());
      }
      element = field.children(0);
      requirePlain(column, element);
    }
    String said = metadata(field, ShardFrame.DTYPE_KEY);
    String label = column.dtype().label();
    if (element.childrenLength() != 0
        || !(isElement(element, column.dtype())
            || column.isTokenColumn() && isInt(element, 64, true))
        || said != null && !said.equals(label)) {
      throw new Refused(
          "column '%s' does not hold %s elements, but %s"
              .formatted(column.name(), label, said == null ? type(element) : Quoted.of(said)));
    }
    if (column.dtype() == DType.BF16 && said == null) {
      throw new Refused(
          "column '%s' holds uint16 elements and does not say, by the metadata %s of its field, that"
              + " they are bfloat16".formatted(column.name(), ShardFrame.DTYPE_KEY));
    }
  }

  private static void requirePlain(Column column, Field field) throws Refused {
    if (field.dictionary() != null) {
      throw new Refused(
          "column '" + column.name() + "' is dictionary-encoded; write its values themselves");
    }
    String extension = metadata(field, EXTENSION_KEY);
    if (extension != null) {
      throw new Refused(
          "column '%s' is of the extension type %s; write its values as a plain column"
              .formatted(column.name(), Quoted.of(extension)));
    }
  }

  /** A value of a field's metadata; null if absent. */
  private static String metadata(Field field, String key) {
    for (int i = 0; i < field.customMetadataLength(); i++) {
      KeyValue entry = field.customMetadata(i);
      if (key.equals(entry.key())) {
        return String.valueOf(entry.value());
      }
    }
    return null;
  }

  private static boolean isElement(Field field, DType dtype) {
    return switch (dtype) {
      case F32 -> isFloat(field, Precision.SINGLE);
      case F16 -> isFloat(field, Precision.HALF);
      case BF16 -> isInt(field, 16, false);
      case I32 -> isInt(field, 32, true);
      default -> false;
    };
  }

  private static boolean isFloat(Field field, short precision) {
    return field.typeType() == Type.FloatingPoint
        && ((FloatingPoint) field.type(new FloatingPoint())).precision() == precision;
  }

  private static boolean isInt(Field field, int bits, boolean signed) {
    if (field.typeType() != Type.Int) {
      return false;
    }
    Int type = (Int) field.type(new Int());
    return type.bitWidth() == bits && type.isSigned() == signed;
  }

  /** A field's type for messages. */
  static String type(Field field) {
    byte type = field.typeType();
    if (type == Type.FixedSizeList || type == Type.List || type == Type.LargeList) {
      String kind =
          type == Type.FixedSizeList
              ? "fixed_size_list of "
              : type == Type.List ? "list of " : "large_list of ";
      Field item = field.childrenLength() == 1 ? field.children(0) : null;
      byte inside = item == null ? Type.NONE : item.typeType();
      if (inside == Type.FloatingPoint || inside == Type.Int) {
        return kind + type(item);
      }
    }
    if (type == Type.FloatingPoint) {
      int bits = 16 << ((FloatingPoint) field.type(new FloatingPoint())).precision();
      return "float" + bits;
    }
    if (type == Type.Int) {
      Int number = (Int) field.type(new Int());
      return (number.isSigned() ? "int" : "uint") + number.bitWidth();
    }
    return "Arrow's type "
        + (type > 0 && type < Type.names.length ? Type.name(type) : "number " + type);
  }
}
