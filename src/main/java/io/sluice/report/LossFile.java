package io.sluice.report;

import io.sluice.evaluation.LossRecovery;
import io.sluice.files.Fields;
import java.io.IOException;
import java.nio.file.Path;

/** Reads the file of {@code sluice loss}. */
public final class LossFile {
  private LossFile() {}

  /**
   * The loss-recovered curves of a file.
   *
   * @throws IOException if the file is missing, empty, truncated or of another format; the message
   *     names the file and what to do
   */
  public static LossRecovery read(Path file) throws IOException {
    return Fields.read(file, LossRecovery.FORMAT, "write it again with 'sluice loss'")
        .record(LossRecovery.class);
  }
}
