package io.sluice.model.causal;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.ConfigKeys;
import java.io.IOException;
import java.util.List;

/**
 * The rotary embedding that {@code config.json} asks for, in the spelling of any year: {@code
 * rope_parameters}; before that {@code rope_scaling} beside {@code rope_theta}, with {@code type}
 * for {@code rope_type}; and GPT-NeoX's {@code rotary_emb_base} and {@code rotary_pct}. What is
 * missing has the default of {@code transformers}.
 */
final class RotarySettings {
  private static final String SCALING = "rope_scaling";
  private static final String PARAMETERS = "rope_parameters";
  private static final String ORIGINAL = "original_max_position_embeddings";

  private final ConfigFile file;
  private final String name;
  private final JsonNode given;

  private RotarySettings(ConfigFile file, String name, JsonNode given) {
    this.file = file;
    this.name = name;
    this.given = given;
  }

  /**
   * Reads the settings.
   *
   * @param headDim width of a head
   * @param positions the most tokens in one context
   * @throws IOException if one is unknown, missing, out of range or not supported
   */
  static Rotary read(ConfigFile file, Architecture architecture, int headDim, int positions)
      throws IOException {
    JsonNode scaling = object(file, SCALING);
    JsonNode parameters = object(file, PARAMETERS);
    if (!scaling.isEmpty() && !parameters.isEmpty() && !scaling.equals(parameters)) {
      throw file.damaged(SCALING + " and " + PARAMETERS + " say different things");
    }
    RotarySettings settings =
        scaling.isEmpty()
            ? new RotarySettings(file, PARAMETERS, parameters)
            : new RotarySettings(file, SCALING, scaling);
    return settings.rotary(architecture, headDim, positions);
  }

  private static JsonNode object(ConfigFile file, String name) throws IOException {
    JsonNode value = file.value(name);
    if (!value.isObject() && !value.isNull() && !value.isMissingNode()) {
      throw file.damaged(name + " is " + value);
    }
    return value;
  }

  private Rotary rotary(Architecture architecture, int headDim, int positions) throws IOException {
    for (String key : (Iterable<String>) given::fieldNames) {
      ConfigKeys.rope(architecture).check(file.file(), name + ".", List.of(key), given::path);
    }
    boolean neoX = architecture == Architecture.GPT_NEOX;
    double base = own("rope_theta", neoX ? "rotary_emb_base" : "rope_theta", 10000);
    double share = neoX ? own("partial_rotary_factor", "rotary_pct", 0.25) : 1;
    Rotary plain = Rotary.of(base, (int) (headDim * share));
    int original = original(positions);
    String type = type();
    return switch (type) {
      case "default" -> plain;
      case "linear" -> plain.linear(number("factor"));
      case "dynamic" -> {
        // It begins where a context is longer than the model's positions, and none is.
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
