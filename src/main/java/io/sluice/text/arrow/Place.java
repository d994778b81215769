package io.sluice.text.arrow;

import io.sluice.files.Quoted;
import io.sluice.text.columns.Unusable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;

/**
 * Where the texts of a column are among the parts of each batch: a batch has a node for every field
 * at any depth, and its buffers in the same order.
 *
 * @param nodes how many nodes a batch has
 * @param buffers how many buffers a batch has, without those of views
 * @param hasViews whether a column has a number of buffers that differs between batches
 * @param node the number of the column's node
 * @param buffer the number of its first buffer, which says what is missing
 * @param wide whether its offsets take eight bytes, and not four
 * @param parents the numbers of the node and of the first buffer of each structure around it,
 *     outermost first
 */
record Place(
    int nodes,
    int buffers,
    boolean hasViews,
    int node,
    int buffer,
    boolean wide,
    List<int[]> parents) {
  /** Fields at all depths; each costs time, and a hostile schema may show the same one often. */
  private static final int MOST_FIELDS = 100_000;

  private static final int DEEPEST = 64;

  /** Columns that a message names. */
  private static final int NAMED = 12;

  /**
   * Finds a column.
   *
   * @param column its name; of a structure's field {@code structure.field}
   * @throws Unusable if there is none of texts by that name
   * @throws IOException if the schema is inconsistent; the message does not name the file
   */
  static Place of(Schema schema, String column) throws IOException {
    Search search = new Search(column);
    for (int pass = 0; pass < 2 && search.found == null; pass++) {
      search.inside = pass > 0;
      search.nodes = 0;
      search.buffers = 0;
      search.views = false;
      for (int i = 0; i < schema.fieldsLength(); i++) {
        search.visit(schema.fields(i), "", 0, List.of());
      }
    }
    if (search.found == null) {
      List<String> names = search.names;
      throw new Unusable(
          "has no column "
              + Quoted.of(column)
              + ", there are "
              + names.stream().map(Quoted::of).collect(Collectors.joining(", "))
              + (schema.fieldsLength() > NAMED
                  ? " and " + (schema.fieldsLength() - NAMED) + " more"
                  : ""),
          "name one with --text-field");
    }
    Place found = search.found;
    return new Place(
        search.nodes,
        search.buffers,
        search.views,
        found.node,
        found.buffer,
        found.wide,
        found.parents);
  }

  /** A walk over all fields, in the order of their nodes. */
  private static final class Search {
    private final String column;
    private final List<String> names = new ArrayList<>();

    /** Whether fields of structures are looked at, too, and not columns alone. */
    private boolean inside;

    private int nodes;
    private int buffers;
    private int visited;

    /** Whether a field before this one has a number of buffers that differs between batches. */
    private boolean views;

    private Place found;

    Search(String column) {
      this.column = column;
    }

    void visit(Field field, String parent, int depth, List<int[]> parents) throws IOException {
      if (++visited > MOST_FIELDS || depth > DEEPEST) {
        throw new IOException("its schema is too large or too deep");
      }
      String name = parent + (field.name() == null ? "" : field.name());
      if (depth == 0 && !inside && names.size() < NAMED) {
        names.add(name);
      }
      boolean isReachable = depth == parents.size() && (depth == 0 || inside);
      if (isReachable && found == null && name.equals(column)) {
        found = found(field, parents);
      }
      int node = nodes++;
      int buffer = buffers;
      boolean isDictionary = field.dictionary() != null;
      buffers += isDictionary ? 2 : buffers(field);
      views |= !isDictionary && isView(field.typeType());
      List<int[]> within = parents;
      if (isReachable && field.typeType() == Type.Struct_) {
        within = new ArrayList<>(parents);
        within.add(new int[] {node, buffer});
      }
      for (int i = 0; !isDictionary && i < field.childrenLength(); i++) {
        visit(field.children(i), name + ".", depth + 1, within);
      }
    }

    private Place found(Field field, List<int[]> parents) throws IOException {
      boolean wide = field.typeType() == Type.LargeUtf8 || field.typeType() == Type.LargeBinary;
      boolean narrow = field.typeType() == Type.Utf8 || field.typeType() == Type.Binary;
      if (field.dictionary() != null || !wide && !narrow) {
        throw new Unusable(
            "its column "
                + Quoted.of(column)
                + " is not text, but "
                + (field.dictionary() != null ? "places in a dictionary" : kind(field)),
            field.dictionary() != null || isView(field.typeType())
                ? "write it again as plain strings"
                : "name another one with --text-field");
      }
      if (views) {
        throw new Unusable(
            "has a column of views before its column " + Quoted.of(column),
            "write it again with plain strings");
      }
      return new Place(0, 0, false, nodes, buffers, wide, List.copyOf(parents));
    }
  }

  private static boolean isView(int type) {
    return type == Type.Utf8View || type == Type.BinaryView;
  }

  private static String kind(Field field) {
    return switch (field.typeType()) {
      case Type.List, Type.LargeList, Type.FixedSizeList, Type.ListView, Type.LargeListView ->
          "a list";
      case Type.Struct_ -> "a structure";
      case Type.Int -> "an integer";
      case Type.FloatingPoint -> "a floating-point number";
      case Type.Utf8View, Type.BinaryView -> "a view of texts";
      default -> "of another type";
    };
  }

  /** How many buffers a field has itself, without its children. */
  private static int buffers(Field field) throws IOException {
    return switch (field.typeType()) {
      case Type.Null, Type.RunEndEncoded -> 0;
      case Type.Struct_, Type.FixedSizeList -> 1;
      case Type.Utf8, Type.LargeUtf8, Type.Binary, Type.LargeBinary -> 3;
      case Type.ListView, Type.LargeListView -> 3;
      case Type.Union -> {
        Union union = (Union) field.type(new Union());
        yield union.mode() == UnionMode.Dense ? 2 : 1;
      }
      case Type.Bool,
          Type.Int,
          Type.FloatingPoint,
          Type.Decimal,
          Type.Date,
          Type.Time,
          Type.Timestamp,
          Type.Interval,
          Type.Duration,
          Type.FixedSizeBinary,
          Type.List,
          Type.LargeList,
          Type.Map,
          Type.Utf8View,
          Type.BinaryView ->
          2;
      default -> throw new IOException("its schema has a column without a known type");
    };
  }
}
