package io.sluice.evaluation.lorsa;

import io.sluice.dictionary.lorsa.ContextFeed;
import io.sluice.dictionary.lorsa.Lorsa;
import io.sluice.dictionary.lorsa.LorsaConfig;
import io.sluice.engine.lorsa.LorsaBatch;
import io.sluice.engine.lorsa.LorsaEngine;
import io.sluice.engine.lorsa.LorsaResult;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.FrequencyHistogram;
import io.sluice.store.Contexts;
import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.Arrays;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;

/** Evaluates a Lorsa on every context of a store. */
public final class LorsaEvaluator {
  /** Tokens at once. */
  private static final int BATCH_TOKENS = 4096;

  private LorsaEvaluator() {}

  /**
   * Reads the store once, in its order. What counts are the positions that the Lorsa was trained to
   * write.
   *
   * @param deadWindow tokens after which a head that did not fire counts as dead; all that count if
   *     they are fewer
   * @param progress told the number of tokens done, after each batch
   * @throws IllegalArgumentException if the store has no such hook points (the message lists those
   *     it has) or their widths are not the Lorsa's
   * @throws IOException if an activation or the output is not finite, or no token counts
   */
  public static Evaluation evaluate(
      Lorsa lorsa, Contexts contexts, Device device, long deadWindow, LongConsumer progress)
      throws IOException {
    LorsaConfig config = lorsa.config();
    ContextFeed feed =
        new ContextFeed(
            contexts, config.inputHook(), config.outputHook(), config.fromPosition(), device);
    int heads = config.spec().heads();
    long[] fired = new long[heads];
    long[] lastFired = new long[heads];
    double[] sums = new double[feed.targetWidth()];
    double squares = 0;
    LorsaResult total = LorsaResult.NONE;
    int each = Math.max(1, BATCH_TOKENS / contexts.longest());
    try (LorsaEngine engine = LorsaEngine.running(lorsa.weights(), device)) {
      for (int first = 0; first < contexts.count(); first += each) {
        int count = Math.min(each, contexts.count() - first);
        int[] chosen = IntStream.range(first, first + count).toArray();
        try (TensorScope scope = TensorScope.open()) {
          LorsaBatch batch = feed.batch(chosen, 1, 1);
          long now = total.tokens() + batch.tokens();
          LorsaResult result =
              engine.measure(
                  batch,
                  (head, activation) -> {
                    fired[head]++;
                    lastFired[head] = now;
                  });
          total = total.plus(result);
          squares += addTo(sums, batch);
        }
        progress.accept(total.tokens());
      }
    }
    return evaluation(config, total, sums, squares, fired, lastFired, deadWindow);
  }

  private static Evaluation evaluation(
      LorsaConfig config,
      LorsaResult total,
      double[] sums,
      double squares,
      long[] fired,
      long[] lastFired,
      long deadWindow)
      throws IOException {
    long tokens = total.tokens();
    if (tokens == 0) {
      throw new IOException(
          "the store has no token at position %d or later, from which the Lorsa writes"
              .formatted(config.fromPosition()));
    }
    if (!Double.isFinite(total.squaredError())) {
      throw new IOException("the Lorsa's output is not finite; train it again");
    }
    double meanEnergy = 0;
    for (double sum : sums) {
      meanEnergy += sum * sum / tokens;
    }
    double fvu = total.squaredError() / (squares - meanEnergy);
    long window = Math.min(deadWindow, tokens);
    long alive = Arrays.stream(lastFired).filter(last -> last > tokens - window).count();
    return new Evaluation(
        tokens,
        fvu,
        1 - fvu,
        (double) total.codes() / tokens,
        1 - (double) alive / lastFired.length,
        window,
        FrequencyHistogram.of(fired, tokens),
        null);
  }

  /** Adds the targets that count to {@code sums} and returns the sum of their squares. */
  private static double addTo(double[] sums, LorsaBatch batch) {
    double squares = 0;
    for (int i = 0; i < batch.contexts(); i++) {
      int count = batch.lengths()[i] - batch.from();
      if (count > 0) {
        Tensor rows = batch.target().select(0, i).narrow(0, batch.from(), count).to(DType.F64);
        double[] part = rows.sum(false, 0).toDoubles();
        for (int j = 0; j < sums.length; j++) {
          sums[j] += part[j];
        }
        squares += rows.square().sum().item();
      }
    }
    return squares;
  }
}
