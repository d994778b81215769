package io.sluice.lorsa.evaluation;

import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.FrequencyHistogram;
import io.sluice.lorsa.ContextFeed;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.lorsa.LorsaSums;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.lorsa.engine.LorsaResult;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.Arrays;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;

/** Evaluates a Lorsa on every context of a store. */
public final class LorsaEvaluator {
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
    LorsaSums sums = new LorsaSums(feed.targetWidth());
    int each = LorsaSums.contextsAtOnce(contexts);
    try (LorsaEngine engine = LorsaEngine.running(lorsa.weights(), device)) {
      for (int first = 0; first < contexts.count(); first += each) {
        int count = Math.min(each, contexts.count() - first);
        int[] chosen = IntStream.range(first, first + count).toArray();
        try (TensorScope scope = TensorScope.open()) {
          LorsaBatch batch = feed.batch(chosen, 1, 1);
          long now = sums.total().tokens() + batch.tokens();
          LorsaResult result =
              engine.measure(
                  batch,
                  (head, activation) -> {
                    fired[head]++;
                    lastFired[head] = now;
                  });
          sums.add(batch, result);
        }
        progress.accept(sums.total().tokens());
      }
    }
    return evaluation(contexts, config, sums, fired, lastFired, deadWindow);
  }

  private static Evaluation evaluation(
      Contexts contexts,
      LorsaConfig config,
      LorsaSums sums,
      long[] fired,
      long[] lastFired,
      long deadWindow)
      throws IOException {
    LorsaResult total = sums.total();
    long tokens = total.tokens();
    if (tokens == 0) {
      throw new IOException(
          "the store has no token at position %d or later, from which the Lorsa writes"
              .formatted(config.fromPosition()));
    }
    if (!Double.isFinite(total.squaredError())) {
      throw new IOException("the Lorsa's output is not finite; train it again");
    }
    if (!sums.varies()) {
      throw new IOException(
          "%s: all %,d tokens have the same vector in '%s', so there is no variance to explain; evaluate on more text"
              .formatted(contexts.store().place(), tokens, config.outputHook()));
    }
    double fvu = sums.fvu();
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
}
