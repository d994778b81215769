package io.sluice.torch.int8;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IntegerProbeTest {
  private static final String FLAGS = "model name\t: some core\nflags\t\t: fpu sse avx2 %s\n";

  @Test
  void aProcessorWithoutTheUnitsIsNeverAsked() {
    assertThat(IntegerProbe.obstacleIn(FLAGS.formatted("avx512f"))).contains("avx512_vnni");
    assertThat(IntegerProbe.obstacleIn(FLAGS.formatted("avx_vnni"))).contains("avx512_vnni");
    assertThat(IntegerProbe.obstacleIn(FLAGS.formatted("avx512_vnni"))).isNotNull();
    assertThat(IntegerProbe.obstacleIn("Features: asimd")).isNotNull();
    assertThat(
            IntegerProbe.obstacleIn(
                FLAGS.formatted("avx512f avx512dq avx512bw avx512vl avx512_vnni")))
        .isNull();
  }

  @Test
  void anAnswerIsKeptAndNotAskedForAgain(@TempDir Path temp) throws Exception {
    Path file = temp.resolve("new").resolve("answer.txt");
    assertThat(IntegerProbe.obstacle(file, () -> "no")).contains("failed");
    assertThat(Files.readString(file).strip()).isEqualTo("no");
    assertThat(IntegerProbe.obstacle(file, IntegerProbeTest::unasked)).contains("failed");
    Files.writeString(file, "neither");
    assertThat(IntegerProbe.obstacle(file, () -> "yes")).isNull();
    assertThat(IntegerProbe.obstacle(file, IntegerProbeTest::unasked)).isNull();
    try (Stream<Path> files = Files.list(file.getParent())) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void anAnswerThatCannotBeKeptStillCounts(@TempDir Path temp) throws Exception {
    Path noFolder = Files.writeString(temp.resolve("file"), "text");
    Path file = noFolder.resolve("answer.txt");
    assertThat(IntegerProbe.obstacle(file, () -> "yes")).isNull();
    assertThat(IntegerProbe.obstacle(file, () -> "no")).contains("failed");
    assertThat(IntegerProbe.obstacle(null, () -> "yes")).isNull();
    assertThat(noFolder).hasContent("text");
  }

  @Test
  void noAnswerIsAnObstacleAndIsNotKept(@TempDir Path temp) throws Exception {
    Path file = temp.resolve("answer.txt");
    assertThat(IntegerProbe.obstacle(file, () -> "")).contains("did not run");
    assertThat(file).doesNotExist();
  }

  private static String unasked() {
    throw new AssertionError("asked again");
  }

  @Test
  void wrongArgumentsAreRefusedBeforeTheCall() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment small = arena.allocate(64);
      MemorySegment heap = MemorySegment.ofArray(new byte[4096]);
      assertThatThrownBy(() -> IntegerProducts.multiply(small, 0, 1, small, 0, 6, small))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> IntegerProducts.multiply(heap, 0, 1, heap, 0, 4, heap))
          .isInstanceOf(IllegalArgumentException.class);
      Assumptions.assumeTrue(IntegerProducts.areAvailable(), "no int8 units");
      assertThatThrownBy(() -> IntegerProducts.multiply(small, 0, 1, small, 0, 4, small))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> IntegerProducts.multiply(small, 64, 1, small, 0, 4, small))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
