package io.sluice.report;

import io.sluice.files.Fields;
import io.sluice.files.RegularFile;
import io.sluice.report.TrainingRun.Metric;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads {@code metrics.jsonl} of any length into a curve of bounded length. */
final class MetricsFile {
  /** The largest number of points of a curve; more cannot be distinguished on a screen. */
  static final int MOST = 1200;

  private static final String REMEDY = "delete that line, or the file to leave the curves out";

  /** A line has about two hundred bytes. */
  private static final int LONGEST = 1 << 16;

  private final List<Metric> kept = new ArrayList<>();
  private Metric last;
  private int stride = 1;
  private int skipped;

  private MetricsFile() {}

  /**
   * The metrics of {@code file} in order of steps. A run that was killed and resumed logs some
   * steps twice; the later line counts. An incomplete last line is left out, since a running or
   * killed run leaves one.
   */
  static List<Metric> read(Path file) throws IOException {
    RegularFile.require(file);
    MetricsFile curve = new MetricsFile();
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      for (int number = 1; ; number++) {
        boolean whole = readLine(in, line);
        if (!whole && line.size() == 0) {
          break;
        }
        String named = file + ": line " + number;
        if (line.size() > LONGEST) {
          throw new IOException(named + " is longer than any that is written; " + REMEDY);
        }
        try {
          String text = line.toString(StandardCharsets.UTF_8);
          curve.add(Fields.parse(named, text, REMEDY).record(Metric.class));
        } catch (IOException e) {
          if (whole || curve.kept.isEmpty()) {
            throw e;
          }
        }
        line.reset();
      }
    }
    if (curve.last == null) {
      throw new IOException(file + ": is empty; " + REMEDY);
    }
    return curve.finish();
  }

  /** Appends the next line, or as much as one may have; false if it ends with the file. */
  private static boolean readLine(InputStream in, ByteArrayOutputStream line) throws IOException {
    for (int next = in.read(); next >= 0; next = in.read()) {
      if (next == '\n') {
        return true;
      }
      line.write(next);
      if (line.size() > LONGEST) {
        return true;
      }
    }
    return false;
  }

  private void add(Metric metric) {
    while (!kept.isEmpty() && kept.getLast().step() >= metric.step()) {
      kept.removeLast();
    }
    last = metric;
    if (++skipped < stride && !kept.isEmpty()) {
      return;
    }
    skipped = 0;
    kept.add(metric);
    if (kept.size() == MOST) {
      halve();
    }
  }

  private void halve() {
    for (int i = 0; i < MOST / 2; i++) {
      kept.set(i, kept.get(2 * i));
    }
    kept.subList(MOST / 2, MOST).clear();
    stride *= 2;
  }

  private List<Metric> finish() {
    if (last != null && kept.getLast() != last) {
      kept.add(last);
    }
    return List.copyOf(kept);
  }
}
