package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.memory.DType;
import io.sluice.testing.Python;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/weights");
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path folder;

  @Test
  void readsEveryElementTypeAsPythonWroteIt() throws IOException {
    Safetensors file = Safetensors.open(GOLDEN.resolve("dtypes.safetensors"));
    JsonNode values = JSON.readTree(GOLDEN.resolve("values.json").toFile());
    assertThat(file.names())
        .containsExactlyInAnyOrder(
            "f32", "f64", "f16", "bf16", "i32", "i64", "u8", "bool", "scalar", "empty", "größe·层");
    for (String name : file.names()) {
      assertThat(Values.of(file, name))
          .as(name)
          .containsExactly(JSON.convertValue(values.get(name), double[].class));
    }
    assertThat(file.shape("f32")).containsExactly(3, 4);
    assertThat(file.shape("scalar")).isEmpty();
    assertThat(file.dtype("bf16")).isEqualTo(DType.BF16);
    assertThat(file.metadata()).containsEntry("format", "pt").containsEntry("note", "größe");
  }

  @Test
  void dataIsReadOnlyAndAligned() throws IOException {
    Safetensors file = Safetensors.open(GOLDEN.resolve("dtypes.safetensors"));
    for (String name : file.names()) {
      MemorySegment data = file.data(name);
      assertThat(data.isReadOnly()).isTrue();
      assertThat(data.address() % file.dtype(name).bytes()).isZero();
    }
  }

  @Test
  void alignsValuesThatTheFileDoesNot() throws IOException {
    // 8 + 57 bytes of header: the values begin at an odd place.
    String header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} ";
    Path path = Hostile.file(folder, header, new byte[] {0, 0, (byte) 0x80, 0x3f, 0, 0, 0, 0x40});
    assertThat((8 + header.length()) % 4).isNotZero();
    assertThat(Values.of(Safetensors.open(path), "x")).containsExactly(1, 2);
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void pythonReadsWhatIsWritten() throws IOException {
    Path path = folder.resolve("written.safetensors");
    Safetensors golden = Safetensors.open(GOLDEN.resolve("dtypes.safetensors"));
    List<TensorData> tensors =
        golden.names().stream()
            .map(name -> new TensorData(golden.info(name), golden.data(name)))
            .toList();
    Safetensors.write(path, tensors, Map.of("format", "pt"));
    JsonNode read = JSON.readTree(Python.run("read_safetensors.py", path));
    assertThat(read.get("metadata").get("format").asText()).isEqualTo("pt");
    for (String name : golden.names()) {
      JsonNode tensor = read.get("tensors").get(name);
      assertThat(tensor.get("dtype").asText()).isEqualTo(golden.dtype(name).label());
      assertThat(JSON.convertValue(tensor.get("shape"), long[].class))
          .containsExactly(golden.shape(name));
      assertThat(JSON.convertValue(tensor.get("values"), double[].class))
          .containsExactly(Values.of(golden, name));
    }
  }

  @Test
  void writesInPiecesAndAnyOrder() throws IOException {
    Path path = folder.resolve("pieces.safetensors");
    TensorInfo a = new TensorInfo("a", DType.U8, 3);
    TensorInfo b = new TensorInfo("b", DType.F32, 2);
    try (SafetensorsWriter writer = SafetensorsWriter.create(path, List.of(a, b), Map.of())) {
      MemorySegment values = MemorySegment.ofArray(new float[] {1, 2});
      writer.append("b", values.asSlice(0, 4));
      writer.append("a", MemorySegment.ofArray(new byte[] {1, 2, 3}));
      writer.append("b", values.asSlice(4));
      assertThat(path).doesNotExist();
      writer.commit();
    }
    Safetensors file = Safetensors.open(path);
    assertThat(Values.of(file, "a")).containsExactly(1, 2, 3);
    assertThat(Values.of(file, "b")).containsExactly(1, 2);
    assertThat(files()).containsExactly(path);
  }

  @Test
  void unfinishedWriteLeavesTheOldFileAndNothingElse() throws IOException {
    Path path = folder.resolve("kept.safetensors");
    Safetensors.write(path, List.of(TensorData.of("old", new float[] {7}, 1)), Map.of());
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(path, List.of(new TensorInfo("x", DType.F32, 2)), Map.of())) {
      writer.append("x", MemorySegment.ofArray(new float[] {1}));
      assertThatThrownBy(writer::commit)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("lacks 4 bytes");
    }
    assertThat(Values.of(Safetensors.open(path), "old")).containsExactly(7);
    assertThat(files()).containsExactly(path);
  }

  @Test
  void refusesWrongUseWithBothNumbers() throws IOException {
    assertThatThrownBy(() -> TensorData.of("x", new float[3], 2, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("16")
        .hasMessageContaining("12");
    TensorData twice = TensorData.of("x", new float[1], 1);
    Path path = folder.resolve("twice.safetensors");
    assertThatThrownBy(() -> Safetensors.write(path, List.of(twice, twice), Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'x'");
    assertThat(files()).isEmpty();
    Safetensors golden = Safetensors.open(GOLDEN.resolve("dtypes.safetensors"));
    assertThatThrownBy(() -> golden.data("nope"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'nope'");
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
