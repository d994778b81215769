package io.sluice.report;

import io.sluice.evaluation.LossRecovery;
import io.sluice.files.AtomicFile;
import io.sluice.report.TrainingRun.Setting;
import io.sluice.training.sweep.SweepResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * The report on one model and the dictionaries trained on it: a single HTML page that contains its
 * data, style and charts and makes no network requests.
 *
 * @param title the page's title
 * @param spectra the spectra, or null to leave those sections out
 * @param runs the runs to compare, in the order of the page; may be empty
 * @param loss the loss recovered by k directions, or null to leave that section out
 * @param sweeps sweeps to show; may be empty
 * @param provenance where the data comes from and what made the page, by name; shown at its end
 * @param features some features of each dictionary; may be empty
 */
public record Report(
    String title,
    Spectra spectra,
    List<TrainingRun> runs,
    LossRecovery loss,
    List<SweepResult> sweeps,
    List<Setting> provenance,
    List<FeatureCards> features) {

  /** Checks that there is something to report. */
  public Report {
    Objects.requireNonNull(title, "title");
    runs = List.copyOf(runs);
    sweeps = List.copyOf(sweeps);
    provenance = List.copyOf(provenance);
    features = List.copyOf(features);
    if (spectra == null
        && runs.isEmpty()
        && loss == null
        && sweeps.isEmpty()
        && features.isEmpty()) {
      throw new IllegalArgumentException(
          "a report needs spectra, a loss, a sweep, features or at least one run");
    }
  }

  /** A report without features. */
  public Report(
      String title,
      Spectra spectra,
      List<TrainingRun> runs,
      LossRecovery loss,
      List<SweepResult> sweeps,
      List<Setting> provenance) {
    this(title, spectra, runs, loss, sweeps, provenance, List.of());
  }

  /** A report without sweeps. */
  public Report(
      String title,
      Spectra spectra,
      List<TrainingRun> runs,
      LossRecovery loss,
      List<Setting> provenance) {
    this(title, spectra, runs, loss, List.of(), provenance);
  }

  /** A report without losses and sweeps. */
  public Report(String title, Spectra spectra, List<TrainingRun> runs, List<Setting> provenance) {
    this(title, spectra, runs, null, provenance);
  }

  /**
   * Writes the page atomically, so that a failure leaves the previous file.
   *
   * @return the size of the page, in bytes
   * @throws IOException if the folder of {@code file} is missing or cannot be written to
   */
  public long write(Path file) throws IOException {
    return write(file, null);
  }

  /**
   * Writes the page atomically.
   *
   * @param following how the page goes on; null if it stays as it is
   * @return the size of the page, in bytes
   * @throws IOException if the folder of {@code file} is missing or cannot be written to
   */
  public long write(Path file, Following following) throws IOException {
    byte[] page = Page.render(this, following);
    AtomicFile.write(file, page);
    return page.length;
  }

  /** The page, in UTF-8. */
  public byte[] html() {
    return Page.render(this, null);
  }
}
