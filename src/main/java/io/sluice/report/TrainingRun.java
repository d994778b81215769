package io.sluice.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.evaluation.LossRecovered;
import io.sluice.files.Fields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a run folder of {@code sluice train} tells: its settings, its course and how it ended.
 *
 * @param name the run's name, for instance {@code asi, centred}
 * @param settings every setting, in the order of the file, nested ones with dots in their names
 * @param result how it ended, or null while it has not
 * @param metrics its course in order of steps, thinned to at most {@link MetricsFile#MOST} points;
 *     empty if nothing was logged
 * @param evaluation what {@code sluice evaluate} measured, or null if it was not called
 */
public record TrainingRun(
    String name,
    List<Setting> settings,
    Result result,
    List<Metric> metrics,
    Evaluation evaluation) {

  /** The {@code format} of {@code run.json}. */
  public static final String FORMAT = "sluice.run/1";

  /** The {@code format} of {@code evaluation.json}. */
  public static final String EVALUATION_FORMAT = "sluice.evaluation/1";

  private static final String REMEDY = "give a folder that 'sluice train' wrote";

  /** One setting, its value as text. */
  public record Setting(String key, String value) {}

  /**
   * The end of a run. What the file does not say is null.
   *
   * @param steps optimiser steps taken
   * @param tokens tokens seen
   * @param heldOutFvu fraction of variance unexplained on what was held out
   * @param heldOutTokens tokens that were held out
   * @param fvu fraction of variance unexplained over the last {@code fvuSteps} steps, on tokens
   *     that were trained on
   * @param l0 mean active features per token
   * @param deadFraction share of the features that did not fire in the window, in [0, 1]
   * @param deadWindowTokens length of that window, in tokens
   * @param loss mean squared reconstruction error per token
   * @param tokensPerSecond training speed
   * @param seconds time taken
   */
  public record Result(
      Long steps,
      Long tokens,
      Double heldOutFvu,
      Long heldOutTokens,
      Double fvu,
      Long fvuSteps,
      Double l0,
      Double deadFraction,
      Long deadWindowTokens,
      Double loss,
      Double tokensPerSecond,
      Double seconds) {

    /**
     * The FVU that says the most: on what was held out, or where nothing was, of the last steps.
     */
    Double bestFvu() {
      return heldOutFvu == null ? fvu : heldOutFvu;
    }
  }

  /**
   * One line of {@code metrics.jsonl}. What the line does not say is null.
   *
   * @param step optimiser steps taken so far
   * @param tokens tokens seen so far
   */
  public record Metric(
      long step,
      long tokens,
      Double loss,
      Double fvu,
      Double heldOutFvu,
      Double l0,
      Double deadFraction,
      Long deadWindowTokens,
      Double learningRate,
      Double tokensPerSecond,
      Double seconds) {}

  /**
   * What {@code evaluation.json} holds. What the file does not say is null.
   *
   * @param rows which tokens: {@code held-out}, {@code trained} or {@code all}
   * @param tokens tokens evaluated on
   * @param mse mean squared error, summed over the width
   * @param l1 mean sum of the codes' amounts
   * @param frequencyHistogram how often features fire
   * @param trained the same on the tokens that were trained on, or null
   * @param lossRecovered what the reconstruction costs the model, or null
   */
  public record Evaluation(
      String rows,
      Long tokens,
      Double fvu,
      Double explainedVariance,
      Double l0,
      Double mse,
      Double explainedVarianceLegacy,
      Double cosineSimilarity,
      Double l1,
      Double l2Ratio,
      Double deadFraction,
      Long deadWindowTokens,
      Histogram frequencyHistogram,
      Evaluation trained,
      LossRecovered lossRecovered) {

    /** Without the measures that other libraries report. */
    public Evaluation(
        String rows,
        Long tokens,
        Double fvu,
        Double explainedVariance,
        Double l0,
        Double deadFraction,
        Long deadWindowTokens,
        Histogram frequencyHistogram,
        Evaluation trained,
        LossRecovered lossRecovered) {
      this(
          rows,
          tokens,
          fvu,
          explainedVariance,
          l0,
          null,
          null,
          null,
          null,
          null,
          deadFraction,
          deadWindowTokens,
          frequencyHistogram,
          trained,
          lossRecovered);
    }
  }

  /**
   * Features by the share of tokens that they fire on.
   *
   * @param log10Edges edges of the bins, ascending; one more than there are counts
   * @param counts features in each bin
   * @param neverFired features that fired on no token, in no bin
   */
  public record Histogram(double[] log10Edges, long[] counts, long neverFired) {
    /** Checks that edges and counts belong together. */
    public Histogram {
      if (log10Edges == null || counts == null || log10Edges.length != counts.length + 1) {
        throw new IllegalArgumentException(
            "frequencyHistogram has "
                + (log10Edges == null ? 0 : log10Edges.length)
                + " edges for "
                + (counts == null ? 0 : counts.length)
                + " counts");
      }
    }
  }

  /** Copies the lists. */
  public TrainingRun {
    settings = List.copyOf(settings);
    metrics = List.copyOf(metrics);
  }

  /**
   * Reads a run folder: {@code run.json}, and {@code metrics.jsonl} and {@code evaluation.json}
   * where they are there.
   *
   * @throws IOException if the folder or its {@code run.json} is missing, or a file is empty, cut
   *     off or of another format; the message names the file and what to do
   */
  public static TrainingRun read(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      throw new IOException(folder + ": no such run folder; " + REMEDY);
    }
    if (!Files.isDirectory(folder)) {
      throw new IOException(folder + ": is not a folder; " + REMEDY);
    }
    Path file = folder.resolve("run.json");
    Fields root = Fields.read(file, FORMAT, REMEDY);
    Header header = root.record(Header.class);
    List<Setting> settings = new ArrayList<>();
    flatten("", root.object("config").json(), settings);
    Path metrics = folder.resolve("metrics.jsonl");
    Path evaluation = folder.resolve("evaluation.json");
    return new TrainingRun(
        header.name() == null || header.name().isBlank() ? nameOf(folder) : header.name(),
        settings,
        header.result(),
        Files.exists(metrics) ? MetricsFile.read(metrics) : List.of(),
        Files.exists(evaluation)
            ? Fields.read(evaluation, EVALUATION_FORMAT, "write it again with 'sluice evaluate'")
                .record(Evaluation.class)
            : null);
  }

  /** The value of a setting, or null if the run has none of that name. */
  String setting(String key) {
    return settings.stream()
        .filter(s -> s.key().equals(key))
        .map(Setting::value)
        .findFirst()
        .orElse(null);
  }

  /** Dead features at the end as a share, measured by the run or else by its evaluation. */
  Double finalDeadFraction() {
    if (result != null && result.deadFraction() != null) {
      return result.deadFraction();
    }
    return evaluation == null ? null : evaluation.deadFraction();
  }

  /** The window of {@link #finalDeadFraction}. */
  Long finalDeadWindow() {
    if (result != null && result.deadFraction() != null) {
      return result.deadWindowTokens();
    }
    return evaluation == null ? null : evaluation.deadWindowTokens();
  }

  private record Header(String name, Result result) {}

  private static String nameOf(Path folder) {
    Path last = folder.toAbsolutePath().normalize().getFileName();
    return last == null ? folder.toString() : last.toString();
  }

  private static void flatten(String key, JsonNode node, List<Setting> into) {
    if (node.isObject()) {
      for (var entry : node.properties()) {
        flatten(
            key.isEmpty() ? entry.getKey() : key + "." + entry.getKey(), entry.getValue(), into);
      }
    } else if (!node.isMissingNode() && !node.isNull()) {
      into.add(new Setting(key, node.isValueNode() ? node.asText() : node.toString()));
    }
  }
}
