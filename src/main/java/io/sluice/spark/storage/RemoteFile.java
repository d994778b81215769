package io.sluice.spark.storage;

import java.io.IOException;
import java.io.InputStream;

/**
 * A file that a cache may hold.
 *
 * @param name its whole address, for messages
 * @param folder the folder of the cache that it belongs in; one for each version of a store
 * @param file its name there
 * @param bytes its length
 * @param fingerprint its checksum
 * @param source opens it where it is
 */
record RemoteFile(
    String name, String folder, String file, long bytes, Fingerprint fingerprint, Source source) {
  /** Opens the file where it is. */
  interface Source {
    /**
     * The bytes from its beginning.
     *
     * @throws IOException one line that names the file and says what to do; so do errors of reading
     */
    InputStream open() throws IOException;
  }
}
