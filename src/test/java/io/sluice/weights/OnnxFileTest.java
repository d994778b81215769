package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.memory.DType;
import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxFileTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/weights");
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 3000);

  @TempDir Path folder;

  @Test
  void readsInitialisersConstantsAndNodes() throws IOException {
    OnnxFile file = OnnxFile.open(GOLDEN.resolve("tiny.onnx"));
    ObjectMapper json = new ObjectMapper();
    JsonNode values = json.readTree(GOLDEN.resolve("values.json").toFile());
    assertThat(file.names()).containsExactly("raw", "listed", "listed16", "ids", "eps");
    for (String name : new String[] {"raw", "listed", "eps"}) {
      assertThat(Values.of(file, name))
          .containsExactly(json.convertValue(values.get(name), double[].class));
    }
    assertThat(Values.of(file, "listed16")).containsExactly(1, -0.5);
    assertThat(Values.of(file, "ids")).containsExactly(7, -9);
    assertThat(file.dtype("listed16")).isEqualTo(DType.F16);
    assertThat(file.shape("raw")).containsExactly(2, 3);
    OnnxNode product = file.nodes().getFirst();
    assertThat(product.operator()).isEqualTo("MatMul");
    assertThat(product.name()).isEqualTo("/dense/MatMul");
    assertThat(product.inputs()).containsExactly("x", "raw");
  }

  @Test
  void rejectsTruncationAtEveryLength() throws IOException {
    byte[] bytes = Files.readAllBytes(GOLDEN.resolve("tiny.onnx"));
    Path path = folder.resolve("truncated.onnx");
    for (int length = 0; length < bytes.length; length++) {
      Files.write(path, Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> OnnxFile.open(path))
          .as("length %d", length)
          .isInstanceOf(IOException.class)
          .message()
          .contains(path.toString())
          .doesNotContain("\n");
    }
  }

  @Tag("slow")
  @Test
  void mutatedFilesAreRejectedOrReadWithinBounds() throws IOException {
    byte[] bytes = Files.readAllBytes(GOLDEN.resolve("tiny.onnx"));
    Random random = new Random(Seeds.seed());
    Path path = folder.resolve("mutated.onnx");
    for (int i = 0; i < MUTATIONS; i++) {
      Files.write(path, Mutations.mutate(bytes, random));
      try {
        Values.touch(OnnxFile.open(path));
      } catch (IOException e) {
        assertThat(e.getMessage()).contains(path.toString()).doesNotContain("\n");
      }
    }
  }

  @Test
  void readsExternalDataBesideTheModelOnly() throws IOException {
    Path inside = Files.createDirectory(folder.resolve("model"));
    byte[] values =
        ByteBuffer.allocate(12)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putFloat(9)
            .putFloat(1)
            .putFloat(2)
            .array();
    Files.write(inside.resolve("weights.bin"), values);
    Files.write(folder.resolve("secret.bin"), values);
    Files.createSymbolicLink(inside.resolve("link.bin"), folder.resolve("secret.bin"));
    Map<String, String> good = Map.of("location", "weights.bin", "offset", "4", "length", "8");
    assertThat(Values.of(OnnxFile.open(external(inside, good)), "w")).containsExactly(1, 2);
    for (String outside : new String[] {"../secret.bin", "link.bin", "/etc/hostname", "", "."}) {
      Path path = external(inside, Map.of("location", outside, "offset", "4"));
      assertThatThrownBy(() -> OnnxFile.open(path))
          .as(outside)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("own folder");
    }
    for (String offset : new String[] {"-4", "8", "13", "x", "9223372036854775807"}) {
      Path path = external(inside, Map.of("location", "weights.bin", "offset", offset));
      assertThatThrownBy(() -> OnnxFile.open(path)).as(offset).isInstanceOf(IOException.class);
    }
    Path missing = external(inside, Map.of("location", "none.bin"));
    assertThatThrownBy(() -> OnnxFile.open(missing)).hasMessageContaining("is missing");
  }

  /** As HuggingFace's cache keeps models: files under their hashes, and a folder of links. */
  @Test
  void readsDataThatLiesBesideWhatALinkToTheModelLeadsTo(@TempDir Path folder) throws IOException {
    Path hashes = Files.createDirectory(folder.resolve("blobs"));
    Path links = Files.createDirectories(folder.resolve("snapshots/1234/onnx"));
    byte[] values =
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putFloat(1).putFloat(2).array();
    Files.write(hashes.resolve("c0ffee"), values);
    Files.move(external(folder, Map.of("location", "model.onnx_data")), hashes.resolve("deadbeef"));
    Path up = Path.of("../../../blobs");
    Path model = Files.createSymbolicLink(links.resolve("model.onnx"), up.resolve("deadbeef"));
    Path data = Files.createSymbolicLink(links.resolve("model.onnx_data"), up.resolve("c0ffee"));
    assertThat(Values.of(OnnxFile.open(model), "w")).containsExactly(1, 2);

    Files.write(folder.resolve("secret.bin"), values);
    Files.delete(data);
    Files.createSymbolicLink(data, folder.resolve("secret.bin"));
    assertThatThrownBy(() -> OnnxFile.open(model)).hasMessageContaining("own folder");
  }

  private static Path external(Path folder, Map<String, String> where) throws IOException {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName("w")
            .setDataType(TensorProto.DataType.FLOAT_VALUE)
            .addDims(2)
            .setDataLocation(TensorProto.DataLocation.EXTERNAL);
    where.forEach(
        (key, value) ->
            tensor.addExternalData(
                StringStringEntryProto.newBuilder().setKey(key).setValue(value)));
    ModelProto model =
        ModelProto.newBuilder()
            .setGraph(GraphProto.newBuilder().addInitializer(tensor))
            .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
            .build();
    return Files.write(folder.resolve("model.onnx"), model.toByteArray());
  }
}
