package io.sluice.text.parquet;

import io.sluice.files.Quoted;
import io.sluice.text.columns.Unusable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The part of a Parquet file's footer about one column: its chunks, one per row group.
 *
 * @param name the column's name as the file spells it, parents first
 * @param type the type of its values: {@link #INT32}, {@link #INT64} or {@link #BYTE_ARRAY}
 * @param optional how many of the column and its parents may be missing: the definition level of a
 *     present value
 * @param item the definition level from which on a list has an item; 0 if the column is no list
 * @param chunks the parts of the column, in order of rows
 */
record Footer(String name, int type, int optional, int item, List<Chunk> chunks) {
  static final int INT32 = 1;
  static final int INT64 = 2;

  /** The type of texts: bytes of any length. */
  static final int BYTE_ARRAY = 6;

  private static final List<String> TYPES =
      List.of(
          "BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "texts", "FIXED_LEN_BYTE_ARRAY");

  private static final int OPTIONAL = 1;
  private static final int REPEATED = 2;

  /** Levels of a schema; real ones have fewer than ten. */
  private static final int DEEPEST = 100;

  /** Columns that a message names. */
  private static final int NAMED = 12;

  /**
   * One row group's part of the column.
   *
   * @param offset the offset of its first page
   * @param bytes the length of all its pages
   * @param entries the number of values in its data pages, missing ones and empty lists included
   */
  record Chunk(long offset, long bytes, long entries, Codec codec) {}

  /**
   * What may be missing and repeated at some depth of the schema.
   *
   * @param parents how many parents the outermost repeated element has; 0 if there is none
   */
  private record Levels(int optional, int repeats, int item, int parents) {
    static final Levels ROOT = new Levels(0, 0, 0, 0);

    /** One level further. */
    Levels with(int repetition, int depth) {
      boolean isRepeated = repetition == REPEATED;
      int more = optional + (isRepeated || repetition == OPTIONAL ? 1 : 0);
      return new Levels(
          more,
          repeats + (isRepeated ? 1 : 0),
          isRepeated ? more : item,
          isRepeated && repeats == 0 ? depth : parents);
    }
  }

  private record Leaf(int index, int type, Levels levels, List<String> path) {
    /** The name to ask for: of what is inside of a list, the list's. */
    String name() {
      return String.join(".", levels.parents > 0 ? path.subList(0, levels.parents) : path);
    }

    boolean isRepeated() {
      return levels.repeats > 0;
    }

    boolean isInteger() {
      return type == INT32 || type == INT64;
    }

    /** Whether it is the column itself. */
    boolean isCalled(String column) {
      return isCalled(column, false);
    }

    /** Whether it is inside of the list of that name, or the repeated column itself. */
    boolean isIn(String column) {
      return isRepeated() && isCalled(column, true);
    }

    /** Compares with a name without building it, since names in files may be of any length. */
    private boolean isCalled(String column, boolean inside) {
      int at = 0;
      for (int i = 0; i < path.size(); i++) {
        if (inside && i > 0 && at == column.length()) {
          return true;
        }
        String part = path.get(i);
        if (i > 0 && !column.startsWith(".", at++) || !column.startsWith(part, at)) {
          return false;
        }
        at += part.length();
      }
      return at == column.length();
    }
  }

  /**
   * Reads a footer for a column of texts.
   *
   * @param column the column's name; one whose own name has a dot goes before one of a structure
   * @throws Unusable if there is no such column, or it is not text
   * @throws IOException if the footer is damaged; the message says what is wrong, without the file
   */
  static Footer read(byte[] footer, String column) throws IOException {
    List<Leaf> leaves = leaves(footer);
    Leaf leaf = shortest(leaves, one -> one.isCalled(column));
    if (leaf == null) {
      leaf = shortest(leaves, one -> one.isIn(column));
    }
    if (leaf == null) {
      throw missing(leaves, column);
    }
    requireOne(leaves, leaf, column);
    if (leaf.type != BYTE_ARRAY || leaf.isRepeated()) {
      throw new Unusable(
          "its column "
              + Quoted.of(column)
              + " is not text, but "
              + (leaf.isRepeated() ? "a list of " : "")
              + TYPES.get(leaf.type),
          leaf.isRepeated() && leaf.isInteger()
              ? "name another one with --text-field, or give --text-as token-ids if these are ids"
              : "name another one with --text-field");
    }
    return of(footer, leaf, column);
  }

  /**
   * Reads a footer for a column of lists of integers.
   *
   * @throws Unusable if there is no such column
   * @throws IOException if the footer is damaged, as the other
   */
  static Footer readLists(byte[] footer, String column) throws IOException {
    List<Leaf> leaves = leaves(footer);
    List<Leaf> inside = leaves.stream().filter(one -> one.isIn(column)).toList();
    if (inside.isEmpty()) {
      Leaf leaf = shortest(leaves, one -> one.isCalled(column));
      if (leaf == null) {
        throw missing(leaves, column);
      }
      throw noLists(column, TYPES.get(leaf.type));
    }
    Leaf leaf = inside.getFirst();
    requireOne(leaves, leaf, column);
    if (inside.size() > 1) {
      throw noLists(column, "lists of structures");
    }
    if (leaf.levels.repeats > 1) {
      throw noLists(column, "lists of lists");
    }
    if (!leaf.isInteger()) {
      throw noLists(column, "lists of " + TYPES.get(leaf.type));
    }
    return of(footer, leaf, column);
  }

  /**
   * Reads a footer for a column of lists of structures of texts: a footer for each field, with its
   * name.
   *
   * @throws Unusable if there is no such column
   * @throws IOException if the footer is damaged, as the other
   */
  static List<Footer> readMessages(byte[] footer, String column) throws IOException {
    List<Leaf> leaves = leaves(footer);
    List<Leaf> inside = leaves.stream().filter(one -> one.isIn(column)).toList();
    if (inside.isEmpty()) {
      Leaf leaf = shortest(leaves, one -> one.isCalled(column));
      if (leaf == null) {
        throw missing(leaves, column);
      }
      throw noMessages(column, TYPES.get(leaf.type));
    }
    List<Footer> fields = new ArrayList<>();
    int depth = inside.getFirst().path.size();
    for (Leaf leaf : inside) {
      // Lists have a level of their own between themselves and the structure, except in old files.
      List<String> names = leaf.path.subList(leaf.levels.parents + 1, leaf.path.size());
      String name = names.isEmpty() ? "" : names.getLast();
      List<String> others = inside.getFirst().path.subList(leaf.levels.parents + 1, depth);
      boolean isField =
          leaf.levels.repeats == 1
              && leaf.path.size() == depth
              && (names.size() == 1
                  || names.size() == 2 && names.getFirst().equals(others.getFirst()));
      if (!isField || leaf.type != BYTE_ARRAY || inside.size() == 1) {
        throw noMessages(
            column, "lists with " + Quoted.of(leaf.name() + " … " + name) + " in them");
      }
      requireOne(leaves, leaf, column);
      fields.add(of(footer, leaf, name));
    }
    return fields;
  }

  /** Which of two is meant, only their order would say. */
  private static void requireOne(List<Leaf> leaves, Leaf leaf, String column) throws Unusable {
    if (leaves.stream().filter(other -> other.path.equals(leaf.path)).count() > 1) {
      throw new Unusable(
          "has two columns by the name of its column " + Quoted.of(column), "rename one of them");
    }
  }

  private static Unusable noMessages(String column, String instead) {
    return new Unusable(
        "its column "
            + Quoted.of(column)
            + " has no lists of messages whose fields are texts, but "
            + instead,
        "name another one with --text-field, or write it as JSON lines");
  }

  private static Footer of(byte[] footer, Leaf leaf, String column) throws IOException {
    return new Footer(
        column, leaf.type, leaf.levels.optional, leaf.levels.item, chunks(footer, leaf));
  }

  private static Leaf shortest(List<Leaf> leaves, Predicate<Leaf> wanted) {
    return leaves.stream()
        .filter(wanted)
        .min(Comparator.comparingInt(leaf -> leaf.path.size()))
        .orElse(null);
  }

  private static Unusable noLists(String column, String instead) {
    return new Unusable(
        "its column " + Quoted.of(column) + " has no lists of token ids, but " + instead,
        "name another one with --text-field");
  }

  private static Unusable missing(List<Leaf> leaves, String column) {
    List<String> names = leaves.stream().map(Leaf::name).distinct().toList();
    return new Unusable(
        "has no column "
            + Quoted.of(column)
            + ", there are "
            + names.stream().limit(NAMED).map(Quoted::of).collect(Collectors.joining(", "))
            + (names.size() > NAMED ? " and " + (names.size() - NAMED) + " more" : ""),
        "name one with --text-field");
  }

  private static List<Leaf> leaves(byte[] footer) throws IOException {
    Thrift thrift = new Thrift(footer, footer.length);
    List<Leaf> leaves = null;
    thrift.enter();
    while (thrift.nextField()) {
      switch (thrift.field()) {
        case 2 -> leaves = schema(thrift);
        case 8 -> throw encrypted();
        default -> thrift.skip();
      }
    }
    if (leaves == null || leaves.isEmpty()) {
      throw new IOException("its footer describes no columns");
    }
    return leaves;
  }

  /** The schema is a tree in preorder; each element says how many children follow. */
  private static List<Leaf> schema(Thrift thrift) throws IOException {
    List<Leaf> leaves = new ArrayList<>();
    List<String> path = new ArrayList<>();
    int[] childrenLeft = new int[DEEPEST];
    Levels[] levels = new Levels[DEEPEST];
    levels[0] = Levels.ROOT;
    int depth = -1;
    int elements = thrift.structures();
    for (int i = 0; i < elements; i++) {
      int type = -1;
      int repetition = 0;
      int children = 0;
      String name = null;
      thrift.enter();
      while (thrift.nextField()) {
        switch (thrift.field()) {
          case 1 -> type = thrift.integer();
          case 3 -> repetition = thrift.integer();
          case 4 -> name = thrift.text();
          case 5 -> children = thrift.integer();
          default -> thrift.skip();
        }
      }
      if (i == 0 && children > 0) {
        depth = 0;
        childrenLeft[0] = children;
        continue;
      }
      if (depth < 0 || name == null || children < 0) {
        throw new IOException("its schema is inconsistent"); // Nothing may follow a whole tree.
      }
      Levels own = levels[depth].with(repetition, path.size());
      path.add(name);
      childrenLeft[depth]--;
      if (children > 0) {
        if (++depth == DEEPEST) {
          throw new IOException("its schema is nested deeper than " + DEEPEST + " levels");
        }
        childrenLeft[depth] = children;
        levels[depth] = own;
        continue;
      }
      if (type < 0 || type >= TYPES.size()) {
        throw new IOException("its schema has a column without a known type");
      }
      leaves.add(new Leaf(leaves.size(), type, own, List.copyOf(path)));
      path.removeLast();
      while (depth > 0 && childrenLeft[depth] == 0) {
        depth--;
        path.removeLast();
      }
      if (childrenLeft[0] == 0 && depth == 0) {
        depth = -1;
      }
    }
    if (depth >= 0) {
      throw new IOException("its schema is inconsistent");
    }
    return leaves;
  }

  private static List<Chunk> chunks(byte[] footer, Leaf leaf) throws IOException {
    Thrift thrift = new Thrift(footer, footer.length);
    List<Chunk> chunks = new ArrayList<>();
    thrift.enter();
    while (thrift.nextField()) {
      if (thrift.field() != 4) {
        thrift.skip();
        continue;
      }
      int groups = thrift.structures();
      for (int i = 0; i < groups; i++) {
        chunks.add(rowGroup(thrift, leaf));
      }
    }
    return chunks;
  }

  private static Chunk rowGroup(Thrift thrift, Leaf leaf) throws IOException {
    Chunk chunk = null;
    thrift.enter();
    while (thrift.nextField()) {
      if (thrift.field() != 1) {
        thrift.skip();
        continue;
      }
      int columns = thrift.structures();
      for (int i = 0; i < columns; i++) {
        Chunk read = columnChunk(thrift, i == leaf.index ? leaf : null);
        chunk = i == leaf.index ? read : chunk;
      }
    }
    if (chunk == null) {
      throw new IOException("a row group lacks the column");
    }
    return chunk;
  }

  /** Reads the chunk of the column, or skips that of another. */
  private static Chunk columnChunk(Thrift thrift, Leaf leaf) throws IOException {
    Chunk chunk = null;
    boolean elsewhere = false;
    thrift.enter();
    while (thrift.nextField()) {
      switch (thrift.field()) {
        case 1 -> {
          elsewhere = true;
          thrift.skip();
        }
        case 3 -> {
          if (leaf == null) {
            thrift.skip();
          } else {
            thrift.enterField();
            chunk = metadata(thrift, leaf);
          }
        }
        case 8, 9 -> {
          if (leaf != null) {
            throw encrypted();
          }
          thrift.skip();
        }
        default -> thrift.skip();
      }
    }
    if (leaf != null && elsewhere) {
      throw new Unusable(
          "keeps its column " + Quoted.of(leaf.name()) + " in another file", "give that file");
    }
    if (leaf != null && chunk == null) {
      throw new IOException("a row group does not say where the column lies");
    }
    return chunk;
  }

  private static Chunk metadata(Thrift thrift, Leaf leaf) throws IOException {
    int type = -1;
    int codec = -1;
    long entries = -1;
    long bytes = -1;
    long data = -1;
    long dictionary = 0;
    while (thrift.nextField()) {
      switch (thrift.field()) {
        case 1 -> type = thrift.integer();
        case 4 -> codec = thrift.integer();
        case 5 -> entries = thrift.number();
        case 7 -> bytes = thrift.number();
        case 9 -> data = thrift.number();
        case 11 -> dictionary = thrift.number();
        default -> thrift.skip();
      }
    }
    if (type != leaf.type || entries < 0 || bytes < 0 || data < 0) {
      throw new IOException("a row group describes the column wrongly");
    }
    // Some writers give 0 as the offset of a missing dictionary.
    long offset = dictionary > 0 && dictionary < data ? dictionary : data;
    return new Chunk(offset, bytes, entries, Codec.of(codec, leaf.name()));
  }

  private static Unusable encrypted() {
    return new Unusable("is encrypted", "write it again without encryption");
  }
}
