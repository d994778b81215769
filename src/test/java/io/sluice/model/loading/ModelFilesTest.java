package io.sluice.model.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.sluice.model.tokens.Tokenizer;
import io.sluice.testing.Python;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a model's folder lacks is named. */
class ModelFilesTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          model-00001-of-00002.safetensors model-00002-of-00002.safetensors | has 2 of 2 shards, and lacks model.safetensors.index.json; fetch
          model-00002-of-00002.safetensors                                  | has 1 of 2 shards, and lacks model.safetensors.index.json, model-00001-of-00002.safetensors; fetch
          part-00007-of-00009.safetensors config.json                       | lacks part.safetensors.index.json, part-00001-of-00009.safetensors, part-00002-of-00009.safetensors, part-00003-of-00009.safetensors and 5 more; fetch
          pytorch_model-00002-of-00002.bin                                  | has 1 of 2 shards, and lacks pytorch_model.bin.index.json, pytorch_model-00001-of-00002.bin; fetch
          tf_model.h5 config.json                                           | has its weights in 'tf_model.h5', which Sluice does not read
          optimizer.bin config.json                                         | has its weights in 'optimizer.bin', which Sluice does not read
          config.json                                                       | has no weight file
          a.safetensors b.safetensors                                       | has 2 weight files; name one of them
          model.safetensors                                                 | has no tokenizer beside it
          """)
  void namesWhatAFolderLacks(String files, String message) throws IOException {
    for (String file : files.split(" +")) {
      Files.createFile(folder.resolve(file));
    }
    assertThatThrownBy(() -> ModelFiles.find(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder.toString())
        .hasMessageContaining(message)
        .message()
        .doesNotContain("\n");
  }

  @Test
  void pyTorchsFilesAreTakenWhereThereAreNoOthers() throws IOException {
    Files.createFile(folder.resolve("tokenizer.json"));
    Path index = Files.createFile(folder.resolve("pytorch_model.bin.index.json"));
    Path shard = Files.createFile(folder.resolve("pytorch_model-00001-of-00002.bin"));
    assertThat(ModelFiles.find(folder).weights()).isEqualTo(index);
    assertThat(ModelFiles.find(folder).name()).isEqualTo(folder.getFileName().toString());
    assertThatThrownBy(() -> ModelFiles.find(shard))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is one of 2 shards; give " + index);
    Path whole = Files.createFile(folder.resolve("pytorch_model.bin"));
    assertThat(ModelFiles.find(folder).weights()).isEqualTo(whole);
    Path gguf = Files.createFile(folder.resolve("small.gguf"));
    assertThat(ModelFiles.find(folder).weights()).isEqualTo(gguf);
    Path safetensors = Files.createFile(folder.resolve("model.safetensors"));
    assertThat(ModelFiles.find(folder).weights()).isEqualTo(safetensors);
  }

  @ParameterizedTest
  @ValueSource(strings = {"vocab.json", "vocab.txt", "tokenizer.model"})
  void saysHowToMakeATokenizerOfWhatIsThere(String form) throws IOException {
    Path weights = Files.createFile(folder.resolve("model.safetensors"));
    Files.createFile(folder.resolve(form));
    assertThatThrownBy(() -> ModelFiles.find(folder))
        .isInstanceOf(IOException.class)
        .hasMessage(
            weights
                + ": has no tokenizer beside it; make its tokenizer.json with: python -c \"from"
                + " transformers import AutoTokenizer; AutoTokenizer.from_pretrained('"
                + folder
                + "').backend_tokenizer.save('"
                + folder
                + "/tokenizer.json')\", or name one with --tokenizer");
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void theLineMakesATokenizer() throws Exception {
    Files.createFile(folder.resolve("model.safetensors"));
    Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"gpt2\"}");
    Files.writeString(
        folder.resolve("vocab.json"), "{\"<|endoftext|>\": 0, \"a\": 1, \"b\": 2, \"ab\": 3}");
    Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\na b\n");
    Throwable error = catchThrowable(() -> ModelFiles.find(folder));
    String line = error.getMessage();
    String code = line.substring(line.indexOf('"') + 1, line.lastIndexOf('"'));
    Process python =
        new ProcessBuilder(Python.require().toString(), "-c", code).inheritIO().start();
    assertThat(python.waitFor()).isZero();
    Path made = ModelFiles.find(folder).tokenizer();
    assertThat(made).isEqualTo(folder.resolve("tokenizer.json"));
    try (Tokenizer tokenizer = Tokenizer.open(made)) {
      assertThat(tokenizer.encode("ab")).containsExactly(3);
    }
  }

  @Test
  void noNameOfAFolderBecomesPartOfACommand() throws IOException {
    Path odd = Files.createDirectory(folder.resolve("a'$(x)"));
    Files.createFile(odd.resolve("model.safetensors"));
    Files.createFile(odd.resolve("vocab.txt"));
    assertThatThrownBy(() -> ModelFiles.find(odd))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("from_pretrained('FOLDER').backend_tokenizer");
  }

  @Test
  void aShardIsNotAModel() throws IOException {
    Path shard = Files.createFile(folder.resolve("model-00001-of-00002.safetensors"));
    assertThatThrownBy(() -> ModelFiles.find(shard))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is one of 2 shards; give the model's folder, with model.safe");
    Path index = Files.createFile(folder.resolve("model.safetensors.index.json"));
    assertThatThrownBy(() -> ModelFiles.find(shard))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is one of 2 shards; give " + index);
    Files.createFile(folder.resolve("tokenizer.json"));
    assertThat(ModelFiles.find(folder).weights()).isEqualTo(index);
  }

  @Test
  void oneShardOfOneIsTheModel() throws IOException {
    Path only = Files.createFile(folder.resolve("model-00001-of-00001.safetensors"));
    Files.createFile(folder.resolve("tokenizer.json"));
    assertThat(ModelFiles.find(folder).weights()).isEqualTo(only);
  }
}
