package io.sluice.dictionary.lorsa;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.lorsa.LorsaSpec;
import java.util.Objects;

/**
 * What a Lorsa is of.
 *
 * @param model name of the model whose attention it decomposes
 * @param inputHook what it reads, for instance {@code layers.9.attn_in}
 * @param outputHook what it writes, for instance {@code layers.9.attn_out}
 * @param fromPosition the first position of a context that it was trained to write; those before,
 *     attention sinks, it only reads
 * @param spec its form
 */
public record LorsaConfig(
    String model, String inputHook, String outputHook, int fromPosition, LorsaSpec spec) {
  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if the position is negative
   */
  public LorsaConfig {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(inputHook, "input hook");
    Objects.requireNonNull(outputHook, "output hook");
    Objects.requireNonNull(spec, "spec");
    if (fromPosition < 0) {
      throw new IllegalArgumentException("the first position is " + fromPosition);
    }
  }

  /** Puts all of it into {@code json}, under the names of {@code lorsa.json}. */
  public void write(ObjectNode json) {
    json.put("model", model);
    json.put("inputHook", inputHook);
    json.put("outputHook", outputHook);
    json.put("fromPosition", fromPosition);
    json.put("inputWidth", spec.inputWidth());
    json.put("outputWidth", spec.outputWidth());
    json.put("heads", spec.heads());
    json.put("groups", spec.groups());
    json.put("headDim", spec.headDim());
    json.put("scale", spec.scale());
    json.put("cap", spec.cap());
    json.put("window", spec.window());
    json.put("causal", spec.causal());
    json.put("k", spec.k());
    json.put("rankByOutputNorm", spec.rankByOutputNorm());
    for (float frequency : spec.rotaryFrequencies()) {
      json.withArray("rotaryFrequencies").add(frequency);
    }
  }

  /**
   * What {@link #write} wrote.
   *
   * @throws IllegalArgumentException if something is missing or out of range
   */
  public static LorsaConfig read(JsonNode json) {
    JsonNode frequencies = json.path("rotaryFrequencies");
    float[] rotary = new float[frequencies.size()];
    for (int i = 0; i < rotary.length; i++) {
      rotary[i] = (float) frequencies.get(i).asDouble(Double.NaN);
    }
    return new LorsaConfig(
        text(json, "model"),
        text(json, "inputHook"),
        text(json, "outputHook"),
        integer(json, "fromPosition"),
        new LorsaSpec(
            integer(json, "inputWidth"),
            integer(json, "outputWidth"),
            integer(json, "heads"),
            integer(json, "groups"),
            integer(json, "headDim"),
            rotary,
            json.path("scale").asDouble(Double.NaN),
            json.path("cap").asDouble(Double.NaN),
            integer(json, "window"),
            bool(json, "causal"),
            integer(json, "k"),
            bool(json, "rankByOutputNorm")));
  }

  private static String text(JsonNode json, String name) {
    JsonNode value = json.path(name);
    if (!value.isTextual()) {
      throw new IllegalArgumentException("'" + name + "' is missing or not a text");
    }
    return value.textValue();
  }

  private static int integer(JsonNode json, String name) {
    JsonNode value = json.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw new IllegalArgumentException("'" + name + "' is missing or not a 32-bit integer");
    }
    return value.intValue();
  }

  private static boolean bool(JsonNode json, String name) {
    JsonNode value = json.path(name);
    if (!value.isBoolean()) {
      throw new IllegalArgumentException("'" + name + "' is missing or neither true nor false");
    }
    return value.booleanValue();
  }
}
