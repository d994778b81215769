package io.sluice.cli.console;

import io.sluice.files.Quoted;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.CharsetEncoder;

/**
 * The writer for standard output and standard error. It escapes control characters, terminal
 * sequences, and characters that hide text or change its direction, since a text may come from an
 * untrusted file. It keeps the first error of writing, because the callers that print do not check
 * for errors.
 *
 * <p>In JSON such an escape stands for the same character, so the meaning of JSON output does not
 * change.
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
   * @param encoder for the characters that the destination can show; null if it can show all
   */
  ConsoleWriter(Writer to, CharsetEncoder encoder) {
    this.to = to;
    this.encoder = encoder;
  }

  /**
   * While this is set, text is written as it is: the program's own text may contain control
   * sequences.
   */
  void trust(boolean own) {
    synchronized (lock) {
      trusted = own;
    }
  }

  /** The first error of writing; null if all output was written. */
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

  /** A surrogate pair may be split between two calls. */
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

  /** Flushes. The destination belongs to the process and stays open. */
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
