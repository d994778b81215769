package io.sluice.model.bert;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.Demo;
import io.sluice.model.GoldenBatch;
import io.sluice.model.ModelShape;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Path;

/** Small random encoders beside BERT, saved by transformers ({@code encoder_golden.py}). */
public enum TinyEncoder {
  ROBERTA("tiny-roberta", new ModelShape("roberta", 2, 24, 3, 8, 40, 22, 16)),
  MODERNBERT("tiny-modernbert", new ModelShape("modernbert", 4, 24, 3, 8, 20, 22, 16));

  private final String folder;
  private final ModelShape shape;

  TinyEncoder(String folder, ModelShape shape) {
    this.folder = folder;
    this.shape = shape;
  }

  public Path folder() {
    return Demo.GOLDEN.resolve(folder);
  }

  ModelShape shape() {
    return shape;
  }

  GoldenBatch golden() throws IOException {
    return new GoldenBatch(Safetensors.open(Demo.GOLDEN.resolve(folder + ".safetensors")));
  }

  /** The hook points inside a layer, and results with one of them replaced. */
  GoldenBatch points() throws IOException {
    return new GoldenBatch(Safetensors.open(Demo.GOLDEN.resolve(folder + "-points.safetensors")));
  }

  /** Queries, keys and values, the pattern of a layer, and results with one of them replaced. */
  GoldenBatch heads() throws IOException {
    return new GoldenBatch(Safetensors.open(Demo.GOLDEN.resolve(folder + "-heads.safetensors")));
  }

  public LoadedModel open() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    return LoadedModel.open(
        folder(), Device.parse(System.getProperty("sluice.test.device", "cpu")));
  }
}
