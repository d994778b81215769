package io.sluice.cli;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Version;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.OutputFile;
import io.sluice.evaluation.LossRecovery;
import io.sluice.files.AtomicFile;
import io.sluice.report.FeatureCards;
import io.sluice.report.LossFile;
import io.sluice.report.Report;
import io.sluice.report.Spectra;
import io.sluice.report.StudyPage;
import io.sluice.report.TrainingRun;
import io.sluice.report.TrainingRun.Setting;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepResult;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code sluice report}: writes one HTML page about a model's spectra and the dictionaries trained
 * on it.
 */
@Command(
    name = "report",
    customSynopsis =
        "sluice report [--spectrum FILE] [--run DIR]... [--loss FILE] [--sweep DIR]... [--features DIR]... "
            + "[OPTION...]",
    description = {
      "Write one HTML page of spectra, losses and runs.",
      "It shows what is given: dimension by layer, spectra, head overlap, the loss that k "
          + "directions recover, and runs side by side. The page needs no network."
    })
@Examples({
  "sluice report --spectrum spectrum.json --run runs/random --run runs/asi --out " + "report.html",
  "sluice report --sweep sweeps/causes --out sweep.html",
  "sluice report --run runs/asi --follow"
})
final class ReportCommand extends SluiceCommand {
  @Option(
      names = "--spectrum",
      paramLabel = "FILE",
      description = "Show the spectra in this file of 'sluice spectrum'.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path spectrum;

  @Option(
      names = "--run",
      paramLabel = "DIR",
      description =
          "Show the run in this folder of 'sluice train'; give it once for each run to compare.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<Path> runs = List.of();

  @Option(
      names = "--loss",
      paramLabel = "FILE",
      description = "Show the recovered loss in this file of 'sluice loss'.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path loss;

  @Option(
      names = "--sweep",
      paramLabel = "DIR",
      description = "Show the sweep in this folder of 'sluice sweep'; give it once for each sweep.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<Path> sweeps = List.of();

  @Option(
      names = "--features",
      paramLabel = "DIR",
      description =
          "Show a dozen features of the dictionary in this folder of 'sluice features'; give it "
              + "once for each dictionary. The page links to DIR.html if 'sluice browse --html' has "
              + "written it.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<Path> features = List.of();

  @Option(
      names = "--markdown",
      paramLabel = "FILE",
      description =
          "Write the sweeps' findings on dead features to this Markdown file, instead of the "
              + "page.")
  @Grouped(OptionGroup.OUTPUT)
  private Path markdown;

  @Option(
      names = "--predicted",
      paramLabel = "DIR",
      description =
          "With --markdown, compare the dead features of this sweep with those that --spectrum "
              + "predicts; give it once for each sweep.")
  @Grouped(OptionGroup.OUTPUT)
  private List<Path> predicted = List.of();

  @Option(names = "--title", paramLabel = "TEXT", description = "Give the page this title.")
  @Grouped(OptionGroup.OUTPUT)
  private String title;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      defaultValue = "report.html",
      description = "Write the page to this file (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path out;

  @Option(
      names = "--follow",
      description =
          "Write the page again and again while the runs go on; the open page refreshes itself, and "
              + "no longer does so when all runs have ended. Ctrl-C ends it earlier.")
  @Grouped(OptionGroup.ESSENTIAL)
  private boolean follow;

  @Option(
      names = "--every",
      paramLabel = "SECONDS",
      defaultValue = "5",
      description =
          "With --follow, look at the runs' files every SECONDS, and let the page refresh itself as "
              + "often (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.OUTPUT)
  private int every;

  @Override
  protected void run() throws IOException {
    if (spectrum == null
        && runs.isEmpty()
        && loss == null
        && sweeps.isEmpty()
        && features.isEmpty()) {
      throw usage("nothing to report: give --spectrum, --loss, --run, --sweep or --features");
    }
    if (markdown != null && sweeps.isEmpty()) {
      throw usage("--markdown writes the results of sweeps; give --sweep");
    }
    if (!predicted.isEmpty() && (markdown == null || spectrum == null)) {
      throw usage("--predicted compares sweeps with --spectrum, in the file of --markdown");
    }
    if (follow && (runs.isEmpty() || markdown != null)) {
      throw usage("--follow follows runs and writes their page; give --run, without --markdown");
    }
    if (every < 1) {
      throw usage("--every must be at least 1 second, not " + every);
    }
    List<SweepResult> found = read(sweeps);
    if (markdown != null) {
      writeStudy(found);
      return;
    }
    Spectra spectra = spectrum == null ? null : Spectra.read(spectrum);
    LossRecovery recovery = loss == null ? null : LossFile.read(loss);
    List<FeatureCards> cards = new ArrayList<>();
    for (Path folder : features) {
      cards.add(FeatureCards.read(folder, browsable(folder)));
    }
    FollowedRuns followed = new FollowedRuns(runs, every);
    Pages pages =
        read ->
            new Report(
                titleOf(spectra, recovery),
                spectra,
                read,
                recovery,
                found,
                provenance(spectra, recovery, read),
                cards);
    if (follow) {
      followed.read(); // What cannot be read is not followed.
      String names = String.join(", ", runs.stream().map(Path::toString).toList());
      out().printf("%s follows %s%n", out, names);
      out().flush();
      followed.follow((read, following) -> pages.of(read).write(out, following));
    } else {
      pages.of(followed.read()).write(out);
    }
    out().printf(Locale.ROOT, "%s  %.1f MB%n", out, Files.size(out) / 1e6);
  }

  /** Makes the report of runs. */
  private interface Pages {
    Report of(List<TrainingRun> runs);
  }

  private static List<SweepResult> read(List<Path> folders) throws IOException {
    List<SweepResult> read = new ArrayList<>();
    for (Path folder : folders) {
      read.add(Sweep.read(folder));
    }
    return read;
  }

  /** The page of a folder's features as a link from the report; null if there is none. */
  private String browsable(Path folder) {
    Path target = folder.toAbsolutePath().normalize();
    Path page = target.resolveSibling(target.getFileName() + ".html");
    Path home = out.toAbsolutePath().normalize().getParent();
    if (!Files.isRegularFile(page) || !page.startsWith(home)) {
      return null;
    }
    List<String> steps = new ArrayList<>();
    for (Path step : home.relativize(page)) {
      steps.add(URLEncoder.encode(step.toString(), StandardCharsets.UTF_8).replace("+", "%20"));
    }
    return "./" + String.join("/", steps);
  }

  private void writeStudy(List<SweepResult> found) throws IOException {
    OutputFile.check("--markdown", markdown);
    try {
      AtomicFile.write(
          markdown,
          predicted.isEmpty()
              ? StudyPage.markdown(found)
              : StudyPage.markdown(found, Spectra.read(spectrum), read(predicted)));
    } catch (IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
    out().printf("%s%n", markdown);
  }

  private String titleOf(Spectra spectra, LossRecovery recovery) {
    if (title != null && !title.isBlank()) {
      return title.strip();
    }
    String model = spectra != null ? spectra.model() : recovery != null ? recovery.model() : null;
    return model == null ? "Dictionaries side by side" : "The dimensions of " + model;
  }

  private static List<Setting> provenance(
      Spectra spectra, LossRecovery loss, List<TrainingRun> runs) {
    List<Setting> facts = new ArrayList<>();
    if (spectra != null) {
      add(facts, "Model", spectra.model());
      add(facts, "Text", spectra.text());
      add(facts, "Tokens in the spectra", String.format(Locale.ROOT, "%,d", spectra.tokens()));
      add(facts, "Share of variance τ", String.valueOf(spectra.tau()));
    }
    if (loss != null) {
      add(facts, "Model of the losses", loss.model());
      add(facts, "Text of the losses", loss.text());
      add(facts, "Tokens predicted", String.format(Locale.ROOT, "%,d", loss.tokens()));
    }
    if (!runs.isEmpty()) {
      add(facts, "Runs", String.valueOf(runs.size()));
    }
    add(facts, "Sluice", Version.current());
    add(facts, "Java", Runtime.version().toString());
    add(facts, "System", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    add(facts, "Page written", LocalDate.now(ZoneOffset.UTC) + " (UTC)");
    return facts;
  }

  private static void add(List<Setting> facts, String name, String value) {
    if (value != null && !value.isBlank()) {
      facts.add(new Setting(name, value));
    }
  }
}
