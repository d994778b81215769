package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsHostileTest {
  private static final Path GOLDEN =
      Path.of("src/test/resources/golden/weights/dtypes.safetensors");
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 3000);

  @TempDir Path folder;

  @Tag("slow")
  @Test
  void rejectsTruncationAtEveryLength() throws IOException {
    byte[] bytes = Files.readAllBytes(GOLDEN);
    Path path = folder.resolve("truncated.safetensors");
    for (int length = 0; length < bytes.length; length++) {
      Files.write(path, Arrays.copyOf(bytes, length));
      assertOneLine(path, "length " + length);
    }
  }

  @Tag("slow")
  @Test
  void mutatedFilesAreRejectedOrReadWithinBounds() throws IOException {
    byte[] bytes = Files.readAllBytes(GOLDEN);
    int header = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] front = Arrays.copyOf(bytes, 8 + header);
    Random random = new Random(Seeds.seed());
    Path path = folder.resolve("mutated.safetensors");
    int opened = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] mutated = Mutations.mutate(front, random);
      byte[] file = Arrays.copyOf(mutated, mutated.length + bytes.length - front.length);
      System.arraycopy(bytes, front.length, file, mutated.length, bytes.length - front.length);
      Files.write(path, file);
      try {
        Values.touch(Safetensors.open(path));
        opened++;
      } catch (IOException e) {
        assertThat(e.getMessage()).contains(path.toString()).doesNotContain("\n");
      }
    }
    assertThat(opened).isLessThan(MUTATIONS);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          overlap          | {"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}} | begins at byte 2
          hole             | {"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}} | begins at byte 4
          leftover         | {"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}} | describes 4 bytes of values, the file has 8
          beyond the end   | {"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}} | is at bytes 0 to 9 of 8
          backwards        | {"a":{"dtype":"U8","shape":[4],"data_offsets":[8,4]}} | is at bytes 8 to 4 of 8
          negative offset  | {"a":{"dtype":"U8","shape":[8],"data_offsets":[-8,0]}} | negative number
          wrong size       | {"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}} | has 8 bytes, but float32 [3] takes 12
          overflow         | {"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}} | more bytes than fit
          long overflow    | {"a":{"dtype":"F32","shape":[18446744073709551618],"data_offsets":[0,8]}} | not valid JSON
          fraction         | {"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}} | not a list of whole numbers
          unknown dtype    | {"a":{"dtype":"F7","shape":[8],"data_offsets":[0,8]}} | element type 'F7'
          three offsets    | {"a":{"dtype":"U8","shape":[8],"data_offsets":[0,4,8]}} | more than 2 numbers
          one offset       | {"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}} | lacks
          no shape         | {"a":{"dtype":"U8","data_offsets":[0,8]}} | lacks
          unknown field    | {"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"x":1}} | unknown field 'x'
          duplicate name   | {"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}} | occurs twice
          duplicate field  | {"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}} | occurs twice
          metadata number  | {"__metadata__":{"x":1},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}} | VALUE_STRING is expected
          deep nesting     | {"a":{"shape":[[[[[[[[1]]]]]]]]}} | is
          trailing junk    | {"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}} x | not valid JSON
          second object    | {"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}{} | after the header's closing brace
          not an object    | [1] | does not begin with
          line break       | {"a\\nb":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}} | 'a\\u000ab'
          """)
  void rejectsHeader(String what, String header, String message) throws IOException {
    Path path = Hostile.file(folder, header, new byte[8]);
    assertThatThrownBy(() -> Safetensors.open(path))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContaining(message);
    assertOneLine(path, what);
  }

  @Test
  void rejectsHeaderThatIsNotUtf8() throws IOException {
    String header = "{\"aX\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}";
    Path path = Hostile.file(folder, header, new byte[8]);
    byte[] bytes = Files.readAllBytes(path);
    bytes[8 + 3] = (byte) 0xff;
    Files.write(path, bytes);
    assertThatThrownBy(() -> Safetensors.open(path)).hasMessageContaining("not UTF-8");
  }

  @Test
  void rejectsHugeHeaderLengthWithoutAllocating() throws IOException {
    Path path = folder.resolve("huge.safetensors");
    for (long length : new long[] {Long.MAX_VALUE, -1, 100_000_001, 99_999_999, 0, 1}) {
      ByteBuffer bytes = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
      Files.write(path, bytes.putLong(length).put((byte) '{').array());
      assertOneLine(path, "length " + length);
    }
  }

  @Test
  void namesMissingFilesAndFolders() {
    assertThatThrownBy(() -> Safetensors.open(folder.resolve("none.safetensors")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no such file");
    assertThatThrownBy(() -> Safetensors.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is a folder");
  }

  private static void assertOneLine(Path path, String what) {
    assertThatThrownBy(() -> Safetensors.open(path))
        .as(what)
        .isInstanceOf(IOException.class)
        .message()
        .contains(path.toString())
        .doesNotContain("\n");
  }
}
