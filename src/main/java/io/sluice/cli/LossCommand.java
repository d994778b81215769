package io.sluice.cli;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.ContextOptions;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.ModelOptions;
import io.sluice.cli.options.OutputFile;
import io.sluice.cli.options.PositionOption;
import io.sluice.evaluation.LossMeasurement;
import io.sluice.evaluation.LossRecovery;
import io.sluice.files.AtomicFile;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.StatisticsFile;
import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code sluice loss}: measures how much of a model's loss the top k directions of a hook point
 * recover.
 */
@Command(
    name = "loss",
    description = {
      "Measure how much of a model's loss k directions of a hook point recover.",
      "In the running model an activation is replaced by its projection on the top k "
          + "directions of its covariance, plus the mean. This gives the next-token loss L_k. "
          + "With L the model's own loss, and L_0 its loss with the mean alone, the share "
          + "recovered is (L_0 - L_k) / (L_0 - L).",
      "--model and --text are as in 'sluice capture'. The covariances come from "
          + "'sluice spectrum --stats', ideally of another text, as the examples show."
    })
@Examples({
  "sluice loss --model model/ --text novel.txt --tokens 20000 --store-stats "
      + "stats.safetensors --hook layers.9.attn_out --out loss.json",
  "sluice capture --model model/ --text other.txt --hooks 'layers.9.*' --out store",
  "sluice spectrum --store store --stats stats.safetensors"
})
final class LossCommand extends SluiceCommand {
  private static final double MOST = 0.9;

  @Mixin private ModelOptions model;

  @Mixin private ContextOptions contexts;

  @Option(
      names = "--store-stats",
      required = true,
      paramLabel = "FILE",
      description = "Read the means and covariances that 'sluice spectrum --stats' wrote.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path statistics;

  @Option(
      names = "--hook",
      required = true,
      paramLabel = "POINTS",
      description = "Replace these hook points, separated by commas; each gives a curve.")
  @Grouped(OptionGroup.ESSENTIAL)
  private String hooks;

  @Option(
      names = "--ks",
      paramLabel = "auto|K,K,...",
      defaultValue = "auto",
      description =
          "Keep these numbers of directions (default: auto, which is twelve from 1/64 of the "
              + "width to all).")
  @Grouped(OptionGroup.ESSENTIAL)
  private String ks;

  @Mixin private PositionOption positions;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the curves to this file, for 'sluice report --loss'.")
  @Grouped(OptionGroup.OUTPUT)
  private Path out;

  @Mixin private JsonOption json;

  @Override
  protected void run() throws IOException {
    model.check(this);
    contexts.check(this);
    int[] directions = directions();
    positions.check(this);
    OutputFile.check("--out", out);
    StatisticsFile known = StatisticsFile.read(statistics);
    Map<HookPoint, Covariance> covariances = covariances(known);
    LossRecovery recovery;
    try (LoadedModel loaded = model.open(this, contexts.form())) {
      ContextSpec spec = contexts.spec(loaded);
      LossMeasurement measurement = new LossMeasurement(loaded, spec, positions.of(loaded));
      if (!known.model().isEmpty() && !known.model().equals(loaded.name())) {
        err().printf("%s is of %s, the model is %s%n", statistics, known.model(), loaded.name());
      }
      long total = spec.tokens() == Long.MAX_VALUE ? 0 : spec.tokens();
      try (Progress progress = progress("loss", total, "tokens")) {
        recovery = measurement.curves(covariances, directions, progress::update);
        progress.done();
      }
      ContextOptions.tell(this, measurement.problems());
    }
    if (out != null) {
      AtomicFile.write(out, LossMeasurement.json(recovery));
    }
    if (json.asked()) {
      out().print(LossMeasurement.json(recovery));
    } else {
      print(recovery);
    }
  }

  private Map<HookPoint, Covariance> covariances(StatisticsFile known) throws IOException {
    List<HookPoint> available =
        known.covariances().keySet().stream().map(HookPoint::parse).sorted().toList();
    if (available.isEmpty()) {
      throw new IOException(
          statistics + ": holds no statistics; write them with 'sluice spectrum --stats'");
    }
    Map<HookPoint, Covariance> chosen = new LinkedHashMap<>();
    for (HookPoint point : HookPatterns.select(hooks, available, known.model())) {
      chosen.put(point, known.covariance(point.toString()));
    }
    return chosen;
  }

  private int[] directions() {
    if (ks.equals("auto")) {
      return null;
    }
    try {
      int[] numbers =
          Arrays.stream(ks.split(",")).map(String::strip).mapToInt(Integer::parseInt).toArray();
      if (numbers.length > 0 && Arrays.stream(numbers).allMatch(k -> k > 0)) {
        return numbers;
      }
    } catch (NumberFormatException e) {
      // Reported below, like numbers that are not positive.
    }
    throw usage("--ks is '" + ks + "'; give auto, or numbers of directions with commas between");
  }

  private void print(LossRecovery recovery) {
    out()
        .printf(
            Locale.ROOT,
            "%s over %s: %,d tokens predicted, loss %.4f (perplexity %.2f)%n",
            recovery.model(),
            recovery.text(),
            recovery.tokens(),
            recovery.cleanLoss(),
            Math.exp(recovery.cleanLoss()));
    for (LossRecovery.Curve curve : recovery.hooks()) {
      out()
          .printf(
              Locale.ROOT,
              "%n%s: loss %.4f with the mean in its place%n%6s  %6s  %8s  %9s%n",
              curve.hook(),
              curve.ablatedLoss(),
              "k",
              "of d",
              "loss",
              "recovered");
      for (LossRecovery.Point point : curve.points()) {
        out()
            .printf(
                Locale.ROOT,
                "%6d  %4.0f %%  %8.4f  %7.1f %%%n",
                point.k(),
                100 * point.share(),
                point.loss(),
                100 * point.recovered());
      }
      OptionalDouble share = curve.shareThatRecovers(MOST);
      if (share.isPresent()) {
        out()
            .printf(
                Locale.ROOT,
                "%.0f %% of the directions recover %.0f %% of the loss (interpolated)%n",
                100 * share.getAsDouble(),
                100 * MOST);
      }
    }
  }
}
