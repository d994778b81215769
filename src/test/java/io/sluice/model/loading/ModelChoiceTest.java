package io.sluice.model.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelChoiceTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  private static List<String> choose(String... names) throws IOException {
    return new ModelChoice(true).of("maker/model", List.of(names), null);
  }

  @Test
  void takesOneFormatAndTheConfiguration() throws IOException {
    assertThat(
            choose(
                ".gitattributes",
                "README.md",
                "config.json",
                "flax_model.msgpack",
                "generation_config.json",
                "merges.txt",
                "model.safetensors",
                "onnx/model.onnx",
                "pytorch_model.bin",
                "tf_model.h5",
                "tokenizer.json",
                "tokenizer_config.json",
                "vocab.json"))
        .containsExactly(
            "model.safetensors",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json");
  }

  @Test
  void takesAllShards() throws IOException {
    List<String> chosen =
        choose(
            "config.json",
            "consolidated.safetensors",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json",
            "tokenizer.model");
    assertThat(chosen)
        .containsExactly(
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "config.json",
            "tokenizer.json");
    ModelChoice choice = new ModelChoice(true);
    assertThat(choice.suffices(chosen)).isTrue();
    for (String missing : chosen.subList(1, chosen.size())) {
      List<String> rest = chosen.stream().filter(name -> !name.equals(missing)).toList();
      assertThat(choice.suffices(rest)).as(missing).isFalse();
    }
    assertThat(new ModelChoice(false).suffices(chosen.subList(0, 4))).isTrue();
  }

  @Test
  void takesWhatATokenizerIsMadeFrom() throws IOException {
    assertThat(choose("config.json", "merges.txt", "model.safetensors", "vocab.json"))
        .containsExactly("model.safetensors", "config.json", "vocab.json", "merges.txt");
    assertThat(
            new ModelChoice(false)
                .of("a/b", List.of("config.json", "model.safetensors", "tokenizer.json"), null))
        .containsExactly("model.safetensors", "config.json");
  }

  @Test
  void takesTheOnlyFileOfAFormat() throws IOException {
    assertThat(choose("README.md", "x.Q4_1.gguf", "config.json"))
        .containsExactly("x.Q4_1.gguf", "config.json");
    ModelChoice choice = new ModelChoice(true);
    assertThat(choice.suffices(List.of("x.Q4_1.gguf"))).isTrue();
    assertThat(choice.isCertain(List.of("x.Q4_1.gguf"), null)).isFalse();
    assertThat(choice.isCertain(List.of("x.Q4_1.gguf"), "x.Q4_1.gguf")).isTrue();
    assertThat(choice.isCertain(List.of("model.safetensors"), null)).isTrue();
    assertThat(choose("a.gguf", "weights.safetensors", "config.json").getFirst())
        .isEqualTo("weights.safetensors");
    assertThat(choose("model.onnx", "tokenizer.json"))
        .containsExactly("model.onnx", "tokenizer.json");
    assertThatThrownBy(() -> choose("a.gguf", "b.gguf"))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "maker/model: has 2 files with weights; name one of them, for instance maker/model/a.gguf");
  }

  @Test
  void takesPyTorchsFilesWhereThereAreNoOthers() throws IOException {
    ModelChoice choice = new ModelChoice(true);
    List<String> single =
        choose("config.json", "onnx/model.onnx", "optimizer.bin", "pytorch_model.bin", "vocab.txt");
    assertThat(single).containsExactly("pytorch_model.bin", "config.json", "vocab.txt");
    assertThat(choice.suffices(List.of("pytorch_model.bin", "tokenizer.json"))).isFalse();
    assertThat(choice.suffices(List.of("pytorch_model.bin", "config.json", "tokenizer.json")))
        .isTrue();
    assertThat(choice.isCertain(single, null)).isFalse();
    List<String> names =
        List.of(
            "config.json",
            "pytorch_model-00001-of-00002.bin",
            "pytorch_model-00002-of-00002.bin",
            "pytorch_model.bin.index.json",
            "tokenizer.json");
    List<String> sharded = choose(names.toArray(String[]::new));
    assertThat(sharded)
        .containsExactly(
            "pytorch_model.bin.index.json",
            "pytorch_model-00001-of-00002.bin",
            "pytorch_model-00002-of-00002.bin",
            "config.json",
            "tokenizer.json");
    assertThat(choice.of("m", names, "pytorch_model.bin.index.json")).isEqualTo(sharded);
    assertThat(choice.suffices(sharded)).isTrue();
    assertThat(choice.suffices(sharded.stream().filter(name -> !name.contains("00001")).toList()))
        .isFalse();
    assertThat(choose("a.gguf", "pytorch_model.bin", "config.json").getFirst()).isEqualTo("a.gguf");
  }

  @Test
  void takesTheFileThatIsNamed() throws IOException {
    ModelChoice choice = new ModelChoice(true);
    List<String> names = List.of("a.gguf", "b.gguf", "config.json", "x-tokenizer.json", "x.onnx");
    assertThat(choice.of("m", names, "b.gguf")).containsExactly("b.gguf", "config.json");
    assertThat(choice.of("m", names, "x.onnx"))
        .containsExactly("x.onnx", "config.json", "x-tokenizer.json");
    assertThatThrownBy(() -> choice.of("m/config.json", names, "config.json"))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("m/config.json: is not a weight file");
  }

  @Test
  void saysWhatIsThereInstead() {
    refused("has its weights in 'tf_model.h5', which Sluice", "tf_model.h5", "config.json");
    refused(
        "has an adapter and no model; merge", "adapter_config.json", "adapter_model.safetensors");
    refused(
        "has no weight file (.safetensors, .gguf, .onnx, pytorch_model.bin); its folders with weights are a, b, c and 1 more",
        "a/model.safetensors",
        "b/x.gguf",
        "c/model.safetensors",
        "d/model.safetensors");
    refused(
        "has no weight file (.safetensors, .gguf, .onnx, pytorch_model.bin); give a model's repo",
        "README.md");
  }

  private static void refused(String message, String... names) {
    assertThatThrownBy(() -> choose(names))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("maker/model: " + message);
  }

  @Test
  void aSnapshotHasTheNameOfItsRepository(@TempDir Path temp) throws IOException {
    Path snapshot =
        Files.createDirectories(temp.resolve("models--maker--Model-1B/snapshots/" + COMMIT));
    for (String file : List.of("model.safetensors", "config.json", "tokenizer.json")) {
      Files.createFile(snapshot.resolve(file));
    }
    assertThat(ModelFiles.find(snapshot).name()).isEqualTo("Model-1B");
    assertThat(ModelFiles.find(snapshot.resolve("model.safetensors")).name()).isEqualTo("Model-1B");
  }

  @Test
  void aTokenizerIsTheUsualFileOrTheNamedOne() throws IOException {
    TokenizerChoice choice = new TokenizerChoice();
    List<String> names = List.of("tokenizer.json", "x.json");
    assertThat(choice.of("m", names, null)).containsExactly("tokenizer.json");
    assertThat(choice.of("m/x.json", names, "x.json")).containsExactly("x.json");
    assertThatThrownBy(() -> choice.of("m", List.of("x.json"), null))
        .isInstanceOf(IOException.class)
        .hasMessage("m: has no tokenizer.json; name a repository that has one");
  }
}
