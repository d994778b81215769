package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShardedTensorsTest {
  @TempDir Path folder;

  @BeforeEach
  void writeShards() throws IOException {
    Safetensors.write(
        folder.resolve("1.safetensors"),
        List.of(TensorData.of("a", new float[] {1, 2}, 2)),
        Map.of());
    Safetensors.write(
        folder.resolve("2.safetensors"), List.of(TensorData.of("b", new float[] {3}, 1)), Map.of());
  }

  @Test
  void findsEachTensorInItsShard() throws IOException {
    TensorSource source =
        TensorSource.open(
            index(
                "{'metadata':{'total_size':12},'weight_map':{'b':'2.safetensors','a':'1.safetensors'}}"));
    assertThat(source.names()).containsExactly("b", "a");
    assertThat(Values.of(source, "a")).containsExactly(1, 2);
    assertThat(Values.of(source, "b")).containsExactly(3);
    assertThatThrownBy(() -> source.info("c")).isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          {'weight_map':{'a':'3.safetensors'}}              | which is missing
          {'weight_map':{'b':'1.safetensors'}}              | which lacks it
          {'weight_map':{'a':'../1.safetensors'}}           | must lie beside
          {'weight_map':{'a':'/etc/passwd'}}                | must lie beside
          {'weight_map':{'a':'..'}}                         | must lie beside
          {'weight_map':{'a':1}}                            | no file name
          {'weight_map':{'a':'1.safetensors','a':'1.safetensors'}} | occurs twice
          {'weight_map':{}}                                 | no weight_map
          {'weight_map':[]}                                 | no weight_map
          {'weight_map':{'a':'1.safetensors'                | not valid JSON
          []                                                | not a JSON object
          """)
  void rejectsIndex(String json, String message) throws IOException {
    Path index = index(json);
    assertThatThrownBy(() -> ShardedTensors.open(index))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(index.toString())
        .hasMessageContaining(message);
  }

  private Path index(String json) throws IOException {
    return Files.writeString(
        folder.resolve("model.safetensors.index.json"), json.replace('\'', '"'));
  }
}
