package io.sluice.lorsa.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.spec.AdamStep;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/** A run that PyTorch autograd made; see {@code src/test/python/lorsa_golden.py}. */
record LorsaGolden(Safetensors file, JsonNode settings) {
  static LorsaGolden load(String name) throws IOException {
    Safetensors file =
        Safetensors.open(Path.of("src/test/resources/golden/lorsa-" + name + ".safetensors"));
    return new LorsaGolden(file, new ObjectMapper().readTree(file.metadata().get("settings")));
  }

  LorsaSpec spec() {
    return new LorsaSpec(
        integer("inputWidth"),
        integer("outputWidth"),
        integer("heads"),
        integer("groups"),
        integer("headDim"),
        floats("rotary"),
        real("scale"),
        real("cap"),
        integer("window"),
        settings.get("causal").asBoolean(),
        integer("k"),
        settings.get("rankByOutputNorm").asBoolean());
  }

  LorsaWeights weights(String when) {
    Map<LorsaTensor, MemorySegment> memory = new EnumMap<>(LorsaTensor.class);
    for (LorsaTensor tensor : LorsaTensor.values()) {
      memory.put(tensor, file.data(when + "." + tensor.label()));
    }
    return new LorsaWeights(spec(), memory);
  }

  /** The batch of a step, counted from 1. */
  LorsaBatch batch(int step, Device device) {
    int[] lengths =
        Arrays.stream(file.data("lengths").toArray(ValueLayout.JAVA_LONG))
            .mapToInt(Math::toIntExact)
            .toArray();
    return new LorsaBatch(
        of("inputs", step, device), of("targets", step, device), lengths, integer("from"));
  }

  private Tensor of(String name, int step, Device device) {
    long[] shape = file.shape(name);
    int each = (int) (shape[1] * shape[2] * shape[3]);
    float[] values = Arrays.copyOfRange(floats(name), (step - 1) * each, step * each);
    return Tensor.ofFloats(values, shape[1], shape[2], shape[3]).to(device);
  }

  AdamStep adam(int step) {
    return new AdamStep(step, real("learningRate"), real("beta1"), real("beta2"), real("epsilon"));
  }

  int steps() {
    return integer("steps");
  }

  double loss(int step) {
    return file.data("losses").getAtIndex(ValueLayout.JAVA_DOUBLE, step - 1);
  }

  float[] floats(String name) {
    return file.data(name).toArray(ValueLayout.JAVA_FLOAT);
  }

  private int integer(String name) {
    return settings.get(name).asInt();
  }

  private double real(String name) {
    return settings.get(name).asDouble();
  }
}
