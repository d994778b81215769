package io.sluice.cli.console;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;

/**
 * Detects arguments that the JVM could not decode. It decodes arguments, the environment and paths
 * by the locale; if that is ASCII only, each byte of another character becomes U+FFFD. The launcher
 * sets a UTF-8 locale where it can.
 */
public final class PlatformText {
  private static final char LOST = '\ufffd';

  private PlatformText() {}

  /** Arguments that did not arrive as they were typed. */
  public static final class Unreadable extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Unreadable(String message) {
      super(message, null, false, false);
    }
  }

  /**
   * Checks arguments and the current folder.
   *
   * @throws Unreadable if not all of their characters were understood
   */
  public static void require(String... args) {
    String what = null;
    if (System.getProperty("user.dir", "").indexOf(LOST) >= 0) {
      what = "the name of the current folder";
    }
    for (int i = 0; i < args.length && what == null; i++) {
      if (args[i].indexOf(LOST) >= 0) {
        what = "argument " + (i + 1);
      }
    }
    if (what != null) {
      String named = System.getProperty("sun.jnu.encoding", "UTF-8");
      boolean utf8 =
          Charset.isSupported(named) && Charset.forName(named).equals(StandardCharsets.UTF_8);
      throw new Unreadable(
          what
              + " holds characters that are not "
              + named
              + ", in which this locale writes"
              + (utf8
                  ? "; write it in UTF-8"
                  : "; set LC_ALL=C.UTF-8, or another locale in UTF-8"));
    }
  }
}
