package io.sluice.cli.million;

import io.sluice.cli.console.Progress;
import io.sluice.cli.million.MillionFolder.State;
import io.sluice.engine.MachineMemory;
import io.sluice.files.AtomicFile;
import io.sluice.report.MillionPage;
import io.sluice.report.TrainingRun;
import io.sluice.store.ActivationStore;
import io.sluice.training.sweep.Sweep;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;

/**
 * Captures one layer, sweeps the three remedies at the smallest size, trains a dictionary without
 * and with all of them at each larger size, and writes the report and the page. A part that is
 * finished is skipped, and a training that was interrupted continues.
 */
public final class Million {
  private static final int TRIAL_STEPS = 4;
  private static final long JVM_BYTES = 1_200_000_000;

  /** The two ways to train that are compared at every size. */
  private enum Way {
    PLAIN("plain", "random", "--no-centre", "adam"),
    REMEDIES("remedies", "asi", "--centre", "sparse-adam");

    private final String folder;
    private final String init;
    private final String centre;
    private final String optimiser;

    Way(String folder, String init, String centre, String optimiser) {
      this.folder = folder;
      this.init = init;
      this.centre = centre;
      this.optimiser = optimiser;
    }
  }

  private final MillionSettings settings;
  private final MillionFolder folder;
  private final Predicate<List<String>> command;
  private final PrintWriter log;

  /** Of the activations; known once they are captured. */
  private int width;

  private long stored;

  /**
   * Opens the folder.
   *
   * @param command runs one command of Sluice and returns whether it succeeded
   * @param log gets the estimate
   * @throws IOException if {@code out} holds something else
   */
  public Million(
      MillionSettings settings, Path out, Predicate<List<String>> command, PrintWriter log)
      throws IOException {
    this.settings = settings;
    this.folder = MillionFolder.open(out, settings.identity());
    this.command = command;
    this.log = log;
  }

  /**
   * Does all that is not done yet.
   *
   * @return whether all commands succeeded; if not, they have said why
   */
  public boolean run() throws IOException {
    if (!(capture() && estimate() && causes())) {
      return false;
    }
    List<Integer> sizes = settings.sizes();
    for (int size : sizes.subList(1, sizes.size())) {
      for (Way way : Way.values()) {
        if (!train(way, size)) {
          return false;
        }
      }
    }
    return report();
  }

  /** The page of the results. */
  public Path page() {
    return folder.page();
  }

  /** The HTML report. */
  public Path htmlReport() {
    return folder.report();
  }

  private boolean capture() throws IOException {
    if (!folder.hasStore()) {
      folder.remove(folder.store());
      List<String> line = new ArrayList<>(List.of("capture", "--model", settings.model() + ""));
      for (Path text : settings.texts()) {
        line.addAll(List.of("--text", text.toString()));
      }
      if (settings.captured() > 0) {
        line.addAll(List.of("--tokens", settings.captured() + ""));
      }
      line.addAll(List.of("--hooks", settings.hook(), "--dtype", "float16", "--yes"));
      line.addAll(List.of("--device", settings.device(), "--out", folder.store().toString()));
      if (!command.test(line)) {
        return false;
      }
    }
    ActivationStore store = ActivationStore.open(folder.store());
    width = store.column(settings.hook()).width();
    stored = store.rows();
    return true;
  }

  /** Measures a few steps of the largest size, and says how long all that is left will take. */
  private boolean estimate() throws IOException {
    int size = settings.features();
    if (settings.sizes().size() < 2 || folder.stateOf(folder.run("plain", size)) != State.ABSENT) {
      return true;
    }
    double seconds = 0;
    for (Way way : Way.values()) {
      Path trial = folder.trial(way.folder);
      folder.remove(trial);
      List<String> line = line(way, size, trial);
      line.addAll(List.of("--steps", TRIAL_STEPS + "", "--checkpoint-every", "0"));
      line.addAll(List.of("--held-out", "0"));
      if (!command.test(line)) {
        return false;
      }
      TrainingRun.Result result = TrainingRun.read(trial).result();
      folder.remove(trial);
      for (int each : settings.sizes()) {
        // The sweep holds four runs of each of the two ways' optimisers.
        int runs = each == settings.sizes().getFirst() ? 4 : 1;
        double tokens = settings.steps() * (double) settings.batch();
        seconds += runs * tokens / result.tokensPerSecond() * each / size;
      }
    }
    log.printf(
        Locale.ROOT,
        "Estimate: about %s for all trainings, by %d steps of each kind at %,d features;"
            + " %,d MB of memory and %,d MB of disk at that size, moments in %s.%n",
        Progress.duration(seconds),
        TRIAL_STEPS,
        size,
        memory(size, moments(size).equals("float32") ? 4 : 2) / 1_000_000,
        // Two dictionaries, and two checkpoints of the run in progress, written beside a third.
        (2 * 2L * 4 + 3 * 6L * 4) * size * width / 1_000_000,
        moments(size));
    log.flush();
    return true;
  }

  private boolean causes() throws IOException {
    Path sweep = folder.causes();
    if (Files.exists(sweep.resolve("sweep.json"))) {
      return Sweep.read(sweep).done() == 8
          || command.test(List.of("sweep", "--resume", "--out", sweep.toString()));
    }
    folder.remove(sweep);
    List<String> line = new ArrayList<>(List.of("sweep", "--store", folder.store().toString()));
    line.addAll(List.of("--hook", settings.hook(), "--device", settings.device()));
    for (String axis :
        List.of(
            "features=" + settings.sizes().getFirst(),
            "k=" + settings.k(),
            "init=random,asi",
            "centring=off,on",
            "optimiser=adam,sparse-adam")) {
      line.addAll(List.of("--vary", axis));
    }
    line.addAll(List.of("--batch", settings.batch() + "", "--steps", settings.steps() + ""));
    line.addAll(List.of("--out", sweep.toString()));
    return command.test(line);
  }

  private boolean train(Way way, int size) throws IOException {
    Path run = folder.run(way.folder, size);
    State state = folder.stateOf(run);
    if (state == State.FINISHED) {
      return true;
    }
    PeakMemory.reset();
    List<String> line;
    if (state == State.BEGUN) {
      line = List.of("train", "--resume", "--out", run.toString());
    } else {
      folder.remove(run);
      Files.createDirectories(run.getParent());
      line = line(way, size, run);
      line.addAll(List.of("--steps", settings.steps() + ""));
    }
    if (!command.test(line)) {
      return false;
    }
    AtomicFile.write(
        folder.memory(way.folder, size),
        (PeakMemory.bytes() + "\n").getBytes(StandardCharsets.UTF_8));
    return true;
  }

  /** A new training, without its length. */
  private List<String> line(Way way, int size, Path run) {
    List<String> line = new ArrayList<>(List.of("train", "--store", folder.store().toString()));
    line.addAll(List.of("--hook", settings.hook(), "--features", size + ""));
    line.addAll(List.of("--k", settings.k() + "", "--batch", settings.batch() + ""));
    line.addAll(List.of("--init", way.init, way.centre, "--optimiser", way.optimiser));
    line.addAll(List.of("--moments", moments(size), "--device", settings.device()));
    line.addAll(
        List.of("--name", String.format(Locale.ROOT, "%s, %,d features", way.folder, size)));
    line.addAll(List.of("--out", run.toString()));
    return line;
  }

  private String moments(int size) {
    return memory(size, 4) < 0.85 * MachineMemory.bytes() ? "float32" : "bfloat16";
  }

  /**
   * Weights of encoder and decoder, and two bits for each by which they are restored after held-out
   * tokens were measured; two encoders rounded to int8, one of them for the measurement; two
   * moments of each weight; and the JVM.
   */
  private long memory(int size, int bytesOfAMoment) {
    return JVM_BYTES + (long) size * width * (2 * 4 + 1 + 2 + 4 * bytesOfAMoment);
  }

  private boolean report() throws IOException {
    List<MillionPage.Run> runs = new ArrayList<>();
    List<String> line = new ArrayList<>(List.of("report"));
    List<Integer> sizes = settings.sizes();
    for (int size : sizes) {
      for (Way way : Way.values()) {
        boolean swept = size == sizes.getFirst();
        Path run = swept ? cell(way, size) : folder.run(way.folder, size);
        Path memory = folder.memory(way.folder, size);
        runs.add(
            new MillionPage.Run(
                size,
                way == Way.REMEDIES,
                TrainingRun.read(run),
                Files.exists(memory) ? Long.parseLong(Files.readString(memory).strip()) : 0));
        // The report's headline is of the first runs.
        line.addAll(1, List.of("--run", run.toString()));
      }
    }
    line.addAll(List.of("--sweep", folder.causes().toString()));
    line.addAll(
        List.of("--title", String.format(Locale.ROOT, "%,d features", settings.features())));
    line.addAll(List.of("--out", folder.report().toString()));
    MillionPage page =
        new MillionPage(
            settings.hook(),
            settings.model().getFileName().toString(),
            settings.texts().stream().map(text -> text.getFileName().toString()).toList(),
            stored,
            stored == settings.captured(),
            settings.k(),
            settings.batch(),
            runs,
            Sweep.read(folder.causes()));
    AtomicFile.write(folder.page(), page.markdown().getBytes(StandardCharsets.UTF_8));
    return command.test(line);
  }

  /** The cell of the sweep that was trained in this way. */
  private Path cell(Way way, int size) throws IOException {
    return Sweep.read(folder.causes()).cells().stream()
        .filter(
            outcome ->
                outcome.cell().config().optimiser().label().equals(way.optimiser)
                    && outcome.cell().config().centre() == (way == Way.REMEDIES)
                    && outcome.cell().values().containsValue(way.init))
        .map(outcome -> folder.causes().resolve("cells").resolve(outcome.cell().name()))
        .findFirst()
        .orElseThrow(
            () -> new IOException(folder.causes() + ": has no cell of " + size + " features"));
  }
}
