package io.sluice.model.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
          pytorch_model.bin config.json                                     | has its weights in 'pytorch_model.bin', which Sluice does not read
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
