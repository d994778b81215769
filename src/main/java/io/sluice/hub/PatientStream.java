package io.sluice.hub;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/**
 * Reads from a server, and closes the stream if nothing arrives for some time: the JDK's client
 * would wait for ever. A read that waits then ends, with an error or as at the end of the stream.
 */
final class PatientStream extends FilterInputStream {
  private static final int CHECKS = 10;
  private static final long NOT_READING = Long.MAX_VALUE;

  private final Thread watch;

  /** When the read that waits began; what is done between reads is not the server's silence. */
  private volatile long since = NOT_READING;

  PatientStream(InputStream in, Duration longest) {
    super(in);
    this.watch = Thread.ofVirtual().start(() -> watch(longest));
  }

  private void watch(Duration longest) {
    try {
      while (since == NOT_READING || System.nanoTime() - since < longest.toNanos()) {
        Thread.sleep(longest.dividedBy(CHECKS));
      }
      in.close();
    } catch (InterruptedException | IOException e) {
      // The stream is closed, which is what this is for.
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int offset, int length) throws IOException {
    since = System.nanoTime();
    try {
      return in.read(to, offset, length);
    } finally {
      since = NOT_READING;
    }
  }

  @Override
  public void close() throws IOException {
    watch.interrupt();
    in.close();
  }
}
