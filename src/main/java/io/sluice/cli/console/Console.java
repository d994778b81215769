package io.sluice.cli.console;

import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.Writer;
import java.lang.reflect.Constructor;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;

/**
 * Standard output and standard error of commands, logs and libraries. Both go through a {@link
 * ConsoleWriter}.
 */
public final class Console {
  /** The status of a program whose output nobody reads any more, as the shell gives it. */
  public static final int NOBODY_READS = 141;

  private final ConsoleWriter outWriter;
  private final ConsolePrinter out;
  private final ConsolePrinter err;

  private Console(ConsoleWriter out, ConsoleWriter err) {
    this.outWriter = out;
    this.out = new ConsolePrinter(out, false);
    this.err = new ConsolePrinter(err, true);
  }

  /** A console over other writers. */
  public static Console over(Writer out, Writer err) {
    return new Console(new ConsoleWriter(out, null), new ConsoleWriter(err, null));
  }

  /** The console of this process; {@link System#out} and {@link System#err} print to it, too. */
  public static Console ofProcess() {
    ConsoleWriter out =
        writer(new FileOutputStream(FileDescriptor.out), Terminal.outputIsTerminal());
    ConsoleWriter err = writer(trueStandardError(), Terminal.onError());
    System.setOut(new PrintStream(new Lines(out), true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(new Lines(err), true, StandardCharsets.UTF_8));
    return new Console(out, err);
  }

  /** Standard output: results. */
  public ConsolePrinter out() {
    return out;
  }

  /** Standard error: progress and remarks. */
  public ConsolePrinter err() {
    return err;
  }

  /** Whether all output so far could be written. */
  public boolean isWhole() {
    out.flush();
    return outWriter.failure() == null;
  }

  /**
   * The exit status of a command that has succeeded but whose output could not be written, with a
   * line on standard error unless the reader closed the pipe early, as {@code head} does.
   *
   * @param name the command, as its errors begin
   */
  public int lostOutput(String name) {
    String reason = String.valueOf(outWriter.failure().getMessage());
    if (Terminal.outputIsPipe() || reason.equals("Broken pipe")) {
      return NOBODY_READS;
    }
    err.println(
        name
            + ": standard output cannot be written ("
            + reason
            + "); make room, or send it elsewhere");
    return 1;
  }

  /**
   * A terminal is written to in the characters that it shows; files and pipes get UTF-8, and so
   * does a terminal of which no more is known than ASCII.
   */
  private static ConsoleWriter writer(OutputStream to, boolean terminal) {
    String named = System.getProperty("native.encoding", "UTF-8");
    Charset shown =
        terminal && Charset.isSupported(named) ? Charset.forName(named) : StandardCharsets.UTF_8;
    Charset charset = shown.equals(StandardCharsets.US_ASCII) ? StandardCharsets.UTF_8 : shown;
    return new ConsoleWriter(
        new OutputStreamWriter(to, charset),
        charset.equals(StandardCharsets.UTF_8) ? null : charset.newEncoder());
  }

  /**
   * The descriptor that the launcher names as standard error. The launcher reads the JVM's own
   * standard error to drop one line of it, and what passes through there may come late.
   */
  private static OutputStream trueStandardError() {
    Integer number = Integer.getInteger("sluice.stderr");
    if (number != null) {
      try {
        Constructor<FileDescriptor> open = FileDescriptor.class.getDeclaredConstructor(int.class);
        open.setAccessible(true);
        return new FileOutputStream(open.newInstance(number));
      } catch (ReflectiveOperationException | RuntimeException e) {
        // Started without the launcher's flags: the JVM's standard error serves as well.
        System.err.flush();
      }
    }
    return new FileOutputStream(FileDescriptor.err);
  }

  /** Bytes of UTF-8, handed on as text whenever they are flushed, which print streams do. */
  private static final class Lines extends OutputStream {
    private final ConsoleWriter to;
    private final ByteArrayOutputStream held = new ByteArrayOutputStream();

    Lines(ConsoleWriter to) {
      this.to = to;
    }

    @Override
    public synchronized void write(int b) {
      held.write(b);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
      held.write(bytes, offset, length);
    }

    @Override
    public synchronized void flush() throws IOException {
      byte[] bytes = held.toByteArray();
      int whole = wholeCharacters(bytes);
      held.reset();
      held.write(bytes, whole, bytes.length - whole);
      to.write(new String(bytes, 0, whole, StandardCharsets.UTF_8));
      to.flush();
    }

    /** How many of {@code bytes} come before a character that is not complete yet. */
    private static int wholeCharacters(byte[] bytes) {
      for (int back = 1; back <= Math.min(3, bytes.length); back++) {
        int b = bytes[bytes.length - back] & 0xff;
        if (b < 0x80) {
          break;
        }
        if (b >= 0xc0) {
          int length = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
          return length > back ? bytes.length - back : bytes.length;
        }
      }
      return bytes.length;
    }
  }
}
