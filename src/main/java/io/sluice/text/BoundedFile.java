package io.sluice.text;

import dev.hardwood.InputFile;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A Parquet file of which nothing is read that is not there. The library takes lengths from the
 * file, and where one is wrong it may ask for nothing again and again, without an end.
 */
record BoundedFile(InputFile file) implements InputFile {
  @Override
  public void open() throws IOException {
    file.open();
  }

  @Override
  public ByteBuffer readRange(long offset, int length) throws IOException {
    if (length < 1 || offset < 0 || offset > file.length() - length) {
      throw new IOException(
          "it refers to " + length + " bytes at " + offset + " of " + file.length());
    }
    return file.readRange(offset, length);
  }

  @Override
  public long length() throws IOException {
    return file.length();
  }

  @Override
  public String name() {
    return file.name();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
