package io.sluice.text;

import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Which texts to read.
 *
 * @param paths files; folders, of which every text file at any depth is read; patterns with {@code
 *     *}, <code>**</code>, {@code ?}, {@code [a-z]} or <code>{a,b}</code>. Files ending in {@code
 *     .jsonl}, {@code .ndjson} or {@code .json} are read as JSON lines, or as one JSON array if
 *     they begin as one, others as plain text with one document per file; {@code .gz} or {@code
 *     .zst} may follow. Parquet, Arrow, gzip, Zstandard, UTF-16 and UTF-32 are detected from a
 *     file's first bytes, whatever its name. Folders of HuggingFace's {@code datasets} are read
 *     without their descriptions
 * @param field the field of JSON, or the column of Parquet or Arrow, that holds a document
 * @param strict whether any problem in a text ends the reading; otherwise unreadable lines are left
 *     out, bytes that are not UTF-8 become U+FFFD, and both are counted
 * @param form what the field holds. Token ids are lists of integers, conversations lists of
 *     messages; plain text has none
 * @param chatDate the day that the chat template takes for today, if it is given one
 */
public record TextSpec(
    List<Path> paths, String field, boolean strict, TextForm form, Optional<LocalDate> chatDate) {
  /** The field or column of texts that most data sets use. */
  public static final String DEFAULT_FIELD = TextForm.TEXT.usualField();

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there is no path, an empty one or no field
   */
  public TextSpec {
    paths = List.copyOf(paths);
    if (paths.isEmpty()) {
      throw new IllegalArgumentException("no text to read");
    }
    if (paths.stream().anyMatch(path -> path.toString().isEmpty())) {
      throw new IllegalArgumentException("a text has no name; give a file, folder or pattern");
    }
    if (field.isEmpty()) {
      throw new IllegalArgumentException("the text field has no name");
    }
  }

  /** The same for fields that hold text. */
  public TextSpec(List<Path> paths, String field, boolean strict) {
    this(paths, field, strict, TextForm.TEXT);
  }

  /** The same without a date for chat templates. */
  public TextSpec(List<Path> paths, String field, boolean strict, TextForm form) {
    this(paths, field, strict, form, Optional.empty());
  }

  /** Other files, folders and patterns, read in the same way. */
  public TextSpec withPaths(List<Path> others) {
    return new TextSpec(others, field, strict, form, chatDate);
  }

  /** These texts, not strict, with the usual field. */
  public static TextSpec of(List<Path> paths) {
    return new TextSpec(paths, DEFAULT_FIELD, false);
  }

  /** The name of these texts: the names of files, folders and patterns. */
  public String name() {
    return paths.stream()
        .map(path -> String.valueOf(path.getFileName()))
        .collect(Collectors.joining(", "));
  }
}
