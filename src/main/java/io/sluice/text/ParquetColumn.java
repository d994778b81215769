package io.sluice.text;

import dev.hardwood.HardwoodContext;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.Validity;
import dev.hardwood.schema.ColumnSchema;
import io.sluice.files.Quoted;
import java.io.IOException;
import java.nio.file.Path;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;

/**
 * A column of a Parquet file; each of its rows is a document. Rows without a value are left out and
 * counted.
 */
final class ParquetColumn implements Documents {
  /** Rows that are decoded together: documents may be long. */
  private static final int BATCH = 64;

  /**
   * The library tells what it found on the machine, which is no news; held so that it stays set.
   */
  private static final Logger LIBRARY = Logger.getLogger("dev.hardwood");

  static {
    LIBRARY.setLevel(Level.WARNING);
  }

  private final Path file;
  private final TextProblems problems;
  private final HardwoodContext context = HardwoodContext.create(1);
  private ParquetFileReader reader;
  private ColumnReader column;
  private long row = -1;
  private int inBatch;
  private int batchRows;
  private byte[] values;
  private int[] offsets;
  private Validity validity;
  private Pieces document;

  ParquetColumn(Path file, String name, TextProblems problems) throws IOException {
    this.file = file;
    this.problems = problems;
    try {
      reader = ParquetFileReader.open(new BoundedFile(InputFile.of(file)), context);
      ColumnSchema schema =
          reader.getFileSchema().getColumns().stream()
              .filter(one -> one.fieldPath().toString().equals(name))
              .findFirst()
              .orElse(null);
      if (schema == null) {
        String names =
            reader.getFileSchema().getColumns().stream()
                .limit(12)
                .map(one -> Quoted.of(one.fieldPath().toString()))
                .collect(Collectors.joining(", "));
        throw new IOException(
            file
                + ": has no column "
                + Quoted.of(name)
                + ", there are "
                + names
                + "; name one with --text-field");
      }
      if (schema.type() != PhysicalType.BYTE_ARRAY || schema.maxRepetitionLevel() > 0) {
        throw new IOException(
            file
                + ": its column "
                + Quoted.of(name)
                + " is no text, but "
                + (schema.maxRepetitionLevel() > 0 ? "a list of " : "")
                + schema.type()
                + "; name another one with --text-field");
      }
      column = reader.buildColumnReader(schema.columnIndex()).batchSize(BATCH).build();
    } catch (IOException e) {
      close();
      throw e.getMessage() != null && e.getMessage().startsWith(file + ": ") ? e : damaged(e);
    } catch (RuntimeException | OutOfMemoryError e) {
      close();
      throw damaged(e);
    }
  }

  @Override
  public boolean next() throws IOException {
    while (true) {
      while (inBatch == batchRows) {
        if (!nextBatch()) {
          return false;
        }
      }
      int at = inBatch++;
      row++;
      if (validity.isNull(at)) {
        problems.unreadable(where(), "has no value", "give every row a text");
        continue;
      }
      document = new Pieces(Utf8.decode(values, offsets[at], offsets[at + 1], where(), problems));
      return true;
    }
  }

  private boolean nextBatch() throws IOException {
    try {
      if (!column.nextBatch()) {
        return false;
      }
      batchRows = column.getRecordCount();
      inBatch = 0;
      values = column.getBinaryValues();
      offsets = column.getBinaryOffsets();
      validity = column.getLeafValidity();
      return true;
    } catch (RuntimeException | OutOfMemoryError e) {
      throw damaged(e);
    }
  }

  @Override
  public String where() {
    return file + " row " + row;
  }

  @Override
  public String piece() {
    return document.next();
  }

  /** The library tells damage by many kinds of exceptions. */
  private IOException damaged(Throwable cause) {
    Throwable root = cause;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String why = root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
    return new IOException(
        file
            + ": is not a Parquet file that can be read ("
            + Quoted.of(why)
            + "); it is damaged, incomplete or compressed in an unusual way",
        cause);
  }

  @Override
  public void close() throws IOException {
    try {
      if (column != null) {
        column.close();
      }
      if (reader != null) {
        reader.close();
      }
    } catch (RuntimeException e) {
      throw damaged(e);
    } finally {
      context.close();
    }
  }
}
