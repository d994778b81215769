package io.sluice.model.causal;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import java.io.IOException;
import java.util.List;

/**
 * The rotary embedding in {@code config.json}, in all forms that {@code transformers} has used:
 * {@code rope_parameters}; before that {@code rope_scaling} beside {@code rope_theta}, with {@code
 * type} for {@code rope_type}. Missing values have the defaults of {@code transformers}.
 */
public final class RotarySettings {
  private static final String SCALING = "rope_scaling";
  private static final String PARAMETERS = "rope_parameters";
  private static final String ORIGINAL = "original_max_position_embeddings";

  /** The base of frequencies where a file does not say. */
  private static final double BASE = 10000;

  private final ConfigFile file;
  private final JsonNode given;

  private RotarySettings(ConfigFile file, JsonNode given) {
    this.file = file;
    this.given = given;
  }

  /**
   * Reads the settings of a model that rotates all dimensions of a head.
   *
   * @param headDim width of a head
   * @param positions the most tokens in one context
   * @throws IOException if one is unknown, missing, out of range or not supported
   */
  public static Rotary read(ConfigFile file, int headDim, int positions) throws IOException {
    RotarySettings settings = of(file, keys());
    double base = settings.own("rope_theta", "rope_theta", BASE);
    return settings.rotary(Rotary.of(base, headDim), positions);
  }

  /**
   * As {@link #read}, of a model that may rotate a part of each head.
   *
   * @param base the key beside {@code rope_parameters} that is an older name of {@code rope_theta}
   * @param share likewise, of {@code partial_rotary_factor}
   * @param otherwise the share of a head that is rotated where the file does not say
   */
  public static Rotary readPartial(
      ConfigFile file, int headDim, int positions, String base, String share, double otherwise)
      throws IOException {
    RotarySettings settings = of(file, partialKeys());
    double theta = settings.own("rope_theta", base, BASE);
    double part = settings.own("partial_rotary_factor", share, otherwise);
    return settings.rotary(Rotary.of(theta, (int) (headDim * part)), positions);
  }

  /** The keys inside {@code rope_parameters} and {@code rope_scaling}. */
  public static KeyTable keys() {
    return scalingKeys().unlessNumber(1, true, "partial_rotary_factor");
  }

  /** The same for models that may rotate a part of each head. */
  public static KeyTable partialKeys() {
    return scalingKeys().honoured("partial_rotary_factor");
  }

  private static KeyTable scalingKeys() {
    return new KeyTable("rotary positions")
        .honoured("rope_type", "type", "rope_theta", "factor", "low_freq_factor")
        .honoured("high_freq_factor", "original_max_position_embeddings")
        .unlessNone("mrope_section")
        // Of yarn and longrope, which are refused; linear, dynamic and llama3 do not read them.
        .noEffect("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim")
        .noEffect("truncate", "short_factor", "long_factor", "finetuned");
  }

  private static RotarySettings of(ConfigFile file, KeyTable keys) throws IOException {
    JsonNode scaling = object(file, SCALING);
    JsonNode parameters = object(file, PARAMETERS);
    if (!scaling.isEmpty() && !parameters.isEmpty() && !scaling.equals(parameters)) {
      throw file.damaged(SCALING + " and " + PARAMETERS + " disagree");
    }
    String name = scaling.isEmpty() ? PARAMETERS : SCALING;
    JsonNode given = scaling.isEmpty() ? parameters : scaling;
    for (String key : (Iterable<String>) given::fieldNames) {
      keys.check(file.file(), name + ".", List.of(key), given::path);
    }
    return new RotarySettings(file, given);
  }

  private static JsonNode object(ConfigFile file, String name) throws IOException {
    JsonNode value = file.value(name);
    if (!value.isObject() && !value.isNull() && !value.isMissingNode()) {
      throw file.damaged(name + " is " + value);
    }
    return value;
  }

  private Rotary rotary(Rotary plain, int positions) throws IOException {
    int original = original(positions);
    String type = type();
    return switch (type) {
      case "default" -> plain;
      case "linear" -> plain.linear(number("factor"));
      case "dynamic" -> {
        // It applies to contexts longer than the model's positions, which are refused.
        number("factor");
        yield plain;
      }
      case "llama3" ->
          plain.llama3(
              number("factor"), number("low_freq_factor"), number("high_freq_factor"), original);
      default -> throw file.unsupported("rope scaling", type, "default, dynamic, linear, llama3");
    };
  }

  private String type() throws IOException {
    for (String key : new String[] {"rope_type", "type"}) {
      JsonNode type = given.path(key);
      if (!type.isMissingNode()) {
        if (!type.isTextual()) {
          throw file.damaged(key + " of the rope scaling is " + type);
        }
        return type.textValue();
      }
    }
    return "default";
  }

  /** What is said here, or else outside under another name. */
  private double own(String here, String outside, double otherwise) throws IOException {
    double value = file.isNull(outside) ? otherwise : file.real(outside, otherwise);
    return given.has(here) ? number(here) : value;
  }

  /** The positions that a model was first trained with; the key outside has the last word. */
  private int original(int positions) throws IOException {
    if (file.isGiven(ORIGINAL)) {
      return file.integer(ORIGINAL, positions);
    }
    return given.has(ORIGINAL) ? (int) number(ORIGINAL) : positions;
  }

  private double number(String key) throws IOException {
    if (!given.path(key).isNumber()) {
      throw file.damaged(
          key + " of the rope scaling is " + (given.has(key) ? given.path(key) : "missing"));
    }
    return given.path(key).doubleValue();
  }
}
