package io.sluice.files;

import java.io.IOException;

/** Another writer has locked a folder; it may be free later. */
public final class FolderTakenException extends IOException {
  private static final long serialVersionUID = 1;

  FolderTakenException(String message) {
    super(message);
  }
}
