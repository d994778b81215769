package io.sluice.features.export;

import io.sluice.files.Quoted;

/**
 * What other tools call the model, the dictionary and its text.
 *
 * @param model the model, for instance {@code gpt2-small}; also the name of a folder
 * @param set the set of dictionaries that this one belongs to, without its layer, for instance
 *     {@code sluice-att-16k}; also the name of a folder
 * @param layer the layer that the dictionary reads
 * @param hook the kind of hook point, for instance {@code attn_out}
 * @param dataset the text on which features were gathered
 * @param prompts contexts of that text
 * @param tokensInPrompt tokens of one context
 * @param creator who made the dictionary
 */
public record ExportNames(
    String model,
    String set,
    int layer,
    String hook,
    String dataset,
    long prompts,
    int tokensInPrompt,
    String creator) {

  /**
   * Checks the names that become folders.
   *
   * @throws IllegalArgumentException if one holds other characters than letters, digits, dots,
   *     underscores and hyphens
   */
  public ExportNames {
    requireName("model", model);
    requireName("set", set);
  }

  private static void requireName(String what, String name) {
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")) {
      throw new IllegalArgumentException(
          "%s cannot be the name of the %s: letters, digits, dots, underscores and hyphens can"
              .formatted(Quoted.of(name), what));
    }
  }

  /** The identifier of the dictionary on Neuronpedia: layer and set. */
  public String source() {
    return layer + "-" + set;
  }
}
