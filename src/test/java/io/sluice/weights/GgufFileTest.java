package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.testing.Python;
import io.sluice.testing.SmolLm;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufFileTest {
  static final Path GOLDEN = Path.of("src/test/resources/golden/gguf/types.gguf");

  @TempDir Path folder;

  @Test
  void givesTheBitsOfLlamaCppsOwnPackage() throws IOException {
    GgufFile file = GgufFile.open(GOLDEN);
    Safetensors expected = Safetensors.open(GOLDEN.resolveSibling("types.safetensors"));
    assertThat(file.names()).containsExactlyInAnyOrderElementsOf(expected.names());
    for (String name : file.names()) {
      assertThat(file.shape(name)).as(name).containsExactly(expected.shape(name));
      assertThat(file.type(name)).isEqualTo(GgufType.valueOf(name));
      double[] values = Values.of(file, name);
      assertThat(values).as(name).containsExactly(Values.of(expected, name));
    }
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void givesTheBitsOfLlamaCppsOwnPackageForARealModel() throws Exception {
    Path model = SmolLm.require();
    GgufFile file = GgufFile.open(model);
    assertThat(file.metadata().text("general.architecture")).isEqualTo("llama");
    assertThat(file.metadata().texts("tokenizer.ggml.tokens")).hasSize(49_152);
    List<String> sums = Python.run("gguf_sums.py", model).lines().toList();
    assertThat(sums).hasSize(file.names().size());
    for (String line : sums) {
      String name = line.substring(0, line.indexOf(' '));
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(file.data(name).asByteBuffer());
      assertThat(line).endsWith(" " + HexFormat.of().formatHex(digest.digest()));
    }
  }

  @Test
  void readsVersion2() throws IOException {
    byte[] bytes = Files.readAllBytes(GOLDEN);
    bytes[4] = 2;
    GgufFile file = GgufFile.open(Files.write(folder.resolve("v2.gguf"), bytes));
    assertThat(file.names()).hasSize(11);
  }

  @Test
  void readsMetadataOfEveryType() throws IOException {
    GgufMetadata metadata = GgufFile.open(GOLDEN).metadata();
    assertThat(metadata.text("general.architecture")).isEqualTo("none");
    assertThat(metadata.integer("a.uint8")).isEqualTo(200);
    assertThat(metadata.integer("a.int8")).isEqualTo(-100);
    assertThat(metadata.integer("a.uint16")).isEqualTo(60_000);
    assertThat(metadata.integer("a.int16")).isEqualTo(-30_000);
    assertThat(metadata.integer("a.uint32")).isEqualTo(4_000_000_000L);
    assertThat(metadata.integer("a.int32")).isEqualTo(-2_000_000_000);
    assertThat(metadata.integer("a.int64")).isEqualTo(-(1L << 40));
    assertThat(metadata.real("a.float32")).isEqualTo(0.1f);
    assertThat(metadata.real("a.float64")).isEqualTo(0.1);
    assertThat(metadata.real("a.int8")).isEqualTo(-100);
    assertThat(metadata.flag("a.bool", false)).isTrue();
    assertThat(metadata.text("a.string")).isEqualTo("größe·层\n");
    assertThat(metadata.texts("a.strings")).containsExactly("a", "", "größe");
    assertThat(metadata.integers("a.numbers")).containsExactly(3, -1, 2);
    assertThat(metadata.integer("none", 7)).isEqualTo(7);
    assertThat(metadata.text("none", "x")).isEqualTo("x");
    assertThat(metadata.flag("none", true)).isTrue();
    assertThat(metadata.real("none", 0.5)).isEqualTo(0.5);
  }

  @Test
  void namesMetadataThatIsMissingOrOfAnotherType() throws IOException {
    GgufMetadata metadata = GgufFile.open(GOLDEN).metadata();
    assertThatThrownBy(() -> metadata.text("none"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("types.gguf: has no metadata 'none'");
    assertThatThrownBy(() -> metadata.text("a.int8"))
        .hasMessageContaining("'a.int8' is not a string");
    assertThatThrownBy(() -> metadata.integer("a.strings")).hasMessageContaining("is a list");
    assertThatThrownBy(() -> metadata.integer("a.float32"))
        .hasMessageContaining("not a whole number");
    assertThatThrownBy(() -> metadata.integer("a.uint64"))
        .hasMessageContaining("9223372036854775813");
    assertThatThrownBy(() -> metadata.texts("a.numbers"))
        .hasMessageContaining("not a list of strings");
    assertThatThrownBy(() -> metadata.texts("a.string")).hasMessageContaining("not a list");
    assertThatThrownBy(() -> metadata.integers("a.floats"))
        .hasMessageContaining("not a whole number");
    assertThatThrownBy(() -> metadata.flag("a.int8", true)).hasMessageContaining("not a boolean");
  }

  @Test
  void quantisedTensorsAreDequantisedIntoMemoryOfTheCallersChoice() throws IOException {
    TensorSource source = TensorSource.open(GOLDEN);
    assertThat(source.dtype("Q4_K")).isEqualTo(DType.F32);
    assertThat(source.dtype("BF16")).isEqualTo(DType.BF16);
    GgufFile file = (GgufFile) source;
    MemorySegment out = MemorySegment.ofArray(new float[3 * 512]);
    file.dequantise("Q4_K", out);
    assertThat(out.mismatch(file.data("Q4_K"))).isEqualTo(-1);
    assertThat(file.data("Q4_K").isReadOnly()).isTrue();
    assertThat(file.data("F32").get(ValueLayout.JAVA_FLOAT, 0)).isNotZero();
    assertThatThrownBy(() -> file.dequantise("Q4_K", out.asSlice(4)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("6144")
        .hasMessageContaining("6140");
    assertThatThrownBy(() -> file.dequantise("F32", out)).hasMessageContaining("not quantised");
    assertThatThrownBy(() -> file.type("none"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no tensor 'none'");
  }
}
