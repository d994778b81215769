package io.sluice.model.causal;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Settings of HuggingFace's {@code config.json} that several architectures read alike. A setting
 * that is missing has the default of {@code transformers}; one that changes the computation in a
 * way that is not implemented is refused.
 *
 * @param file the file
 */
public record CausalConfigFile(ConfigFile file) {
  /** Of a width of heads that has no default of its own: it follows from other sizes. */
  public static final int FOLLOWS = 0;

  /**
   * Reads a configuration file.
   *
   * @throws IOException if a setting is missing, out of range or not supported
   */
  public static CausalConfig read(ConfigFile file, Architecture architecture) throws IOException {
    try {
      return architecture.config(file);
    } catch (IllegalArgumentException e) {
      throw file.damaged(e.getMessage());
    }
  }

  /** A table with the keys that mean the same in all causal language models. */
  public static KeyTable keys(String label) {
    return new KeyTable(label)
        .honoured("tie_word_embeddings", "eos_token_id")
        .unlessTrue("is_causal")
        .noEffect("is_decoder");
  }

  /**
   * The width of a head: {@code head_dim}, or computed from other sizes.
   *
   * @param otherwise what a file means that lacks it; {@link #FOLLOWS} for the quotient
   */
  public int headDim(int width, int heads, int otherwise) throws IOException {
    boolean follows = file.isNull("head_dim") || otherwise == FOLLOWS;
    return file.isGiven("head_dim") || !follows
        ? file.integer("head_dim", otherwise)
        : divided(width, heads);
  }

  /**
   * The width of a head where heads divide the model's width.
   *
   * @throws IllegalArgumentException if they do not
   */
  public static int divided(int width, int heads) {
    if (heads < 1 || width % heads != 0) {
      throw new IllegalArgumentException(
          heads + " attention heads do not divide a width of " + width);
    }
    return width / heads;
  }

  /** {@code sliding_window}, which must be a number. */
  public int window() throws IOException {
    int window = file.integer("sliding_window", 4096);
    CausalConfig.requirePositive("sliding_window", window);
    return window;
  }

  /** {@code sliding_window}; 0 for null. */
  public int windowOrNone() throws IOException {
    return file.isNull("sliding_window") ? 0 : window();
  }

  /** {@code sliding_window}; 0 for null, and where it is missing. */
  public int windowIfGiven() throws IOException {
    return file.isGiven("sliding_window") ? window() : 0;
  }

  /**
   * The attention window of each layer, from {@code layer_types}.
   *
   * @param window of those layers that slide; 0 for none
   * @param otherwise which layers slide where the file does not say
   */
  public List<Integer> windows(int layers, int window, IntPredicate otherwise) throws IOException {
    CausalConfig.requireLayers(layers);
    JsonNode types = file.value("layer_types");
    boolean given = !types.isMissingNode() && !types.isNull();
    if (given && types.size() != layers) {
      throw file.damaged("layer_types has " + types.size() + " entries for " + layers + " layers");
    }
    List<Integer> windows = new ArrayList<>(layers);
    for (int layer = 0; layer < layers; layer++) {
      boolean slides =
          given
              ? switch (types.path(layer).asText()) {
                case "sliding_attention" -> true;
                case "full_attention" -> false;
                case String other ->
                    throw file.unsupported(
                        "layer type", other, "sliding_attention, full_attention");
              }
              : otherwise.test(layer);
      if (slides && window == 0) {
        throw file.damaged("layer " + layer + " has a sliding window, but sliding_window is null");
      }
      windows.add(slides ? window : 0);
    }
    return windows;
  }

  /** {@code c} in {@code c·tanh(x / c)}; 0 for null. */
  public double cap(String name, double otherwise) throws IOException {
    if (file.isNull(name)) {
      return 0;
    }
    double cap = file.real(name, otherwise);
    if (cap == 0) {
      throw file.damaged(name + " is 0, but must not be");
    }
    return cap;
  }
}
