package io.sluice.spark;

import java.io.IOException;

/**
 * An executor cannot take part: it does not see a path, or its results would differ. Another try
 * changes nothing, so the command ends.
 */
final class UnfitExecutorException extends IOException {
  private static final long serialVersionUID = 1;

  /** With one line that names the executor and what to do. */
  UnfitExecutorException(String message) {
    super(message);
  }
}
