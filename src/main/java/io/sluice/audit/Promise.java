package io.sluice.audit;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.TopK;
import java.util.Arrays;

/**
 * What the files of a dictionary, and its name, say about it.
 *
 * @param model the model it was trained on; may be empty
 * @param reads the hook point that it reads, as its files name it; may be empty
 * @param writes the hook point that it writes; may be empty
 * @param beginning whether contexts begin with the beginning-of-text token; null if they do not say
 * @param normalisation what is done to activations before it reads them
 * @param subtractsBias whether it subtracts its decoder bias from what it reads
 * @param l0 features per token; null if nothing says it
 * @param l0From what says it: {@code k}, {@code name} or {@code configuration}; null with {@code
 *     l0}
 * @param threshold the median of the thresholds of its features; null if it has none
 */
public record Promise(
    String model,
    String reads,
    String writes,
    Boolean beginning,
    Normalisation normalisation,
    boolean subtractsBias,
    Double l0,
    String l0From,
    Double threshold) {

  /** What a configuration alone says. */
  static Promise of(DictionaryConfig config, Normalisation normalisation) {
    Integer k =
        switch (config.activation()) {
          case TopK top -> Integer.valueOf(top.k());
          case AbsTopK top -> Integer.valueOf(top.k());
          case BatchTopK top -> Integer.valueOf(top.k());
          default -> null;
        };
    return new Promise(
        config.model(),
        config.inputHook(),
        config.outputHook(),
        config.prependBos().orElse(null),
        normalisation,
        config.subtractDecoderBias(),
        k == null ? null : Double.valueOf(k),
        k == null ? null : "k",
        threshold(config.activation(), config.features()));
  }

  /** The same with the number of features per token that a name or a file says. */
  Promise withL0(double promised, String from) {
    return new Promise(
        model, reads, writes, beginning, normalisation, subtractsBias, promised, from, threshold);
  }

  private static Double threshold(ActivationFunction activation, int features) {
    return switch (activation) {
      case JumpReLU jump -> {
        float[] thresholds = jump.thresholds().toArray(features);
        Arrays.sort(thresholds);
        yield (double) thresholds[features / 2];
      }
      case BatchTopK batch when batch.threshold().isPresent() -> batch.threshold().getAsDouble();
      default -> null;
    };
  }
}
