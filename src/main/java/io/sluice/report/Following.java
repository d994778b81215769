package io.sluice.report;

import io.sluice.page.HtmlPage;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/**
 * A page that is written anew while its runs go on, and refreshes itself until then.
 *
 * @param seconds after which the page refreshes itself, at least 1
 * @param written when this page was written
 */
public record Following(int seconds, Instant written) {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);

  /** Checks the number. */
  public Following {
    if (seconds < 1) {
      throw new IllegalArgumentException(
          "a page refreshes itself after 1 second or more, not " + seconds);
    }
  }

  /** What the page's script reads, as attributes. */
  String attributes() {
    return " data-refresh=\"" + seconds + "\" data-written=\"" + written.toEpochMilli() + "\"";
  }

  /** What a browser without scripts follows. */
  String tag() {
    return "<noscript><meta http-equiv=\"refresh\" content=\"" + seconds + "\"></noscript>\n";
  }

  /** What the reader is told. */
  String paragraph() {
    String told =
        "Written at "
            + TIME.format(written)
            + " UTC while runs go on. The page refreshes itself every "
            + (seconds == 1 ? "second" : seconds + " seconds")
            + " and keeps your place; it stops when the runs have ended.";
    return "<p class=\"note following\" id=\"following\">" + HtmlPage.escape(told) + "</p>\n    ";
  }
}
