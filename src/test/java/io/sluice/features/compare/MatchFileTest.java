package io.sluice.features.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.dictionary.matching.Matches;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableWriter;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MatchFileTest {
  private static final MatchFile.Side A = new MatchFile.Side("runs/a", "aa", 30);
  private static final MatchFile.Side B = new MatchFile.Side("runs/b", "bb", 20);

  @TempDir private Path scratch;

  @Test
  void holdsTheLargestCosinesBothWaysAndThePartners() throws IOException {
    float[][] cosines = cosines(new Random(Seeds.seed()));
    Matches fromA = matches(cosines);
    Matches fromB = matches(transposed(cosines));
    Assignment pairs = Assignment.of(fromA);
    Path file = scratch.resolve("matches.arrow");
    MatchFile.write(file, A, B, fromA, fromB, pairs);
    MatchFile read = MatchFile.open(file);
    assertThat(read.side(0)).isEqualTo(A);
    assertThat(read.side(1)).isEqualTo(B);
    for (int feature = 0; feature < 30; feature++) {
      assertThat(read.of(0, feature)).isEqualTo(best(cosines[feature], pairs.partner()[feature]));
    }
    for (int feature = 0; feature < 20; feature++) {
      int of = feature;
      int partner =
          IntStream.range(0, 30).filter(a -> pairs.partner()[a] == of).findFirst().orElse(-1);
      assertThat(read.of(1, feature)).isEqualTo(best(transposed(cosines)[feature], partner));
    }
  }

  @Test
  void refusesOtherFilesAndDamagedOnes() throws IOException {
    Path other = scratch.resolve("other.arrow");
    TableWriter.write(
        other,
        List.of(TableColumn.of("id", TableColumn.Element.INT32)),
        64,
        table -> {
          table.column("id").put(1);
          table.endRow();
        });
    assertThatThrownBy(() -> MatchFile.open(other))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(other.toString())
        .hasMessageEndingWith("run 'sluice compare' again");
    Path file = scratch.resolve("matches.arrow");
    SyntheticMatches.write(file, A, B);
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 9));
    assertThatThrownBy(() -> MatchFile.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("damaged")
        .hasMessageContaining(file.toString());
    assertThatThrownBy(() -> MatchFile.open(scratch.resolve("none.arrow")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no such file");
  }

  /** About half of them above 0, some equal. */
  private static float[][] cosines(Random random) {
    float[][] all = new float[30][20];
    for (float[] row : all) {
      for (int i = 0; i < row.length; i++) {
        row[i] = (random.nextInt(41) - 20) / 20f;
      }
    }
    return all;
  }

  private static float[][] transposed(float[][] matrix) {
    float[][] made = new float[matrix[0].length][matrix.length];
    for (int i = 0; i < matrix.length; i++) {
      for (int j = 0; j < made.length; j++) {
        made[j][i] = matrix[i][j];
      }
    }
    return made;
  }

  private static Matches matches(float[][] cosines) {
    Matches made = Matches.empty(cosines.length, cosines[0].length, cosines[0].length);
    for (int row = 0; row < cosines.length; row++) {
      for (int other = 0; other < cosines[row].length; other++) {
        if (cosines[row][other] > 0) {
          int at = row * made.most() + made.counts()[row]++;
          made.candidates()[at] = other;
          made.scores()[at] = cosines[row][other];
        }
      }
    }
    return made;
  }

  private static List<MatchFile.Match> best(float[] cosines, int partner) {
    return IntStream.range(0, cosines.length)
        .filter(i -> cosines[i] > 0)
        .boxed()
        .sorted(Comparator.comparing((Integer i) -> -cosines[i]).thenComparing(i -> i))
        .limit(MatchFile.MOST)
        .map(i -> new MatchFile.Match(i, cosines[i], i == partner))
        .toList();
  }
}
