package io.sluice.features.gather;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Codes go in by token and come out by feature, from memory or from a file. */
class CodeLogTest {
  private static final int TOKENS = 6000;
  private static final int PER_TOKEN = 9;
  private static final int BATCH = 128;

  @TempDir Path folder;

  private record Code(long row, float value) {}

  @ParameterizedTest
  @CsvSource({"20, 0", "20, 30000", "20, 100000000", "5000, 0", "1, 0", "1025, 0"})
  void comeOutByFeature(int features, long memory) throws IOException {
    Random random = new Random(Seeds.seed() + features);
    List<List<Code>> expected = new ArrayList<>();
    for (int i = 0; i < features; i++) {
      expected.add(new ArrayList<>());
    }
    Path file = folder.resolve("codes.tmp");
    try (CodeLog log = new CodeLog(file, features, memory);
        Codes codes = new Codes()) {
      long row = (1L << 32) - 3L * TOKENS; // Beyond what an int counts.
      for (int token = 0; token < TOKENS; token += BATCH) {
        int count = Math.min(BATCH, TOKENS - token);
        codes.begin(count, count * PER_TOKEN);
        int[] rows = new int[count];
        int entry = 0;
        for (int i = 0; i < count; i++) {
          row += 1 + random.nextInt(2);
          rows[i] = (int) row;
          int own = Math.min(features, random.nextInt(PER_TOKEN + 1));
          for (int feature :
              random
                  .ints(0, Math.max(1, features / 4))
                  .distinct()
                  .limit(Math.min(own, Math.max(1, features / 4)))
                  .toArray()) {
            float value = random.nextFloat() + 0.1f;
            codes.put(entry++, feature, value);
            expected.get(feature).add(new Code(row, value));
          }
          codes.endRow(entry);
        }
        log.add(codes, rows);
      }
      if (features <= 20) {
        assertThat(log.bytesInFile() > 0).isEqualTo(memory < 1 << 20);
      }
      for (int from = 0; from < features; ) {
        int to = log.end(from, 700);
        FeatureCodes read = log.read(from, to);
        for (int feature = from; feature < to; feature++) {
          List<Code> found = new ArrayList<>();
          for (int code = read.start(feature); code < read.end(feature); code++) {
            found.add(new Code(read.row(code), read.value(code)));
            assertThat(read.at(feature, read.row(code))).isEqualTo(code);
          }
          assertThat(found).isEqualTo(expected.get(feature));
          assertThat(log.count(feature)).isEqualTo(found.size());
          assertThat(read.at(feature, 1L << 33)).isEqualTo(read.end(feature));
        }
        from = to;
      }
    }
    assertThat(file).doesNotExist();
  }
}
