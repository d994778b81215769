package io.sluice.cli;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Terminal;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.million.Million;
import io.sluice.cli.million.MillionSettings;
import io.sluice.cli.options.DeviceOption;
import io.sluice.cli.results.FeatureText;
import io.sluice.features.Feature;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureReader;
import io.sluice.features.FeatureTable;
import io.sluice.report.Spectra;
import io.sluice.report.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code sluice demo}: runs the other commands one after the other, and prints two tables and one
 * feature at the end.
 */
@Command(
    name = "demo",
    description = {
      "Run capture, spectrum, train, evaluate, features and report on a small model and a novel.",
      "It captures the model's activations, measures in how few dimensions each hook point "
          + "varies, trains the same dictionary from four starts and writes the report. It "
          + "prints the commands that it runs, and at the end two tables and one feature."
    })
@Examples({
  "sluice demo --out demo",
  "sluice demo --out small --tokens 6000 --features 1024 --steps 60",
  "sluice demo --million --features 16384 --out million"
})
final class DemoCommand extends SluiceCommand {
  /** Long enough that a live feature fires in it, short enough to pass twice in the demo. */
  private static final long DEAD_WINDOW = 200_000;

  /** The example is a feature that fires on a smaller share of the tokens. */
  private static final double RARE = 0.002;

  private static final int EXAMPLE_CONTEXTS = 4;

  /** It fires on this many tokens at least; those that are shown are this far from each other. */
  private static final int OFTEN = 20;

  private static final int FAR = 100;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "demo",
      description = "Write everything to this folder (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path out;

  @Option(
      names = "--model",
      paramLabel = "PATH",
      description =
          "Run the model in this folder or file, or of this name on the HuggingFace hub (default: all-MiniLM-L6-v2, which the build "
              + "fetches; with --million SmolLM2-135M, which 'make models' fetches).")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path model;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description =
          "Read this text; repeat it for several (default: datasets/moby-dick.txt, and with "
              + "--million the King James Bible, which bin/fetch-texts fetches).")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<Path> texts = List.of();

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "100000",
      description = "Capture N tokens of the text (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private long tokens;

  @Option(
      names = "--hook",
      paramLabel = "NAME",
      defaultValue = "layers.3.attn_out",
      description = "Train the dictionaries on this hook point (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private String hook;

  @Option(
      names = "--features",
      paramLabel = "N",
      defaultValue = "16384",
      description = "Give each dictionary N features (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int features;

  @Option(
      names = "--k",
      paramLabel = "N",
      defaultValue = "32",
      description = "Keep the N largest features of a token (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int k;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "400",
      description = "Train each dictionary for N steps (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private long steps;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Take N tokens per step (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int batch;

  @Option(
      names = "--million",
      description = {
        "Train a dictionary of 1,048,576 features instead, without and with three remedies for "
            + "dead features, and three smaller sizes, over 2,000,000 tokens; takes hours, and "
            + "continues where it was interrupted. --features sets another size, --steps another "
            + "length, --tokens captures fewer tokens than the texts have."
      })
  @Grouped(OptionGroup.ESSENTIAL)
  private boolean million;

  @Mixin private DeviceOption device;

  /** The four dictionaries that are compared. */
  private enum Variant {
    RANDOM("random", "random", false),
    RANDOM_CENTRED("random, centred", "random", true),
    ASI("ASI", "asi", false),
    ASI_CENTRED("ASI, centred", "asi", true);

    private final String title;
    private final String init;
    private final boolean centred;

    Variant(String title, String init, boolean centred) {
      this.title = title;
      this.init = init;
      this.centred = centred;
    }

    private String folder() {
      return centred ? init + "-centred" : init;
    }
  }

  private int status;

  @Override
  protected void run() throws IOException {
    if (tokens < 1 || steps < 1 || batch < 1 || features < 1 || k < 1) {
      throw usage("--tokens, --features, --k, --steps and --batch must be at least 1");
    }
    device.of(this);
    if (million) {
      runMillion();
      return;
    }
    Path modelPath = model != null ? model : required(DemoFiles.model());
    List<Path> textPaths = texts.isEmpty() ? List.of(required(DemoFiles.text())) : texts;
    DemoFolder folder = DemoFolder.prepare(out);
    long start = System.nanoTime();
    if (!(capture(folder, modelPath, textPaths)
        && spectrum(folder, modelPath)
        && trainAll(folder)
        && features(folder)
        && report(folder))) {
      return;
    }
    DemoTable table =
        new DemoTable(Spectra.read(folder.spectrum()), readRuns(folder), features, k, hook);
    out().println();
    table.print(out());
    printExample(folder);
    out()
        .printf(
            Locale.ROOT,
            "%nReport: %s%nFeatures of the centred ASI dictionary: sluice browse --features %s%nActivations, spectra and dictionaries are in %s (%,.0f MB). Took %s.%n",
            folder.report(),
            folder.features(),
            folder.root(),
            folder.bytes() / 1e6,
            Progress.duration((System.nanoTime() - start) / 1e9));
  }

  /**
   * Prints the feature with the largest mean activation among those that fire seldom, and most in
   * places far from each other.
   */
  private void printExample(DemoFolder folder) throws IOException {
    FeatureReader reader = new FeatureReader(FeatureFolder.open(folder.features()));
    FeatureTable table = reader.folder().features();
    IntStream.range(0, table.features())
        .filter(feature -> table.density(feature) < RARE)
        .boxed()
        .sorted(Comparator.comparingDouble(feature -> -table.mean(feature)))
        .map(reader::read)
        .filter(DemoCommand::firesInManyPlaces)
        .findFirst()
        .ifPresent(
            feature -> {
              out().println();
              out().println("A feature of the centred ASI dictionary");
              new FeatureText(out(), Terminal.showsColours(), Terminal.pageColumns())
                  .printBriefly(feature, EXAMPLE_CONTEXTS);
            });
  }

  private static boolean firesInManyPlaces(Feature feature) {
    long[] rows =
        feature.top().stream()
            .limit(EXAMPLE_CONTEXTS)
            .mapToLong(Feature.Context::row)
            .sorted()
            .toArray();
    return feature.count() >= OFTEN
        && IntStream.range(1, rows.length).allMatch(i -> rows[i] - rows[i - 1] >= FAR);
  }

  private void runMillion() throws IOException {
    MillionSettings settings;
    try {
      settings =
          new MillionSettings(
              model != null ? model : required(DemoFiles.languageModel()),
              texts.isEmpty()
                  ? List.of(required(DemoFiles.text()), required(DemoFiles.bible()))
                  : texts,
              given("--tokens") ? tokens : 0,
              given("--hook") ? hook : "layers.9.attn_out",
              given("--features") ? features : MillionSettings.FEATURES,
              k,
              batch,
              given("--steps") ? steps * batch : MillionSettings.TOKENS,
              seed(),
              device.label());
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    Million demo =
        new Million(
            settings,
            given("--out") ? out : Path.of("million"),
            line -> step(line.toArray(String[]::new)),
            err());
    if (demo.run()) {
      out().printf("Page: %s%nReport: %s%n", demo.page(), demo.htmlReport());
    }
  }

  @Override
  public int status() {
    return status;
  }

  private static Path required(DemoFiles.Piece piece) throws IOException {
    return piece
        .path()
        .orElseThrow(() -> new IOException(piece.name() + " not found; " + piece.advice()));
  }

  private boolean capture(DemoFolder folder, Path modelPath, List<Path> textPaths) {
    List<String> line = new ArrayList<>(List.of("capture", "--model", modelPath.toString()));
    for (Path text : textPaths) {
      line.addAll(List.of("--text", text.toString()));
    }
    line.addAll(List.of("--hooks", "layers.*.*", "--tokens", String.valueOf(tokens)));
    // Half the bytes of float32; the spectra and the trainings do not tell the difference.
    line.addAll(List.of("--dtype", "float16", "--device", device.label()));
    line.addAll(List.of("--out", folder.activations().toString()));
    return step(line.toArray(String[]::new));
  }

  private boolean spectrum(DemoFolder folder, Path modelPath) {
    return step(
        "spectrum",
        "--store",
        folder.activations().toString(),
        "--model",
        modelPath.toString(),
        "--device",
        device.label(),
        "--out",
        folder.spectrum().toString());
  }

  private boolean trainAll(DemoFolder folder) {
    for (Variant variant : Variant.values()) {
      String run = folder.run(variant.folder()).toString();
      boolean trained =
          step(
              "train",
              "--store",
              folder.activations().toString(),
              "--hook",
              hook,
              "--features",
              String.valueOf(features),
              "--k",
              String.valueOf(k),
              "--init",
              variant.init,
              variant.centred ? "--centre" : "--no-centre",
              "--steps",
              String.valueOf(steps),
              "--batch",
              String.valueOf(batch),
              "--dead-window",
              String.valueOf(Math.clamp(steps * batch / 2, 1, DEAD_WINDOW)),
              "--checkpoint-every",
              "0",
              "--device",
              device.label(),
              "--name",
              variant.title,
              "--out",
              run);
      if (!trained
          || !step(
              "evaluate",
              "--dictionary",
              run,
              "--store",
              folder.activations().toString(),
              "--device",
              device.label())) {
        return false;
      }
    }
    return true;
  }

  private boolean features(DemoFolder folder) {
    return step(
            "features",
            "--dictionary",
            folder.run(Variant.ASI_CENTRED.folder()).toString(),
            "--store",
            folder.activations().toString(),
            "--device",
            device.label(),
            "--out",
            folder.features().toString())
        && step(
            "browse",
            "--features",
            folder.features().toString(),
            "--html",
            folder.featurePage().toString(),
            "--select",
            "top-density:100");
  }

  private boolean report(DemoFolder folder) {
    List<String> arguments =
        new ArrayList<>(List.of("report", "--spectrum", folder.spectrum().toString()));
    for (Variant variant : Variant.values()) {
      arguments.add("--run");
      arguments.add(folder.run(variant.folder()).toString());
    }
    arguments.add("--features");
    arguments.add(folder.features().toString());
    arguments.add("--out");
    arguments.add(folder.report().toString());
    return step(arguments.toArray(String[]::new));
  }

  private static List<TrainingRun> readRuns(DemoFolder folder) throws IOException {
    List<TrainingRun> runs = new ArrayList<>();
    for (Variant variant : Variant.values()) {
      runs.add(TrainingRun.read(folder.run(variant.folder())));
    }
    return runs;
  }

  /**
   * Runs one command of this program; its results go to its files, its errors and progress to
   * standard error.
   *
   * @return whether it succeeded
   */
  private boolean step(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    if (!arguments[0].equals("report") && !all.contains("--resume")) {
      all.add("--seed");
      all.add(String.valueOf(seed()));
    }
    err().printf("$ sluice %s%n", shown(all));
    if (stacktrace()) {
      all.add("--stacktrace");
    }
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(Writer.nullWriter()));
    line.setErr(err());
    status = line.execute(all.toArray(String[]::new));
    return status == 0;
  }

  private static String shown(List<String> arguments) {
    return String.join(
        " ", arguments.stream().map(a -> a.matches("[\\w./:=-]+") ? a : "'" + a + "'").toList());
  }
}
