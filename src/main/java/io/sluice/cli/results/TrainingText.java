package io.sluice.cli.results;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.console.ResultText;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.training.Trainer;
import io.sluice.training.run.RunResult;
import io.sluice.training.start.StartingPoint;
import io.sluice.training.stream.StreamedRuns;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Prints what trainings of dictionaries have resulted in.
 *
 * @param out where
 */
public record TrainingText(PrintWriter out) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The result of one run as JSON. */
  public static String json(RunResult result) throws IOException {
    return JSON.writeValueAsString(result);
  }

  /** How runs have ended as JSON: the result or the failure; of several, by their folders. */
  public static String json(List<StreamedRuns.Outcome> outcomes) throws IOException {
    ObjectNode all = JSON.createObjectNode();
    for (StreamedRuns.Outcome outcome : outcomes) {
      all.set(
          outcome.run().folder(),
          outcome.result() == null
              ? JSON.createObjectNode().put("failure", outcome.failure())
              : JSON.valueToTree(outcome.result()));
    }
    return JSON.writeValueAsString(outcomes.size() > 1 ? all : all.elements().next());
  }

  /**
   * Prints how runs have ended.
   *
   * @param folder that the runs' folders are in
   */
  public void print(List<StreamedRuns.Outcome> outcomes, Path folder) {
    for (StreamedRuns.Outcome outcome : outcomes) {
      String name = outcome.run().folder();
      if (outcomes.size() > 1) {
        out.println(name);
      }
      if (outcome.result() == null) {
        out.println("failed     " + outcome.failure());
      } else if (outcome.trainer() != null) {
        print(outcome.trainer(), outcome.result(), folder.resolve(name).normalize());
      } else {
        out.println("trained    before");
      }
    }
  }

  /**
   * Prints the result of one run.
   *
   * @param folder of the run
   */
  public void print(Trainer trainer, RunResult result, Path folder) {
    StartingPoint from = trainer.startingPoint();
    new ResultText("features", trainer.config().features()).print(result, trainer.heldOut(), out);
    if (from.subspaceDimensions() > 0) {
      out.printf(Locale.ROOT, "d_init     %d%n", from.subspaceDimensions());
    }
    if (from.trainedDimensions() > 0) {
      out.printf(Locale.ROOT, "seen       %d dimensions%n", from.trainedDimensions());
    }
    out.printf(
        Locale.ROOT,
        "trained    %,d tokens in %.0f s, %,.0f tokens/s%n",
        result.tokens(),
        result.seconds(),
        result.tokensPerSecond());
    boolean layered = CrossLayerDictionary.isIn(folder);
    out.printf(
        "dictionary %s%n", folder.resolve(layered ? "cross-layer.json" : "dictionary.safetensors"));
  }
}
