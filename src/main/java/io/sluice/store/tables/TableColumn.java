package io.sluice.store.tables;

import java.util.List;
import java.util.Objects;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/**
 * A column of a table.
 *
 * @param name its name
 * @param element the type of its values, or of the elements of its lists
 * @param shape whether a row has one value or a list of them
 * @param size elements of each row of a list of fixed size, at least 1; otherwise 1
 * @param nullable whether a row may have no value; only for single values
 */
public record TableColumn(String name, Element element, Shape shape, int size, boolean nullable) {
  /** The types of values. */
  public enum Element {
    /** A whole number from 0 to 255. */
    UINT8(1, new ArrowType.Int(8, false)),
    /** A whole number of 32 bits with a sign. */
    INT32(4, new ArrowType.Int(32, true)),
    /** A whole number of 32 bits from 0 on. */
    UINT32(4, new ArrowType.Int(32, false)),
    /** A whole number of 64 bits with a sign. */
    INT64(8, new ArrowType.Int(64, true)),
    /** A number in single precision. */
    FLOAT32(4, new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE)),
    /** A truth value, one bit. */
    BOOL(0, new ArrowType.Bool()),
    /** A text. */
    UTF8(1, new ArrowType.Utf8());

    private final int bytes;
    private final ArrowType arrow;

    Element(int bytes, ArrowType arrow) {
      this.bytes = bytes;
      this.arrow = arrow;
    }

    /** Bytes of one value; 0 for a truth value, 1 for a byte of a text. */
    int bytes() {
      return bytes;
    }
  }

  /** How many values a row has. */
  public enum Shape {
    /** One. */
    SINGLE,
    /** The same number in each row. */
    FIXED_LIST,
    /** Any number. */
    LIST
  }

  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if they do not fit together
   */
  public TableColumn {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(element, "element");
    boolean number = element != Element.BOOL && element != Element.UTF8;
    if (size < 1
        || size > 1 && shape != Shape.FIXED_LIST
        || shape != Shape.SINGLE && (nullable || !number)) {
      throw new IllegalArgumentException(
          "column '%s' cannot be %s of %d %s%s"
              .formatted(name, shape, size, element, nullable ? " with nulls" : ""));
    }
  }

  /** A column of single values. */
  public static TableColumn of(String name, Element element) {
    return new TableColumn(name, element, Shape.SINGLE, 1, false);
  }

  /** A column of single values, some of which may be missing. */
  public static TableColumn nullable(String name, Element element) {
    return new TableColumn(name, element, Shape.SINGLE, 1, true);
  }

  /** A column of lists of {@code size} numbers. */
  public static TableColumn fixedList(String name, Element element, int size) {
    return new TableColumn(name, element, Shape.FIXED_LIST, size, false);
  }

  /** A column of lists of any number of numbers. */
  public static TableColumn list(String name, Element element) {
    return new TableColumn(name, element, Shape.LIST, 1, false);
  }

  /** Whether rows have offsets into further values: lists of any length, and texts. */
  boolean hasOffsets() {
    return shape == Shape.LIST || element == Element.UTF8;
  }

  /** Whether Arrow describes it by two nodes: the list and its elements. */
  boolean hasChild() {
    return shape != Shape.SINGLE;
  }

  /** The Arrow field. */
  Field field() {
    ArrowType list = shape == Shape.LIST ? new ArrowType.List() : new ArrowType.FixedSizeList(size);
    if (!hasChild()) {
      return new Field(name, new FieldType(nullable, element.arrow, null), null);
    }
    Field item = new Field("item", FieldType.notNullable(element.arrow), null);
    return new Field(name, FieldType.notNullable(list), List.of(item));
  }

  /** Whether a field has the type of this column; names of elements and nullability are free. */
  boolean describes(Field field) {
    Field own = field();
    return own.getName().equals(field.getName())
        && own.getType().equals(field.getType())
        && field.getDictionary() == null
        && field.getChildren().size() == own.getChildren().size()
        && (!hasChild()
            || field.getChildren().getFirst().getType().equals(element.arrow)
                && field.getChildren().getFirst().getDictionary() == null);
  }
}
