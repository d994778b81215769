package io.sluice.model;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.loading.LoadedModel;
import io.sluice.model.loading.ModelFiles;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Small random checkpoints of each architecture, saved by transformers. */
public enum TinyModel {
  GPT2("tiny-gpt2", "gpt2", 6),
  NEOX("tiny-neox", "gpt_neox", 6),
  NEOX_SEQUENTIAL("tiny-neox-sequential", "gpt_neox", 6),
  LLAMA("tiny-llama", "llama", 8),
  MISTRAL("tiny-mistral", "mistral", 6),
  QWEN2("tiny-qwen2", "qwen2", 6),
  QWEN3("tiny-qwen3", "qwen3", 10),
  MIXTRAL("tiny-mixtral", "mixtral", 6),
  QWEN2_MOE("tiny-qwen2-moe", "qwen2_moe", 6),
  QWEN3_MOE("tiny-qwen3-moe", "qwen3_moe", 10),
  GEMMA("tiny-gemma", "gemma", 8),
  GEMMA2("tiny-gemma2", "gemma2", 8),
  GEMMA3("tiny-gemma3", "gemma3_text", 8),
  PHI3("tiny-phi3", "phi3", 6),
  OLMO2("tiny-olmo2", "olmo2", 6),
  STARCODER2("tiny-starcoder2", "starcoder2", 6);

  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  private final String folder;
  private final ModelShape shape;

  TinyModel(String folder, String architecture, int headDim) {
    this.folder = folder;
    this.shape = new ModelShape(architecture, 3, 24, 4, headDim, 28, 48, 64);
  }

  public Path folder() {
    return Demo.GOLDEN.resolve("causal").resolve(folder);
  }

  public ModelShape shape() {
    return shape;
  }

  public GoldenBatch golden() throws IOException {
    return new GoldenBatch(
        Safetensors.open(Demo.GOLDEN.resolve("causal").resolve(folder + ".safetensors")));
  }

  /** The hook points inside a layer, and losses with one of them replaced. */
  public GoldenBatch points() throws IOException {
    return new GoldenBatch(
        Safetensors.open(Demo.GOLDEN.resolve("causal").resolve(folder + "-points.safetensors")));
  }

  /** Queries, keys and values, one pattern, and losses with one of them replaced. */
  public GoldenBatch heads() throws IOException {
    return new GoldenBatch(
        Safetensors.open(Demo.GOLDEN.resolve("causal").resolve(folder + "-heads.safetensors")));
  }

  public LoadedModel open() throws IOException {
    return open(ComputeType.FLOAT32);
  }

  public LoadedModel open(ComputeType compute) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    return LoadedModel.open(ModelFiles.find(folder()), DEVICE, compute);
  }

  /** The same as a checkpoint of the model without its head, whose names lack the prefix. */
  public LoadedModel withoutHead(Safetensors full) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    List<TensorData> tensors = new ArrayList<>();
    for (String name : full.names()) {
      if (name.startsWith("model.")) {
        tensors.add(
            TensorData.of(
                name.substring("model.".length()),
                full.dtype(name),
                full.data(name),
                full.shape(name)));
      }
    }
    Path base = Files.createTempDirectory("sluice-headless");
    try {
      Safetensors.write(base.resolve("model.safetensors"), tensors, Map.of());
      for (String file : List.of("config.json", "tokenizer.json")) {
        Files.copy(folder().resolve(file), base.resolve(file));
      }
      return LoadedModel.open(base, DEVICE);
    } finally {
      for (String file : List.of("config.json", "tokenizer.json", "model.safetensors")) {
        Files.delete(base.resolve(file));
      }
      Files.delete(base);
    }
  }
}
