package io.sluice.dictionary.matching;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.spec.DictionaryParameters;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DecoderCosinesTest {
  private static final int WIDTH = 16;

  private static DictionaryParameters drawn(int features, long seed) {
    Random random = new Random(seed);
    DictionaryParameters rows =
        DictionaryParameters.allocate(Arena.ofAuto(), WIDTH, WIDTH, features);
    for (long i = 0; i < (long) features * WIDTH; i++) {
      rows.decoder().setAtIndex(DictionaryParameters.FLOAT, i, (float) random.nextGaussian());
    }
    return rows;
  }

  @Test
  void inTilesTheCandidatesAreTheSame() {
    DictionaryParameters rows = drawn(90, 1);
    DictionaryParameters others = drawn(137, 2);
    Matches whole = DecoderCosines.of(rows, others, 7, done -> {});
    List<Long> reported = new ArrayList<>();
    // Nine tiles of 16 rows, the last of 9.
    Matches tiled = DecoderCosines.of(rows, others, 7, 16L * WIDTH * Float.BYTES, reported::add);
    assertThat(tiled.counts()).isEqualTo(whole.counts());
    for (int row = 0; row < 90; row++) {
      assertThat(listed(tiled, row)).isEqualTo(listed(whole, row));
      assertThat(tiled.best(row)).isEqualTo(whole.best(row));
    }
    assertThat(reported).hasSize(9).isSorted().endsWith(90L);
  }

  @Test
  void aTileSmallerThanTheNumberOfCandidatesLosesNone() {
    DictionaryParameters rows = drawn(20, 3);
    DictionaryParameters others = drawn(30, 4);
    Matches whole = DecoderCosines.of(rows, others, 12, done -> {});
    Matches tiled = DecoderCosines.of(rows, others, 12, 1, done -> {});
    for (int row = 0; row < 20; row++) {
      assertThat(listed(tiled, row)).isEqualTo(listed(whole, row));
    }
  }

  /** Candidates and cosines, whatever their order. */
  private static List<String> listed(Matches matches, int row) {
    int start = row * matches.most();
    String[] each = new String[matches.counts()[row]];
    Arrays.setAll(each, i -> matches.candidates()[start + i] + " " + matches.scores()[start + i]);
    Arrays.sort(each);
    return List.of(each);
  }
}
