package io.sluice.cli.console;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * Shows how far a long task is, how fast it goes and how long it will take: a bar that is redrawn
 * in place on a terminal, a plain line every ten seconds otherwise. Call {@link #done} when the
 * task has succeeded, and close it when it ends, done or not.
 */
public final class Progress implements AutoCloseable {
  private static final long REDRAW_NANOS = 200_000_000L;
  private static final long LINE_NANOS = 10_000_000_000L;
  private static final int BAR = 24;

  private final PrintWriter out;
  private final boolean terminal;
  private final int columns;
  private final LongSupplier nanoTime;
  private final String label;
  private final long total;
  private final String unit;
  private final long startNanos;
  private long first;
  private long done;
  private long shownNanos;
  private int drawn;
  private String note = "";
  private boolean succeeded;

  Progress(
      PrintWriter out,
      boolean terminal,
      int columns,
      LongSupplier nanoTime,
      String label,
      long total,
      String unit) {
    this.out = out;
    this.terminal = terminal;
    this.columns = columns;
    this.nanoTime = nanoTime;
    this.label = label;
    this.total = total;
    this.unit = unit;
    this.startNanos = nanoTime.getAsLong();
    this.shownNanos = startNanos;
  }

  /**
   * Starts a display.
   *
   * @param out where it is drawn
   * @param label what is being done, for instance {@code capture}
   * @param total how many units there are in all; 0 where that is unknown
   * @param unit the unit's plural, for instance {@code tokens}
   */
  public static Progress start(PrintWriter out, String label, long total, String unit) {
    return new Progress(
        out, Terminal.onError(), Terminal.columns(), System::nanoTime, label, total, unit);
  }

  /** Says that {@code units} were done before this task started, as when a run is resumed. */
  public Progress startingAt(long units) {
    first = units;
    done = units;
    return this;
  }

  /**
   * Says how far the task is; cheap enough to call once a batch.
   *
   * @param units how many units are done by now, in all
   */
  public void update(long units) {
    update(units, "");
  }

  /**
   * Says how far the task is, with a remark behind the numbers, for instance {@code FVU 0.12}.
   *
   * @param units how many units are done by now, in all
   * @param remark at most a few words; empty for none
   */
  public void update(long units, String remark) {
    done = units;
    note = remark;
    long now = nanoTime.getAsLong();
    if (now - shownNanos < (terminal ? REDRAW_NANOS : LINE_NANOS)) {
      return;
    }
    shownNanos = now;
    if (terminal) {
      draw(barLine(now));
    } else {
      out.println(plainLine(now));
      out.flush();
    }
  }

  /** Takes the progress of a part of the task, which counts from 0, as what comes after now. */
  public LongConsumer part() {
    long before = done;
    return units -> update(before + units);
  }

  /** Says that the task has succeeded. */
  public void done() {
    succeeded = true;
  }

  /**
   * Ends the display: with a line that sums up what was done, or without a trace where the task
   * failed, so that its error stands alone.
   */
  @Override
  public void close() {
    if (terminal) {
      draw("");
      ConsolePrinter.rewind(out);
    }
    if (succeeded) {
      out.println(lastLine(nanoTime.getAsLong()));
    }
    out.flush();
  }

  private void draw(String line) {
    String fitted = line.length() < columns ? line : line.substring(0, columns - 1);
    ConsolePrinter.rewind(out);
    out.print(fitted);
    out.print(" ".repeat(Math.max(0, drawn - fitted.length())));
    out.flush();
    drawn = fitted.length();
  }

  private String barLine(long now) {
    StringBuilder line = new StringBuilder(label).append(' ');
    if (total > 0) {
      int full = (int) Math.min(BAR, BAR * done / total);
      line.append('[').append("#".repeat(full)).append("-".repeat(BAR - full)).append("] ");
    }
    return line.append(numbers(now)).toString();
  }

  private String plainLine(long now) {
    return label + ": " + numbers(now);
  }

  private String numbers(long now) {
    StringBuilder line = new StringBuilder();
    if (total > 0) {
      line.append(
          String.format(Locale.ROOT, "%d%%  %,d/%,d %s", 100 * done / total, done, total, unit));
    } else {
      line.append(String.format(Locale.ROOT, "%,d %s", done, unit));
    }
    double rate = rate(now);
    if (rate > 0) {
      line.append("  ").append(rateText(rate)).append(' ').append(unit).append("/s");
      if (total > done) {
        line.append("  ").append(duration((total - done) / rate)).append(" left");
      }
    }
    return note.isEmpty() ? line.toString() : line.append("  ").append(note).toString();
  }

  private String lastLine(long now) {
    String line =
        String.format(
            Locale.ROOT,
            "%s: %,d %s in %s, %s %s/s",
            label,
            done,
            unit,
            duration((now - startNanos) / 1e9),
            rateText(rate(now)),
            unit);
    return note.isEmpty() ? line : line + "  " + note;
  }

  private double rate(long now) {
    long nanos = now - startNanos;
    return nanos <= 0 ? 0 : (done - first) * 1e9 / nanos;
  }

  private static String rateText(double rate) {
    return String.format(Locale.ROOT, rate < 10 ? "%.1f" : "%,.0f", rate);
  }

  /** Seconds as {@code m:ss} or {@code h:mm:ss}. */
  public static String duration(double seconds) {
    long s = Math.round(seconds);
    return s < 3600
        ? String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60)
        : String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  }
}
