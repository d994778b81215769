package io.sluice.text;

import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.text.arrow.ArrowIds;
import io.sluice.text.arrow.ArrowMessages;
import io.sluice.text.arrow.ArrowReader;
import io.sluice.text.parquet.ParquetIds;
import io.sluice.text.parquet.ParquetMessages;
import io.sluice.text.parquet.ParquetReader;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * Reads texts document by document, each in pieces of about 65,000 characters, in memory for one
 * piece of plain text, one line or item of JSON, one row of Arrow, or a few rows of Parquet:
 *
 * <pre>{@code
 * try (TextReader texts = TextReader.open(TextSpec.of(List.of(folder)))) {
 *   while (texts.nextDocument()) {
 *     for (String piece = texts.nextPiece(); piece != null; piece = texts.nextPiece()) { … }
 *   }
 * }
 * }</pre>
 *
 * <p>A piece ends between two characters. The tokens of a document are not always those of its
 * pieces: a tokenizer may treat the beginning of a text in its own way, or a piece may end in the
 * middle of a word.
 */
public final class TextReader implements AutoCloseable {
  private final TextSpec spec;
  private final List<Path> files;
  private final TextProblems problems;
  private Documents documents;
  private int opened;
  private int document;

  private TextReader(TextSpec spec, List<Path> files) {
    this.spec = spec;
    this.files = List.copyOf(files);
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
   * Moves to the next document, also if the previous one was not read to its end.
   *
   * @return false if there is none
   * @throws IOException if a file is missing or cannot be read, or, with strict reading, a document
   *     has a problem
   */
  public boolean nextDocument() throws IOException {
    while (documents == null || !documents.next()) {
      close();
      if (opened == files.size()) {
        return false;
      }
      documents = open(files.get(opened++));
      document = -1;
    }
    document++;
    return true;
  }

  /**
   * The next piece of the document, never empty; null at its end. Of a conversation, the pieces are
   * its messages in JSON.
   *
   * @throws IOException as {@link #nextDocument}
   * @throws IllegalStateException if the documents are token ids
   */
  public String nextPiece() throws IOException {
    return documents.piece();
  }

  /**
   * The next token ids of the document, whatever vocabulary they are of, but never negative; null
   * at its end. For documents of {@link TextForm#TOKEN_IDS}.
   *
   * @throws IllegalStateException if the documents are text
   */
  public int[] nextIds() {
    return documents.ids();
  }

  /** The files, in the order in which they are read. */
  public List<Path> files() {
    return files;
  }

  /** The place of the document among all. */
  public TextPlace place() {
    return new TextPlace(opened - 1, document);
  }

  /** The location of the document: a file, or a line or row of one. */
  public String where() {
    return documents.where();
  }

  /** The problems so far; updated as reading continues. */
  public TextProblems problems() {
    return problems;
  }

  private Documents open(Path file) throws IOException {
    FileChannel channel;
    try {
      channel = RegularFile.open(file);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file; check the path of the text", e);
    }
    try {
      return open(file, channel);
    } catch (IOException | RuntimeException | Error e) {
      channel.close();
      throw e;
    }
  }

  private Documents open(Path file, FileChannel channel) throws IOException {
    String name = TextFiles.unpackedName(file);
    BufferedInputStream bytes = TextBytes.of(channel);
    byte[] head = TextBytes.head(bytes);
    if (name.endsWith(".arrow") || Content.isArrow(head)) {
      return arrow(file, channel);
    }
    if (name.endsWith(".parquet")) {
      Content.refuseOthers(file.toString(), head);
      return parquet(file, channel);
    }
    Content content = Content.of(file.toString(), head);
    if (content == Content.PARQUET) {
      return parquet(file, channel);
    }
    InputStream text = TextBytes.open(file, content, bytes, channel.size(), problems);
    if (!name.endsWith(".jsonl") && !name.endsWith(".ndjson") && !name.endsWith(".json")) {
      if (spec.form() != TextForm.TEXT) {
        throw new IOException(
            file
                + ": is plain text, which has no field "
                + Quoted.of(spec.field())
                + "; give JSON (.jsonl, .ndjson, .json), Parquet or Arrow");
      }
      return new PlainText(file, text, problems);
    }
    BufferedInputStream json = new BufferedInputStream(text, Content.HEAD);
    return JsonArray.begins(json)
        ? new JsonArray(file, json, spec, problems)
        : new JsonLines(file, json, spec, problems);
  }

  private Documents arrow(Path file, FileChannel channel) throws IOException {
    return switch (spec.form()) {
      case TEXT ->
          new Column(file, channel, ArrowReader.open(file, channel, spec.field()), problems);
      case TOKEN_IDS ->
          new IdColumn(file, channel, ArrowIds.open(file, channel, spec.field()), problems);
      case CHAT ->
          new Column(file, channel, ArrowMessages.open(file, channel, spec.field()), problems);
    };
  }

  private Documents parquet(Path file, FileChannel channel) throws IOException {
    return switch (spec.form()) {
      case TEXT ->
          new Column(file, channel, ParquetReader.open(file, channel, spec.field()), problems);
      case TOKEN_IDS ->
          new IdColumn(file, channel, ParquetIds.open(file, channel, spec.field()), problems);
      case CHAT ->
          new Column(file, channel, ParquetMessages.open(file, channel, spec.field()), problems);
    };
  }

  @Override
  public void close() throws IOException {
    if (documents != null) {
      documents.close();
      documents = null;
    }
  }
}
