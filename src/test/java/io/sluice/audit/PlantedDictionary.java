package io.sluice.audit;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Dictionaries that reconstruct the activations of one place and hardly any others: each feature is
 * a token {@code c} that was seen there, less the mean. Its value {@code ⟨x − μ, c⟩ − ‖c‖² / 2} is
 * the largest of all for the token that is nearest to {@code x}, and half its squared length for
 * that token itself.
 */
public final class PlantedDictionary {
  private PlantedDictionary() {}

  /**
   * The activations of tokens in contexts, all but the first of each.
   *
   * @param before the tokens before the text of each context
   */
  public static List<double[]> activations(
      LoadedModel model, String text, int context, int[] before, HookPoint point)
      throws IOException {
    int[] ids = model.tokenizer().encode(text);
    List<double[]> rows = new ArrayList<>();
    for (int from = 0; from < ids.length; from += context) {
      int[] tokens = Arrays.copyOf(before, before.length + Math.min(context, ids.length - from));
      System.arraycopy(ids, from, tokens, before.length, tokens.length - before.length);
      try (TensorScope scope = TensorScope.open()) {
        model
            .transformer()
            .observe(
                TokenBatch.of(List.of(tokens)),
                Hooks.none()
                    .observe(
                        List.of(point),
                        (at, x) -> {
                          float[] values = x.to(DType.F32).toFloats();
                          int width = values.length / tokens.length;
                          for (int i = before.length + 1; i < tokens.length; i++) {
                            double[] row = new double[width];
                            for (int j = 0; j < width; j++) {
                              row[j] = values[i * width + j];
                            }
                            rows.add(row);
                          }
                        }));
      }
    }
    return rows;
  }

  /** Each row scaled to length √d. */
  static List<double[]> unit(List<double[]> rows) {
    return scaled(rows, true);
  }

  /** All rows scaled so that their mean length is √d. */
  static List<double[]> constant(List<double[]> rows) {
    return scaled(rows, false);
  }

  private static List<double[]> scaled(List<double[]> rows, boolean each) {
    double mean = rows.stream().mapToDouble(PlantedDictionary::norm).average().getAsDouble();
    return rows.stream()
        .map(
            row ->
                Arrays.stream(row)
                    .map(x -> x * Math.sqrt(row.length) / (each ? norm(row) : mean))
                    .toArray())
        .toList();
  }

  /**
   * The dictionary of these rows.
   *
   * @param hook what its configuration says that it reads
   * @param subtracts whether its configuration says that it subtracts its decoder bias
   */
  public static Dictionary of(
      List<double[]> rows,
      String hook,
      Boolean prependBos,
      Optional<TokenNorm> norm,
      boolean subtracts) {
    int width = rows.getFirst().length;
    double[] mean = new double[width];
    for (double[] row : rows) {
      for (int i = 0; i < width; i++) {
        mean[i] += row[i] / rows.size();
      }
    }
    List<double[]> centred = new ArrayList<>();
    for (double[] row : rows) {
      double[] shifted = row.clone();
      for (int i = 0; i < width; i++) {
        shifted[i] -= mean[i];
      }
      if (centred.stream().noneMatch(each -> isSame(each, shifted))) {
        centred.add(shifted);
      }
    }
    int features = centred.size();
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), width, width, features);
    for (int feature = 0; feature < features; feature++) {
      double[] row = centred.get(feature);
      double half = norm(row) * norm(row) / 2;
      p.encoderBias().setAtIndex(DictionaryParameters.FLOAT, feature, (float) -half);
      for (int i = 0; i < width; i++) {
        long at = (long) feature * width + i;
        p.encoder().setAtIndex(DictionaryParameters.FLOAT, at, (float) row[i]);
        p.decoder().setAtIndex(DictionaryParameters.FLOAT, at, (float) (row[i] / half));
      }
    }
    for (int i = 0; i < width; i++) {
      p.decoderBias().setAtIndex(DictionaryParameters.FLOAT, i, (float) mean[i]);
    }
    DictionaryConfig config =
        new DictionaryConfig(
                "tiny", hook, hook, width, width, features, new TopK(1), subtracts, false)
            .withPrependBos(Optional.ofNullable(prependBos))
            .withTokenNorm(norm);
    return new Dictionary(config, p);
  }

  /**
   * The same as a transcoder, which writes for each token of {@code inputs} the row of {@code
   * outputs}.
   */
  static Dictionary transcoder(
      List<double[]> inputs, List<double[]> outputs, String reads, String writes) {
    int width = inputs.getFirst().length;
    int written = outputs.getFirst().length;
    int features = inputs.size();
    DictionaryParameters p =
        DictionaryParameters.allocate(Arena.ofAuto(), width, written, features);
    for (int feature = 0; feature < features; feature++) {
      double[] row = inputs.get(feature);
      double half = norm(row) * norm(row) / 2;
      p.encoderBias().setAtIndex(DictionaryParameters.FLOAT, feature, (float) -half);
      for (int i = 0; i < width; i++) {
        long at = (long) feature * width + i;
        p.encoder().setAtIndex(DictionaryParameters.FLOAT, at, (float) row[i]);
      }
      for (int i = 0; i < written; i++) {
        long at = (long) feature * written + i;
        float value = (float) (outputs.get(feature)[i] / half);
        p.decoder().setAtIndex(DictionaryParameters.FLOAT, at, value);
      }
    }
    DictionaryConfig config =
        new DictionaryConfig(
            "tiny", reads, writes, width, written, features, new TopK(1), false, false);
    return new Dictionary(config, p);
  }

  private static boolean isSame(double[] one, double[] other) {
    double[] difference = one.clone();
    for (int i = 0; i < one.length; i++) {
      difference[i] -= other[i];
    }
    return norm(difference) <= 1e-3 * norm(one);
  }

  private static double norm(double[] row) {
    return Math.sqrt(Arrays.stream(row).map(x -> x * x).sum());
  }
}
