package io.sluice.model.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.GoldenBatch;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.testing.Python;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.PyTorchWriter;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model whose weights are PyTorch's files computes what it computes from safetensors. */
class PyTorchCheckpointTest {
  private static final TinyModel TINY = TinyModel.QWEN2;

  @TempDir Path folder;

  @BeforeEach
  void requireTorch() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  @Test
  void isReadFromOneFile() throws IOException {
    copySettings();
    PyTorchWriter.write(folder.resolve("pytorch_model.bin"), tensors());
    assertComputesTheSame(folder);
    assertThat(ModelFiles.find(folder).name()).isEqualTo(folder.getFileName().toString());
  }

  @Test
  void isReadFromShards() throws IOException {
    copySettings();
    List<TensorData> all = tensors();
    int half = all.size() / 2;
    String index =
        write("pytorch_model-00001-of-00002.bin", all.subList(0, half))
            + ","
            + write("pytorch_model-00002-of-00002.bin", all.subList(half, all.size()));
    Path file = folder.resolve("pytorch_model.bin.index.json");
    Files.writeString(file, "{\"metadata\": {}, \"weight_map\": {" + index + "}}");
    assertComputesTheSame(folder);
    Files.delete(folder.resolve("pytorch_model-00002-of-00002.bin"));
    assertThatThrownBy(() -> LoadedModel.open(folder, Device.CPU))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("refers to shard 'pytorch_model-00002-of-00002.bin', which is");
  }

  @Test
  void refusesAFileThatIsAPickleAndNoZipFile() throws IOException {
    copySettings();
    Files.writeString(folder.resolve("pytorch_model.bin"), "cos\nsystem\n(S'true'\ntR.");
    assertThatThrownBy(() -> LoadedModel.open(folder, Device.CPU))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("pytorch_model.bin")
        .hasMessageContaining("is not a zip file, as PyTorch writes since version 1.6");
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void isReadAsPyTorchItselfSavesIt() throws IOException {
    Path out = folder.resolve("out");
    Python.run("pytorch_checkpoint.py", TINY.folder(), out);
    assertComputesTheSame(out.resolve("single"));
    assertComputesTheSame(out.resolve("sharded"));
  }

  private void copySettings() throws IOException {
    for (String file : List.of("config.json", "tokenizer.json")) {
      Files.copy(TINY.folder().resolve(file), folder.resolve(file));
    }
  }

  private static List<TensorData> tensors() throws IOException {
    Safetensors file = Safetensors.open(TINY.folder().resolve("model.safetensors"));
    List<TensorData> tensors = new ArrayList<>();
    for (String name : file.names()) {
      tensors.add(TensorData.of(name, file.dtype(name), file.data(name), file.shape(name)));
    }
    return tensors;
  }

  /** Writes a shard, and returns its part of the index. */
  private String write(String file, List<TensorData> tensors) throws IOException {
    PyTorchWriter.write(folder.resolve(file), tensors);
    Stream<String> entries =
        tensors.stream().map(each -> "\"" + each.info().name() + "\": \"" + file + "\"");
    return entries.collect(Collectors.joining(","));
  }

  private static void assertComputesTheSame(Path model) throws IOException {
    GoldenBatch golden = TINY.golden();
    try (LoadedModel loaded = LoadedModel.open(model, Device.CPU)) {
      double loss =
          loaded.languageModel().loss(TokenBatch.of(golden.contexts()), Hooks.none()).mean();
      assertThat(loss).isCloseTo(golden.metadata("loss"), within(1e-5));
    }
  }
}
