package io.sluice.model.parts;

import io.sluice.torch.Tensor;
import java.io.IOException;

/** Normalisation over the last dimension. */
public sealed interface Norm {
  Tensor apply(Tensor x);

  /** Mean 0 and variance 1, times a weight, plus a bias. */
  record Layer(Tensor weight, Tensor bias, double epsilon) implements Norm {
    public static Layer of(WeightLoader loader, String module, long width, double epsilon)
        throws IOException {
      return new Layer(
          loader.load(module + ".weight", width), loader.load(module + ".bias", width), epsilon);
    }

    @Override
    public Tensor apply(Tensor x) {
      return x.layerNorm(weight, bias, epsilon);
    }
  }

  /** Mean square 1, times a weight. */
  record Rms(Tensor weight, double epsilon) implements Norm {
    public static Rms of(WeightLoader loader, String module, long width, double epsilon)
        throws IOException {
      return new Rms(loader.load(module + ".weight", width), epsilon);
    }

    @Override
    public Tensor apply(Tensor x) {
      return x.rmsNorm(weight, epsilon);
    }
  }
}
