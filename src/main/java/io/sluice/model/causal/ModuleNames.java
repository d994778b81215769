package io.sluice.model.causal;

/**
 * HuggingFace's names of modules outside the layers; {@code .weight} comes behind each.
 *
 * @param prefix what stands before all names but the head's, for instance {@code model.}
 * @param layers what stands before the number of a layer, for instance {@code model.layers.}
 * @param tokens the token embedding
 * @param positions the embedding of positions; null where positions are not learned
 * @param finalNorm the norm before the head, which every checkpoint has
 * @param head the head; checkpoints may lack it
 */
public record ModuleNames(
    String prefix, String layers, String tokens, String positions, String finalNorm, String head) {
  /** The name of a module's weight. */
  static String weight(String module) {
    return module + ".weight";
  }
}
