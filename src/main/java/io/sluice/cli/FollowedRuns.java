package io.sluice.cli;

import io.sluice.cli.console.StopSignal;
import io.sluice.report.Following;
import io.sluice.report.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes a page anew whenever the files of its runs have changed, until all runs have a result or
 * the process is to end; the last page stays as it is.
 *
 * @param folders of the runs
 * @param seconds between two looks at the files
 */
record FollowedRuns(List<Path> folders, int seconds) {
  private static final List<String> FILES = List.of("run.json", "metrics.jsonl", "evaluation.json");

  private static final long LOOK_MILLIS = 200;

  /** A page says when it was written, so that a reader sees that it is followed. */
  private static final long LONGEST_MILLIS = 60_000;

  /** A run may be reading or writing its files; after so many looks they are damaged. */
  private static final int MOST_FAILURES = 12;

  /** Writes the page. */
  interface PageWriter {
    /**
     * Writes the page.
     *
     * @param following null for the last page
     */
    void write(List<TrainingRun> runs, Following following) throws IOException;
  }

  /** Reads the runs once. */
  List<TrainingRun> read() throws IOException {
    List<TrainingRun> read = new ArrayList<>();
    for (Path folder : folders) {
      read.add(TrainingRun.read(folder));
    }
    return read;
  }

  /**
   * Follows the runs.
   *
   * @throws IOException if a run cannot be read, at first or again and again, or the page cannot be
   *     written
   */
  void follow(PageWriter page) throws IOException {
    try (StopSignal signal = StopSignal.listen()) {
      String seen = state();
      List<TrainingRun> runs = read();
      int failures = 0;
      while (true) {
        boolean ends = signal.hasArrived() || runs.stream().allMatch(run -> run.result() != null);
        page.write(runs, ends ? null : new Following(seconds, Instant.now()));
        if (ends) {
          return;
        }
        await(signal, seen);
        seen = state();
        try {
          runs = read();
          failures = 0;
        } catch (IOException e) {
          // A file that is just being written; the page before stands meanwhile.
          if (++failures == MOST_FAILURES) {
            throw e;
          }
          seen = "";
        }
      }
    }
  }

  /** Waits until the files are others than before, or the page is old, or the process is to end. */
  private void await(StopSignal signal, String seen) throws IOException {
    long started = System.nanoTime();
    long looked = started;
    while (!signal.hasArrived() && millisSince(started) < LONGEST_MILLIS) {
      try {
        Thread.sleep(LOOK_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while following " + folders, e);
      }
      if (millisSince(looked) >= 1000L * seconds) {
        if (!state().equals(seen)) {
          return;
        }
        looked = System.nanoTime();
      }
    }
  }

  private static long millisSince(long nanos) {
    return (System.nanoTime() - nanos) / 1_000_000;
  }

  /** The sizes and times of the files; another one after each change. */
  private String state() throws IOException {
    StringBuilder all = new StringBuilder();
    for (Path folder : folders) {
      for (String name : FILES) {
        Path file = folder.resolve(name);
        if (Files.exists(file)) {
          BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
          all.append(now.size()).append(' ').append(now.lastModifiedTime());
        }
        all.append(';');
      }
    }
    return all.toString();
  }
}
