package io.sluice.text;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;

/**
 * Reads texts document by document, each in pieces of about 65,000 characters, in memory for one
 * piece of plain text, one line of JSON, or a few rows of Parquet:
 *
 * <pre>{@code
 * try (TextReader texts = TextReader.open(TextSpec.of(List.of(folder)))) {
 *   while (texts.nextDocument()) {
 *     for (String piece = texts.nextPiece(); piece != null; piece = texts.nextPiece()) { … }
 *   }
 * }
 * }</pre>
 *
 * <p>A piece ends where tokenizers split in any case, so that the tokens of a document are those of
 * its pieces.
 */
public final class TextReader implements AutoCloseable {
  private final TextSpec spec;
  private final Iterator<Path> files;
  private final TextProblems problems;
  private Documents documents;

  private TextReader(TextSpec spec, List<Path> files) {
    this.spec = spec;
    this.files = files.iterator();
    this.problems = new TextProblems(spec.strict());
  }

  /**
   * Finds the files.
   *
   * @throws IOException if a file is missing, a folder holds no texts, or nothing fits a pattern
   */
  public static TextReader open(TextSpec spec) throws IOException {
    return new TextReader(spec, TextFiles.find(spec.paths()));
  }

  /**
   * Goes on to the next document, wherever in the one before reading has stopped.
   *
   * @return false if there is none
   * @throws IOException if a file is missing or cannot be read, or, reading strictly, something is
   *     wrong with a document
   */
  public boolean nextDocument() throws IOException {
    while (documents == null || !documents.next()) {
      close();
      if (!files.hasNext()) {
        return false;
      }
      documents = open(files.next());
    }
    return true;
  }

  /**
   * The next piece of the document, never empty; null at its end.
   *
   * @throws IOException as {@link #nextDocument}
   */
  public String nextPiece() throws IOException {
    return documents.piece();
  }

  /** Where the document is: a file, or a line or row of one. */
  public String where() {
    return documents.where();
  }

  /** What was wrong so far; grows as reading goes on. */
  public TextProblems problems() {
    return problems;
  }

  private Documents open(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": is a folder; give text files");
    }
    if (!Files.exists(file)) {
      throw new IOException(file + ": no such file; check the path of the text");
    }
    String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
    if (name.endsWith(".parquet")) {
      return new ParquetColumn(file, spec.field(), problems);
    }
    FileChannel channel;
    try {
      channel = FileChannel.open(file, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file; check the path of the text", e);
    }
    return name.endsWith(".jsonl") || name.endsWith(".ndjson") || name.endsWith(".json")
        ? new JsonLines(file, channel, spec.field(), problems)
        : new PlainText(file, channel, problems);
  }

  @Override
  public void close() throws IOException {
    if (documents != null) {
      documents.close();
      documents = null;
    }
  }
}
