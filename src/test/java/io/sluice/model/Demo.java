package io.sluice.model;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The models that tests run, on the device that the property {@code sluice.test.device} names. */
public final class Demo {
  public static final Path GOLDEN = resource("/golden/model");
  public static final Path MINILM = Path.of("target/models/all-minilm-l6-v2");
  public static final Path TINY = GOLDEN.resolve("tiny-bert");
  static final Path TINY_ONNX = GOLDEN.resolve("tiny-bert-onnx");

  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  private Demo() {}

  /** The trained model of the demo, from ONNX. */
  public static LoadedModel miniLm() throws IOException {
    assumeTrue(Files.isDirectory(MINILM), MINILM + " is missing: the build unpacks it");
    return open(MINILM);
  }

  /** A small random checkpoint. */
  public static LoadedModel tiny() throws IOException {
    return open(TINY);
  }

  /** The small random checkpoint as another exporter's ONNX. */
  public static LoadedModel tinyOnnx() throws IOException {
    return open(TINY_ONNX);
  }

  private static LoadedModel open(Path folder) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    return LoadedModel.open(folder, DEVICE);
  }

  private static Path resource(String name) {
    try {
      return Path.of(Demo.class.getResource(name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
