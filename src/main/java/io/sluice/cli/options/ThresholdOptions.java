package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.ThresholdCalibration;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.training.run.RunRows;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for replacing a fixed number of features by thresholds. */
@Grouped(OptionGroup.SPARSITY)
public final class ThresholdOptions {
  private static final int BATCH = 1024;

  @Option(
      names = "--activation",
      paramLabel = "jumprelu",
      description =
          "Give a topk or batchtopk dictionary thresholds in place of k. This needs --store.")
  private String activation;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description =
          "Find the thresholds on the activations in this folder, and measure FVU and L0 "
              + "before and after.")
  private Path store;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--thresholds",
      paramLabel = "each|one",
      defaultValue = "each",
      description =
          "Find a threshold for each feature, at which it fires as often as it did, or one for "
              + "all, at which L0 stays the same (default: ${DEFAULT-VALUE}).")
  private String thresholds;

  @Option(
      names = "--sample",
      paramLabel = "N",
      defaultValue = "65536",
      description = "Find the thresholds on N rows of the store (default: ${DEFAULT-VALUE}).")
  private long sample;

  /**
   * What thresholds have changed.
   *
   * @param dictionary the new one
   * @param before as it was
   * @param after as it is
   * @param heldOut whether both are of tokens that the run kept apart; else of the whole store
   */
  public record Change(
      Dictionary dictionary, Evaluation before, Evaluation after, boolean heldOut) {
    public void print(PrintWriter out) {
      String tokens =
          String.format(Locale.ROOT, " (%,d %stokens)", after.tokens(), heldOut ? "held-out " : "");
      out.printf(Locale.ROOT, "L0         %.2f, was %.2f%s%n", after.l0(), before.l0(), tokens);
      out.printf(Locale.ROOT, "FVU        %.4f, was %.4f%s%n", after.fvu(), before.fvu(), tokens);
    }
  }

  /** Whether thresholds are wanted. */
  public boolean asked() {
    return activation != null;
  }

  /**
   * Checks that the options fit each other.
   *
   * @throws IllegalArgumentException if it does not
   */
  public void check() {
    if (asked() && !activation.equals("jumprelu")) {
      throw new IllegalArgumentException("--activation is jumprelu, not '" + activation + "'");
    }
    if (asked() != (store != null)) {
      throw new IllegalArgumentException("--activation and --store go together");
    }
    if (!thresholds.equals("each") && !thresholds.equals("one")) {
      throw new IllegalArgumentException("--thresholds is each or one, not '" + thresholds + "'");
    }
    if (sample < 1) {
      throw new IllegalArgumentException("--sample must be at least 1, not " + sample);
    }
  }

  /** What computes the dictionary while thresholds are found and measured. */
  public EngineFactory engines() {
    return EngineFactory.vector(Workers.allCores());
  }

  /**
   * Finds thresholds on tokens that the run has trained on, and measures their effect on held-out
   * tokens if there are any.
   *
   * @param folder where the dictionary is
   */
  public Change apply(Dictionary dictionary, Path folder, long seed) throws IOException {
    ActivationStore activations = checksums.open(store);
    EngineFactory engines = engines();
    RunRows run = RunRows.of(folder, activations);
    RowFilter part = RowFilter.fromPosition(activations.firstPosition());
    Dictionary changed =
        ThresholdCalibration.toJumpReLU(
            dictionary,
            activations,
            run.someHeldOut() ? run.heldOut().trained() : part,
            engines,
            sample,
            seed,
            thresholds.equals("each"));
    RowFilter measured = run.someHeldOut() ? run.heldOut().heldOut() : part;
    return new Change(
        changed,
        evaluate(dictionary, activations, measured, engines),
        evaluate(changed, activations, measured, engines),
        run.someHeldOut());
  }

  private static Evaluation evaluate(
      Dictionary dictionary, ActivationStore activations, RowFilter part, EngineFactory engines)
      throws IOException {
    return Evaluator.evaluate(
        dictionary, activations, part, engines, BATCH, Long.MAX_VALUE, done -> {});
  }
}
