package io.sluice.model.rotary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import java.io.IOException;
import java.util.List;

/**
 * The rotary embedding in {@code config.json}, in all forms that {@code transformers} has used:
 * {@code rope_parameters}; before that {@code rope_scaling} beside {@code rope_theta}, with {@code
 * type} for {@code rope_type}. Missing values have the defaults of {@code transformers}.
 *
 * <p>{@code dynamic} scaling and the second half of {@code longrope} depend on the longest context
 * of a batch, padding included, and on what ran before it. They apply to contexts beyond a length;
 * up to that length the frequencies are fixed, and longer contexts are refused.
 */
public final class RotarySettings {
  private static final String SCALING = "rope_scaling";
  private static final String PARAMETERS = "rope_parameters";
  private static final String ORIGINAL = RotaryKeys.ORIGINAL;
  private static final String FACTOR = RotaryKeys.FACTOR;
  private static final String SHARE = RotaryKeys.SHARE;

  /** The base of frequencies where a file does not say, in most architectures. */
  public static final double BASE = 10000;

  /**
   * Positions that a model with {@code longrope} was first trained with, where a file is silent.
   */
  private static final int LONGROPE_ORIGINAL = 4096;

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
    return read(file, headDim, positions, BASE);
  }

  /**
   * As {@link #read(ConfigFile, int, int)}.
   *
   * @param otherwise the base of frequencies where the file does not say
   */
  public static Rotary read(ConfigFile file, int headDim, int positions, double otherwise)
      throws IOException {
    RotarySettings settings = of(file, RotaryKeys.all());
    double base = settings.own("rope_theta", "rope_theta", otherwise);
    return settings.rotary(base, headDim, settings.original(positions));
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
    RotarySettings settings = of(file, RotaryKeys.partial());
    double theta = settings.own("rope_theta", base, BASE);
    double part = settings.own(SHARE, share, otherwise);
    return settings.rotary(theta, (int) (headDim * part), settings.original(positions));
  }

  /**
   * The rotary embeddings of a model whose layers with a window have one of their own.
   *
   * @param full of layers that see everything before
   * @param sliding of layers with a window
   */
  public record ByLayerType(Rotary full, Rotary sliding) {}

  /**
   * Where older files say what newer ones say inside {@code rope_parameters}, by type of layer.
   *
   * @param full the key of the base of layers that see everything
   * @param otherwise that base where the file does not say
   * @param sliding the key of the base of layers with a window
   * @param scalesBoth whether {@code rope_scaling} is of both types, not of the first only
   */
  public record OlderKeys(String full, double otherwise, String sliding, boolean scalesBoth) {}

  /**
   * As {@link #read}, of a model with {@code full_attention} and {@code sliding_attention} inside
   * {@code rope_parameters}, or with older keys and {@code rope_scaling}.
   */
  public static ByLayerType readByLayerType(
      ConfigFile file, int headDim, int positions, OlderKeys older) throws IOException {
    JsonNode all = object(file, PARAMETERS);
    for (String key : (Iterable<String>) all::fieldNames) {
      RotaryKeys.layerTypes().check(file.file(), PARAMETERS + ".", List.of(key), all::path);
    }
    JsonNode scaling = object(file, SCALING);
    RotarySettings full =
        of(file, PARAMETERS, within(file, all, "full_attention"), RotaryKeys.ofLayerType())
            .with(SCALING, scaling, RotaryKeys.ofLayerType());
    RotarySettings sliding =
        of(file, PARAMETERS, within(file, all, "sliding_attention"), RotaryKeys.ofLayerType());
    if (older.scalesBoth) {
      sliding = sliding.with(SCALING, scaling, RotaryKeys.ofLayerType());
    }
    double global = full.own("rope_theta", older.full, older.otherwise);
    double local = sliding.own("rope_theta", older.sliding, BASE);
    return new ByLayerType(
        full.rotary(global, headDim, full.originalHere(positions)),
        sliding.rotary(local, headDim, sliding.originalHere(positions)));
  }

  private static JsonNode within(ConfigFile file, JsonNode all, String name) throws IOException {
    JsonNode value = all.path(name);
    if (!value.isObject() && !value.isNull() && !value.isMissingNode()) {
      throw file.damaged(PARAMETERS + "." + name + " is " + value);
    }
    return value;
  }

  /**
   * A rotary embedding with LongRoPE's factors for short contexts.
   *
   * @param rotary the embedding
   * @param positions up to where it has them: the most tokens in one context
   */
  public record Short(Rotary rotary, int positions) {}

  /** As {@link #readPartial}, of a model whose only scaling is LongRoPE. */
  public static Short readLongRope(ConfigFile file, int headDim, int positions) throws IOException {
    RotarySettings settings = of(file, RotaryKeys.longRope());
    double base = settings.own("rope_theta", "rope_theta", BASE);
    int dims = (int) (headDim * settings.own(SHARE, SHARE, 1));
    String type = settings.type();
    int original = file.integer(ORIGINAL, LONGROPE_ORIGINAL);
    Rotary plain = Rotary.of(base, dims);
    return switch (type) {
      case "default" -> new Short(plain, positions);
      // What older files call it.
      case "longrope", "su", "yarn" -> {
        double factor = settings.orElse("factor", (double) positions / original);
        double scale = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        settings.numbers("long_factor", dims / 2);
        Rotary divided = plain.dividedBy(settings.numbers("short_factor", dims / 2));
        yield new Short(
            divided.scaled(settings.isGiven(FACTOR) ? settings.number(FACTOR) : scale),
            Math.min(positions, original));
      }
      default -> throw file.unsupported("rope scaling", type, "default, longrope");
    };
  }

  private static RotarySettings of(ConfigFile file, KeyTable keys) throws IOException {
    JsonNode scaling = object(file, SCALING);
    JsonNode parameters = object(file, PARAMETERS);
    if (!scaling.isEmpty() && !parameters.isEmpty() && !scaling.equals(parameters)) {
      throw file.damaged(SCALING + " and " + PARAMETERS + " disagree");
    }
    return scaling.isEmpty()
        ? of(file, PARAMETERS, parameters, keys)
        : of(file, SCALING, scaling, keys);
  }

  private static RotarySettings of(ConfigFile file, String name, JsonNode given, KeyTable keys)
      throws IOException {
    for (String key : (Iterable<String>) given::fieldNames) {
      keys.check(file.file(), name + ".", List.of(key), given::path);
    }
    return new RotarySettings(file, given);
  }

  /** These settings, and more that have the last word. */
  private RotarySettings with(String name, JsonNode more, KeyTable keys) throws IOException {
    if (more.isEmpty()) {
      return this;
    }
    of(file, name, more, keys);
    ObjectNode joined = JsonNodeFactory.instance.objectNode();
    given.properties().forEach(field -> joined.set(field.getKey(), field.getValue()));
    more.properties().forEach(field -> joined.set(field.getKey(), field.getValue()));
    return new RotarySettings(file, joined);
  }

  private static JsonNode object(ConfigFile file, String name) throws IOException {
    JsonNode value = file.value(name);
    if (!value.isObject() && !value.isNull() && !value.isMissingNode()) {
      throw file.damaged(name + " is " + value);
    }
    return value;
  }

  private Rotary rotary(double base, int dims, int original) throws IOException {
    Rotary plain = Rotary.of(base, dims);
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
      case "yarn" -> plain.yarn(base, yarn(original));
      default ->
          throw file.unsupported("rope scaling", type, "default, dynamic, linear, llama3, yarn");
    };
  }

  private Rotary.Yarn yarn(int original) throws IOException {
    double factor = number("factor");
    JsonNode truncate = given.path("truncate");
    if (!truncate.isBoolean() && !truncate.isMissingNode()) {
      throw file.damaged("truncate of the rope scaling is " + truncate);
    }
    double top = orElse("mscale", 0);
    double bottom = orElse("mscale_all_dim", 0);
    boolean both = top != 0 && bottom != 0;
    double usual = both ? yarnScale(factor, top) / yarnScale(factor, bottom) : yarnScale(factor, 1);
    return new Rotary.Yarn(
        factor,
        orElse("beta_fast", 32),
        orElse("beta_slow", 1),
        original,
        truncate.asBoolean(true),
        isGiven(FACTOR) ? number(FACTOR) : usual);
  }

  private static double yarnScale(double factor, double weight) {
    return factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
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
    return originalHere(positions);
  }

  private int originalHere(int positions) throws IOException {
    return given.has(ORIGINAL) ? (int) number(ORIGINAL) : positions;
  }

  private boolean isGiven(String key) {
    return given.hasNonNull(key);
  }

  /** A number; 0 and null mean what is missing, as Python's {@code or} does. */
  private double orElse(String key, double otherwise) throws IOException {
    double value = isGiven(key) ? number(key) : 0;
    return value == 0 ? otherwise : value;
  }

  /** So many numbers. */
  private float[] numbers(String key, int count) throws IOException {
    JsonNode values = given.path(key);
    if (!values.isArray() || values.size() != count) {
      throw file.damaged(
          key
              + " of the rope scaling is "
              + (values.isArray()
                  ? "a list of " + values.size() + " numbers, not of " + count
                  : given.has(key) ? values : "missing"));
    }
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      if (!values.get(i).isNumber()) {
        throw file.damaged(key + " of the rope scaling has " + values.get(i));
      }
      numbers[i] = values.get(i).floatValue();
    }
    return numbers;
  }

  private double number(String key) throws IOException {
    if (!given.path(key).isNumber()) {
      throw file.damaged(
          key + " of the rope scaling is " + (given.has(key) ? given.path(key) : "missing"));
    }
    return given.path(key).doubleValue();
  }
}
