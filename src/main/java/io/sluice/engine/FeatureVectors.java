package io.sluice.engine;

import io.sluice.engine.activation.Learned;
import io.sluice.engine.arithmetic.EngineState;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The {@link Learned} parameters with one number per feature, and their moments, in host memory.
 * They are small beside the rows, so for every engine this class does their optimiser step.
 */
final class FeatureVectors {
  private final int features;
  private final boolean trained;
  private final Map<String, float[]> state = new LinkedHashMap<>();
  private final Map<String, double[]> gradients = new LinkedHashMap<>();

  FeatureVectors(EngineSpec spec) {
    features = spec.features();
    trained = spec.optimiser() != Optimiser.NONE;
    for (String name : spec.learned().names()) {
      state.put(name, new float[features]);
      gradients.put(name, new double[trained ? features : 0]);
      if (trained) {
        state.put(name + EngineState.FIRST_MOMENT, new float[features]);
        state.put(name + EngineState.SECOND_MOMENT, new float[features]);
      }
    }
  }

  List<StateTensor> tensors() {
    List<StateTensor> tensors = new ArrayList<>();
    for (String name : state.keySet()) {
      tensors.add(new StateTensor(name, DType.F32, List.of((long) features)));
    }
    return tensors;
  }

  boolean has(String name) {
    return state.containsKey(name);
  }

  float[] values(String name) {
    return state.get(name);
  }

  double[] gradient(String name) {
    return gradients.get(name);
  }

  void clearGradients() {
    for (double[] gradient : gradients.values()) {
      Arrays.fill(gradient, 0);
    }
  }

  /** One step of either Adam; a number whose gradient is 0 rests in SparseAdam. */
  void step(AdamStep adam, Optimiser optimiser) {
    for (Map.Entry<String, double[]> entry : gradients.entrySet()) {
      float[] value = state.get(entry.getKey());
      float[] first = state.get(entry.getKey() + EngineState.FIRST_MOMENT);
      float[] second = state.get(entry.getKey() + EngineState.SECOND_MOMENT);
      double[] gradient = entry.getValue();
      for (int feature = 0; feature < features; feature++) {
        double g = gradient[feature];
        double m = adam.beta1() * first[feature] + (1 - adam.beta1()) * g;
        double v = adam.beta2() * second[feature] + (1 - adam.beta2()) * g * g;
        first[feature] = (float) m;
        second[feature] = (float) v;
        if (optimiser == Optimiser.ADAM || g != 0) {
          double root = Math.sqrt(v / adam.secondCorrection()) + adam.epsilon();
          value[feature] -= (float) (adam.learningRate() * m / adam.firstCorrection() / root);
        }
      }
    }
  }

  MemorySegment read(String name, Arena arena) {
    float[] values = state.get(name);
    MemorySegment copy = arena.allocate((long) features * Float.BYTES, 64);
    MemorySegment.copy(values, 0, copy, DictionaryParameters.FLOAT, 0, features);
    return copy;
  }

  void write(String name, int first, MemorySegment data) {
    int count = Math.toIntExact(data.byteSize() / Float.BYTES);
    MemorySegment.copy(data, DictionaryParameters.FLOAT, 0, state.get(name), first, count);
  }
}
