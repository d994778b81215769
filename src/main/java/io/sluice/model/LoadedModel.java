package io.sluice.model;

import io.sluice.torch.Device;
import io.sluice.weights.OnnxFile;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A transformer with its tokenizer.
 *
 * @param name what the model is called
 * @param transformer the model; closed with this
 * @param tokenizer its tokenizer; closed with this
 */
public record LoadedModel(String name, Transformer transformer, Tokenizer tokenizer)
    implements AutoCloseable {
  private static final String ARCHITECTURES = "bert";

  /**
   * Opens a model.
   *
   * @param path a weight file or a folder, see {@link ModelFiles#find}
   * @param device where it is to run
   * @throws IOException if a file is missing or damaged, or the architecture is not supported
   * @throws io.sluice.torch.TorchException if there is no LibTorch, or no such device
   */
  public static LoadedModel open(Path path, Device device) throws IOException {
    return open(ModelFiles.find(path), device);
  }

  /**
   * Opens a model from known files.
   *
   * @throws IOException as {@link #open(Path, Device)}
   */
  public static LoadedModel open(ModelFiles files, Device device) throws IOException {
    TensorSource source = TensorSource.open(files.weights());
    BertWeights weights = weights(files, source);
    Tokenizer tokenizer = Tokenizer.open(files.tokenizer());
    try {
      return new LoadedModel(files.name(), new BertEncoder(weights, source, device), tokenizer);
    } catch (IOException | RuntimeException | Error e) {
      tokenizer.close();
      throw e;
    }
  }

  private static BertWeights weights(ModelFiles files, TensorSource source) throws IOException {
    if (source instanceof OnnxFile onnx) {
      return new BertOnnx(onnx);
    }
    if (files.config() == null) {
      throw new IOException(
          files.weights() + ": has no config.json beside it; put the model's own there");
    }
    ConfigFile config = ConfigFile.read(files.config());
    String type = config.text("model_type", "");
    if (!type.equals("bert")) {
      throw config.unsupported("architecture", type, ARCHITECTURES);
    }
    return BertCheckpoint.of(config, source);
  }

  /** Frees the weights and the tokenizer. */
  @Override
  public void close() {
    transformer.close();
    tokenizer.close();
  }
}
