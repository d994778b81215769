package io.sluice.report;

import io.sluice.files.Fields;
import java.io.IOException;
import java.nio.file.Path;

/** Reads a JSON file of a stated format, or says in one line why it cannot. */
final class JsonFile {
  private JsonFile() {}

  /**
   * The content of {@code file} as a {@code type}.
   *
   * @param format the value that its field {@code format} must have
   * @param remedy what to do when the file is unusable, as the end of a sentence
   */
  static <T extends Record> T read(Path file, String format, Class<T> type, String remedy)
      throws IOException {
    return Fields.read(file, format, remedy).record(type);
  }
}
