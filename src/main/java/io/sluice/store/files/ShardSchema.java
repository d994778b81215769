package io.sluice.store.files;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import java.util.List;
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
 *   <li>{@code Schema.endianness}: big is refused. {@code fields}: the same number, names and order
 *       as the store's columns. {@code features} only announce what other parts use; {@code
 *       custom_metadata} names the format and does not affect the bytes.
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

  private ShardSchema() {}

  /** A difference between schema and store, without the file's name. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    private Refused(String what) {
      super(what);
    }
  }

  static void check(Schema schema, List<Column> columns) throws Refused {
    if (schema == null || schema.fieldsLength() != columns.size()) {
      throw new Refused(
          "it has "
              + (schema == null ? 0 : schema.fieldsLength())
              + " columns, the manifest lists "
              + columns.size());
    }
    if (schema.endianness() != Endianness.Little) {
      throw new Refused("its numbers are big-endian, and only little-endian ones are read");
    }
    for (int i = 0; i < columns.size(); i++) {
      Column column = columns.get(i);
      Field field = schema.fields(i);
      if (!column.name().equals(field.name())) {
        throw new Refused(
            "column "
                + i
                + " is "
                + (field.name() == null ? "without a name" : Quoted.of(field.name()))
                + ", the manifest says "
                + Quoted.of(column.name()));
      }
      check(column, field);
    }
  }

  private static void check(Column column, Field field) throws Refused {
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
                + ", the manifest says "
                + column.width());
      }
      element = field.children(0);
      requirePlain(column, element);
    }
    String said = metadata(field, ShardFrame.DTYPE_KEY);
    String label = column.dtype().label();
    if (element.childrenLength() != 0
        || !isElement(element, column.dtype())
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
  private static String type(Field field) {
    byte type = field.typeType();
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
