package io.sluice.model.bert;

import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import io.sluice.weights.TensorSource;
import java.io.IOException;

/**
 * A checkpoint of HuggingFace of BERT's family: {@code config.json} and safetensors.
 *
 * @param config what {@code config.json} says
 * @param prefix what stands before the encoder's names in the file: empty, or for instance {@code
 *     bert.} if the checkpoint is that of a larger model around it
 */
public record BertCheckpoint(BertConfig config, String prefix) implements BertWeights {
  private static final String PROBE = "embeddings.word_embeddings.weight";

  /**
   * Reads the configuration and finds the encoder in the weights.
   *
   * @throws IOException if a setting is missing or out of range, or the weights are of something
   *     else
   */
  public static BertCheckpoint of(BertFamily family, ConfigFile file, TensorSource weights)
      throws IOException {
    String prefix = null;
    for (String candidate : family.prefixes()) {
      if (weights.has(candidate + PROBE)) {
        prefix = candidate;
        break;
      }
    }
    if (prefix == null) {
      throw new IOException(
          weights.path()
              + ": has no tensor '"
              + PROBE
              + "'; these are not weights of a "
              + family.title());
    }
    return new BertCheckpoint(family.config(file), prefix);
  }

  @Override
  public Tensor parameter(WeightLoader loader, String name, long... shape) throws IOException {
    String full = prefix + name;
    if (!loader.contains(full)) {
      // Checkpoints converted from TensorFlow keep its names of the normalisation's parameters.
      String old =
          full.replace("LayerNorm.weight", "LayerNorm.gamma")
              .replace("LayerNorm.bias", "LayerNorm.beta");
      full = loader.contains(old) ? old : full;
    }
    return loader.load(full, shape);
  }

  @Override
  public Tensor projection(WeightLoader loader, String module, long out, long in)
      throws IOException {
    return loader.load(prefix + module + ".weight", out, in);
  }
}
