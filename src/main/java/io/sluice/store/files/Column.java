package io.sluice.store.files;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import java.util.Objects;

/**
 * One column of an activation store: the activations of a hook point, or one of the three token
 * columns.
 *
 * @param name the hook point, for instance {@code layers.3.attn_out}, or {@link #TOKEN_ID}, {@link
 *     #POSITION}, {@link #DOCUMENT_ID}
 * @param width elements per row, from 1 to {@link #MAX_WIDTH}
 * @param dtype element type: {@code F32}, {@code F16} or {@code BF16} for activations, {@code I32}
 *     for the three token columns
 */
public record Column(String name, int width, DType dtype) {
  /** Column of vocabulary indices. */
  public static final String TOKEN_ID = "token_id";

  /** Column of positions within the context, counted from 0. */
  public static final String POSITION = "position";

  /** Column of document numbers. */
  public static final String DOCUMENT_ID = "document_id";

  /** The widest column that a store takes. */
  public static final int MAX_WIDTH = 1 << 24;

  /**
   * Checks that name, width and dtype are consistent.
   *
   * @throws IllegalArgumentException if the name is blank, longer than 200 characters or not
   *     printable, or width or dtype do not suit the column
   */
  public Column {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(dtype, "dtype");
    if (name.isBlank() || !Quoted.of(name).equals("'" + name + "'")) {
      throw new IllegalArgumentException(
          "a column cannot be named " + Quoted.of(name) + ": blank, too long or not printable");
    }
    if (width < 1 || width > MAX_WIDTH) {
      throw new IllegalArgumentException(
          "column '" + name + "' has width " + width + ", not in 1.." + MAX_WIDTH);
    }
    if (isTokenColumn(name)) {
      if (dtype != DType.I32 || width != 1) {
        throw new IllegalArgumentException(
            "column '" + name + "' is one int32 per row, not " + width + " × " + dtype.label());
      }
    } else if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
      throw new IllegalArgumentException(
          "column '"
              + name
              + "' has dtype "
              + dtype.label()
              + "; activations are float32, float16 or bfloat16");
    }
  }

  /** Bytes that one row takes in this column. */
  public int bytesPerRow() {
    return width * dtype.bytes();
  }

  /** Whether this is {@code token_id}, {@code position} or {@code document_id}. */
  public boolean isTokenColumn() {
    return isTokenColumn(name);
  }

  private static boolean isTokenColumn(String name) {
    return name.equals(TOKEN_ID) || name.equals(POSITION) || name.equals(DOCUMENT_ID);
  }
}
