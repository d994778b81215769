package io.sluice.text.arrow;

import io.sluice.files.Quoted;
import io.sluice.text.columns.Unusable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;

/**
 * Where the texts or lists of a column are among the parts of each batch: a batch has a node for
 * every field at any depth, and its buffers in the same order.
 *
 * @param nodes how many nodes a batch has
 * @param buffers how many buffers a batch has, without those of views
 * @param hasViews whether a column has a number of buffers that differs between batches
 * @param node the number of the column's node
 * @param buffer the number of its first buffer, which says what is missing
 * @param wide whether its offsets take eight bytes, and not four
 * @param parents the numbers of the node and of the first buffer of each structure around it,
 *     outermost first
 * @param items what the lists of the column hold; null if it has none of integers
 * @param messages what the lists of the column hold; null if it has none of structures
 */
record Place(
    int nodes,
    int buffers,
    boolean hasViews,
    int node,
    int buffer,
    boolean wide,
    List<int[]> parents,
    Items items,
    Messages messages) {
  /** Fields at all depths; each costs time, and a hostile schema may show the same one often. */
  private static final int MOST_FIELDS = 100_000;

  private static final int DEEPEST = 64;

  /** Columns that a message names. */
  private static final int NAMED = 12;

  /**
   * The integers of lists.
   *
   * @param size how many each list has; 0 if offsets say it
   * @param node the number of their node
   * @param buffer the number of their first buffer
   * @param bytes of each integer
   * @param isSigned whether they may be negative
   */
  record Items(int size, int node, int buffer, int bytes, boolean isSigned) {}

  /**
   * The structures of lists.
   *
   * @param node the number of their node
   * @param buffer the number of their first buffer
   * @param fields those that are texts
   */
  record Messages(int node, int buffer, List<Field> fields) {}

  /**
   * A field of structures.
   *
   * @param node the number of its node
   * @param buffer the number of its first buffer
   * @param wide whether its offsets take eight bytes, and not four
   */
  record Field(String name, int node, int buffer, boolean wide) {
    int offsetBytes() {
      return wide ? Long.BYTES : Integer.BYTES;
    }
  }

  /** What a search is for. */
  private enum Wanted {
    TEXTS,
    LISTS,
    MESSAGES
  }

  /** Bytes of an offset. */
  int offsetBytes() {
    return wide ? Long.BYTES : Integer.BYTES;
  }

  /** How many items each list has; 0 if offsets say where values begin. */
  int listSize() {
    return items == null ? 0 : items.size();
  }

  /** What says which rows are missing: of the column itself and of each structure around it. */
  long[] validities(Batches batches) throws IOException {
    long[] validities = new long[parents.size() + 1];
    validities[0] = batches.validity(node, buffer);
    for (int i = 0; i < parents.size(); i++) {
      validities[i + 1] = batches.validity(parents.get(i)[0], parents.get(i)[1]);
    }
    return validities;
  }

  /**
   * Finds a column of texts.
   *
   * @param column its name; of a structure's field {@code structure.field}
   * @throws Unusable if there is none of texts by that name
   * @throws IOException if the schema is inconsistent; the message does not name the file
   */
  static Place of(Schema schema, String column) throws IOException {
    return of(schema, new Search(column, Wanted.TEXTS));
  }

  /** Finds a column of lists of integers; otherwise as {@link #of(Schema, String)}. */
  static Place ofLists(Schema schema, String column) throws IOException {
    return of(schema, new Search(column, Wanted.LISTS));
  }

  /** Finds a column of lists of structures of texts; otherwise as {@link #of(Schema, String)}. */
  static Place ofMessages(Schema schema, String column) throws IOException {
    return of(schema, new Search(column, Wanted.MESSAGES));
  }

  private static Place of(Schema schema, Search search) throws IOException {
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
              + Quoted.of(search.column)
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
        found.parents,
        found.items,
        found.messages);
  }

  /** A walk over all fields, in the order of their nodes. */
  private static final class Search {
    private final String column;
    private final Wanted wanted;
    private final List<String> names = new ArrayList<>();

    /** Whether fields of structures are looked at, too, and not columns alone. */
    private boolean inside;

    private int nodes;
    private int buffers;
    private int visited;

    /** Whether a field before this one has a number of buffers that differs between batches. */
    private boolean views;

    private Place found;

    Search(String column, Wanted wanted) {
      this.column = column;
      this.wanted = wanted;
    }

    void visit(org.apache.arrow.flatbuf.Field field, String parent, int depth, List<int[]> parents)
        throws IOException {
      if (++visited > MOST_FIELDS || depth > DEEPEST) {
        throw new IOException("its schema is too large or too deep");
      }
      String name = parent + (field.name() == null ? "" : field.name());
      if (depth == 0 && !inside && names.size() < NAMED) {
        names.add(name);
      }
      boolean isReachable = depth == parents.size() && (depth == 0 || inside);
      if (isReachable && name.equals(column)) {
        if (found != null) {
          throw twice(column);
        }
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

    private Place found(org.apache.arrow.flatbuf.Field field, List<int[]> parents)
        throws IOException {
      if (views) {
        throw new Unusable(
            "has a column of views before its column " + Quoted.of(column),
            "write it again with plain strings");
      }
      boolean isDictionary = field.dictionary() != null;
      int type = field.typeType();
      if (wanted != Wanted.TEXTS) {
        boolean wide = type == Type.LargeList;
        boolean isIds = wanted == Wanted.LISTS;
        return new Place(
            0,
            0,
            false,
            nodes,
            buffers,
            wide,
            List.copyOf(parents),
            isIds ? items(field, isDictionary) : null,
            isIds ? null : messages(field, isDictionary));
      }
      boolean wide = type == Type.LargeUtf8 || type == Type.LargeBinary;
      boolean narrow = type == Type.Utf8 || type == Type.Binary;
      if (isDictionary || !wide && !narrow) {
        throw new Unusable(
            "its column "
                + Quoted.of(column)
                + " is not text, but "
                + (isDictionary ? "places in a dictionary" : kind(field)),
            isDictionary || isView(type)
                ? "write it again as plain strings"
                : isList(type)
                    ? "name another one with --text-field, or give --text-as token-ids if it has"
                        + " ids"
                    : "name another one with --text-field");
      }
      return new Place(0, 0, false, nodes, buffers, wide, List.copyOf(parents), null, null);
    }

    private Items items(org.apache.arrow.flatbuf.Field field, boolean isDictionary)
        throws IOException {
      int type = field.typeType();
      boolean isFixed = type == Type.FixedSizeList;
      if (isDictionary || !isFixed && type != Type.List && type != Type.LargeList) {
        throw noLists(isDictionary ? "places in a dictionary" : kind(field));
      }
      org.apache.arrow.flatbuf.Field item = field.childrenLength() == 1 ? field.children(0) : null;
      if (item == null) {
        throw new IOException("its schema has a list without items");
      }
      if (item.dictionary() != null || item.typeType() != Type.Int) {
        throw noLists("lists of another type");
      }
      Int integer = (Int) item.type(new Int());
      int bits = integer.bitWidth();
      int size = isFixed ? ((FixedSizeList) field.type(new FixedSizeList())).listSize() : 0;
      if (bits != 8 && bits != 16 && bits != 32 && bits != 64 || isFixed && size < 1) {
        throw new IOException("its schema has a list of an unknown type");
      }
      return new Items(
          size, nodes + 1, buffers + (isFixed ? 1 : 2), bits / Byte.SIZE, integer.isSigned());
    }

    private Messages messages(org.apache.arrow.flatbuf.Field field, boolean isDictionary)
        throws IOException {
      int type = field.typeType();
      if (isDictionary || type != Type.List && type != Type.LargeList) {
        throw noMessages(isDictionary ? "places in a dictionary" : kind(field));
      }
      org.apache.arrow.flatbuf.Field item = field.childrenLength() == 1 ? field.children(0) : null;
      if (item == null || item.dictionary() != null || item.typeType() != Type.Struct_) {
        throw noMessages("lists of another type");
      }
      List<Field> fields = new ArrayList<>();
      int node = nodes + 2;
      int buffer = buffers + 3;
      for (int i = 0; i < item.childrenLength(); i++) {
        org.apache.arrow.flatbuf.Field each = item.children(i);
        int its = each.typeType();
        boolean wide = its == Type.LargeUtf8 || its == Type.LargeBinary;
        boolean isText = wide || its == Type.Utf8 || its == Type.Binary;
        if (each.dictionary() != null || !isText && its != Type.Null) {
          throw noMessages("lists with " + Quoted.of(each.name() + " (" + kind(each) + ")"));
        }
        if (fields.stream().anyMatch(before -> before.name().equals(each.name()))) {
          throw twice(column);
        }
        if (isText) {
          fields.add(new Field(each.name(), node, buffer, wide));
        }
        node++;
        buffer += buffers(each);
      }
      return new Messages(nodes + 1, buffers + 2, List.copyOf(fields));
    }

    private Unusable noMessages(String instead) {
      return new Unusable(
          "its column "
              + Quoted.of(column)
              + " has no lists of messages whose fields are texts, but "
              + instead,
          "name another one with --text-field, or write it as JSON lines");
    }

    private Unusable noLists(String instead) {
      return new Unusable(
          "its column " + Quoted.of(column) + " has no lists of token ids, but " + instead,
          "name another one with --text-field");
    }
  }

  /** Which of two is meant, only their order would say. */
  private static Unusable twice(String column) {
    return new Unusable(
        "has two columns by the name of its column " + Quoted.of(column), "rename one of them");
  }

  private static boolean isList(int type) {
    return type == Type.List || type == Type.LargeList || type == Type.FixedSizeList;
  }

  private static boolean isView(int type) {
    return type == Type.Utf8View || type == Type.BinaryView;
  }

  private static String kind(org.apache.arrow.flatbuf.Field field) {
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
  private static int buffers(org.apache.arrow.flatbuf.Field field) throws IOException {
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
