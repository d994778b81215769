package io.sluice.cli.console;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * Shows the progress, speed and remaining time of a long task: on a terminal as a bar that is
 * redrawn in place, otherwise as a line every ten seconds. Call {@link #done} when the task has
 * succeeded, and {@link #close} in every case.
 */
public final class Progress implements AutoCloseable {
  private static final long REDRAW_NANOS = 200_000_000L;
  private static final long LINE_NANOS = 10_000_000_000L;
  private static final int LONGEST_BAR = 24;
  private static final int SHORTEST_BAR = 8;

  private final PrintWriter out;
  private final boolean terminal;
  private final int columns;
  private final LongSupplier nanoTime;
  private final String label;
  private long total;
  private final String unit;
  private final long startNanos;
  private long first;
  private long done;
  private long shownNanos;
  private int drawn;
  private String note = "";
  private boolean succeeded;
  private volatile boolean closed;

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

  /** Sets the number of units that were done before this task started, as when a run is resumed. */
  public Progress startingAt(long units) {
    first = units;
    done = units;
    return this;
  }

  /**
   * Sets how many units there are in all, where that was unknown at the start.
   *
   * @param units more than 0; the percentage and the remaining time are shown from now on
   */
  public void expect(long units) {
    total = units;
  }

  /**
   * Updates the progress; cheap enough to call once a batch.
   *
   * @param units how many units are done by now, in all
   */
  public void update(long units) {
    update(units, "");
  }

  /**
   * Updates the progress, with a remark after the numbers, for instance {@code FVU 0.12}.
   *
   * @param units how many units are done by now, in all
   * @param remark at most a few words; empty for none
   */
  public void update(long units, String remark) {
    if (closed) {
      return; // What another thread says late.
    }
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

  /**
   * Prints a line among those of the display, for instance that something went wrong and the task
   * goes on.
   *
   * @param line without the label, with which it begins
   */
  public void remark(String line) {
    if (terminal) {
      draw("");
      ConsolePrinter.rewind(out);
    }
    out.println(label + ": " + line);
    out.flush();
  }

  /**
   * Returns a listener for the progress of a part of the task, which counts from 0 and is added to
   * what is done now.
   */
  public LongConsumer part() {
    long before = done;
    return units -> update(before + units);
  }

  /** Marks the task as succeeded. */
  public void done() {
    succeeded = true;
  }

  /**
   * Ends the display: with a summary line, or, if the task failed, by clearing it, so that only the
   * error is shown.
   */
  @Override
  public void close() {
    closed = true;
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

  /**
   * A line that fits: where columns are few, the bar is shorter; then counts, speed, the time that
   * is left and the bar go, in this order. The percentage and the note stay.
   */
  private String barLine(long now) {
    List<String> parts = parts(now);
    int room = columns - 1 - label.length() - 1;
    for (int dropped = 0; dropped <= parts.size(); dropped++) {
      String text = text(parts.subList(dropped, parts.size()));
      int bar = Math.min(LONGEST_BAR, room - text.length() - 3);
      if (total > 0 && bar >= SHORTEST_BAR) {
        int full = (int) Math.min(bar, bar * done / total);
        return label + " [" + "#".repeat(full) + "-".repeat(bar - full) + "] " + text;
      }
      if (total == 0 && text.length() <= room) {
        return label + " " + text;
      }
    }
    return label + " " + text(List.of());
  }

  private String plainLine(long now) {
    return label + ": " + text(parts(now));
  }

  /** Units done, speed and remaining time, if known. */
  private List<String> parts(long now) {
    List<String> parts = new ArrayList<>();
    parts.add(
        total > 0
            ? String.format(Locale.ROOT, "%,d/%,d %s", done, total, unit)
            : String.format(Locale.ROOT, "%,d %s", done, unit));
    double rate = rate(now);
    if (rate > 0) {
      parts.add(rateText(rate) + " " + unit + "/s");
      if (total > done) {
        parts.add(duration((total - done) / rate) + " left");
      }
    }
    return parts;
  }

  /** The percentage, these parts and the note. */
  private String text(List<String> parts) {
    List<String> all = new ArrayList<>(parts);
    if (total > 0) {
      all.addFirst(100 * done / total + "%");
    }
    if (!note.isEmpty()) {
      all.add(note);
    }
    return String.join("  ", all);
  }

  /** What was done, and the note; without the speed where a terminal has no columns for it. */
  private String lastLine(long now) {
    String line =
        String.format(
            Locale.ROOT, "%s: %,d %s in %s", label, done, unit, duration((now - startNanos) / 1e9));
    String speed = ", " + rateText(rate(now)) + " " + unit + "/s";
    String remark = note.isEmpty() ? "" : "  " + note;
    boolean fits = !terminal || line.length() + speed.length() + remark.length() < columns;
    return line + (fits ? speed : "") + remark;
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
