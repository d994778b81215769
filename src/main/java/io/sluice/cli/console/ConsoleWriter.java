package io.sluice.cli.console;

import io.sluice.files.Quoted;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.CharsetEncoder;

/**
 * The only way to a stream that people or logs read: what a terminal would obey, or what hides or
 * turns text round, goes out as escapes, whoever wrote it into whatever file, and the first failure
 * to write is remembered, since those who print do not look.
 *
 * <p>Inside a JSON text such an escape stands for the same character, so JSON stays what it was.
 */
final class ConsoleWriter extends Writer {
  private final Writer to;
  private final CharsetEncoder encoder;
  private char pending;
  private boolean trusted;
  private IOException failure;

  /**
   * Writes to {@code to}.
   *
   * @param encoder of the characters that the reader understands; null for all
   */
  ConsoleWriter(Writer to, CharsetEncoder encoder) {
    this.to = to;
    this.encoder = encoder;
  }

  /** Writes the program's own text, which may hold control sequences, as long as this is set. */
  void trust(boolean own) {
    synchronized (lock) {
      trusted = own;
    }
  }

  /** Why not all of the output was written; null if it was. */
  IOException failure() {
    synchronized (lock) {
      return failure;
    }
  }

  @Override
  public void write(char[] text, int offset, int length) {
    synchronized (lock) {
      StringBuilder safe = new StringBuilder(length + 16);
      for (int i = offset; i < offset + length; i++) {
        append(safe, text[i]);
      }
      send(safe);
    }
  }

  /** Text comes in pieces, and a character of two halves may be cut between them. */
  private void append(StringBuilder safe, char c) {
    if (pending != 0) {
      char high = pending;
      pending = 0;
      if (Character.isLowSurrogate(c)) {
        append(safe, Character.toCodePoint(high, c));
        return;
      }
      append(safe, (int) high);
    }
    if (Character.isHighSurrogate(c)) {
      pending = c;
    } else {
      append(safe, (int) c);
    }
  }

  private void append(StringBuilder safe, int c) {
    boolean shown = trusted || Quoted.isHarmless(c);
    if (shown && (encoder == null || encoder.canEncode(Character.toString(c)))) {
      safe.appendCodePoint(c);
    } else {
      Quoted.appendEscaped(safe, c);
    }
  }

  private void send(CharSequence safe) {
    if (failure == null && !safe.isEmpty()) {
      try {
        to.append(safe);
      } catch (IOException e) {
        failure = e;
      }
    }
  }

  @Override
  public void flush() {
    synchronized (lock) {
      if (failure == null) {
        try {
          to.flush();
        } catch (IOException e) {
          failure = e;
        }
      }
    }
  }

  /** Flushes; what is written to belongs to the process. */
  @Override
  public void close() {
    synchronized (lock) {
      if (pending != 0) {
        StringBuilder safe = new StringBuilder();
        append(safe, (int) pending);
        pending = 0;
        send(safe);
      }
    }
    flush();
  }
}
