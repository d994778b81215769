package io.sluice.lorsa;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import io.sluice.lorsa.engine.LorsaSpec;
import java.io.IOException;
import java.util.Objects;

/**
 * The configuration of a Lorsa: everything except its weights.
 *
 * @param model name of the model whose attention it decomposes
 * @param inputHook what it reads, for instance {@code layers.9.attn_in}
 * @param outputHook what it writes, for instance {@code layers.9.attn_out}
 * @param fromPosition the first position of a context that it was trained to reconstruct; earlier
 *     positions, attention sinks, are only read
 * @param spec its sizes and settings
 */
public record LorsaConfig(
    String model, String inputHook, String outputHook, int fromPosition, LorsaSpec spec) {
  private static final String FREQUENCIES = "rotaryFrequencies";
  private static final int MOST = Integer.MAX_VALUE;

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
    json.put("rankByOutputNorm", spec.scoreByOutputNorm());
    for (float frequency : spec.rotaryFrequencies()) {
      json.withArray(FREQUENCIES).add(frequency);
    }
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IOException if a field is missing, of another type or out of range; the message names
   *     the file and the field
   */
  public static LorsaConfig read(Fields json) throws IOException {
    double[] frequencies =
        json.has(FREQUENCIES)
            ? json.reals(FREQUENCIES, -Float.MAX_VALUE, Float.MAX_VALUE)
            : new double[0];
    float[] rotary = new float[frequencies.length];
    for (int i = 0; i < rotary.length; i++) {
      rotary[i] = (float) frequencies[i];
    }
    return json.build(
        () ->
            new LorsaConfig(
                json.text("model"),
                json.text("inputHook"),
                json.text("outputHook"),
                json.integer("fromPosition", 0, MOST),
                new LorsaSpec(
                    json.integer("inputWidth", 1, MOST),
                    json.integer("outputWidth", 1, MOST),
                    json.integer("heads", 1, MOST),
                    json.integer("groups", 1, MOST),
                    json.integer("headDim", 1, MOST),
                    rotary,
                    json.real("scale", -Double.MAX_VALUE, Double.MAX_VALUE),
                    json.real("cap", -Double.MAX_VALUE, Double.MAX_VALUE),
                    json.integer("window", 0, MOST),
                    json.flag("causal"),
                    json.integer("k", 1, MOST),
                    json.flag("rankByOutputNorm"))));
  }
}
