package io.sluice.browse;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.features.FeatureFolder;
import io.sluice.features.compare.MatchFile;
import io.sluice.features.compare.SyntheticMatches;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.JsonMutations;
import io.sluice.testing.Mutations;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A folder of features one of whose files is damaged, cut short or has hostile lengths: what the
 * browser shows is read, or is refused in one line that names the folder.
 */
@Tag("fuzz")
class FeatureFilesFuzzTest {
  private static final int FEATURES = 12;

  /** Ends of Arrow files hold their metadata: most changes go there. */
  private static final int METADATA_BYTES = 1500;

  @TempDir(factory = InMemory.class)
  private Path scratch;

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void aFolderIsReadOrRefusedInOneLine() throws IOException {
    Path folder = scratch.resolve("features");
    NovelFeatures.write(folder, FEATURES, 0.1);
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files = all.sorted().toList();
    }
    assertThat(files).hasSizeGreaterThan(7);
    byte[][] whole = new byte[files.size()][];
    long[] bytes = new long[1];
    for (int i = 0; i < whole.length; i++) {
      whole[i] = Files.readAllBytes(files.get(i));
      bytes[0] += whole[i].length;
    }
    int[] last = {-1};
    int read =
        FuzzRun.run(
            "FeatureFilesFuzzTest",
            FuzzRun.MUTATIONS,
            folder,
            random -> {
              if (last[0] >= 0) {
                Files.write(files.get(last[0]), whole[last[0]]);
              }
              last[0] = random.nextInt(whole.length);
              Path file = files.get(last[0]);
              Files.write(file, damaged(file, whole[last[0]], random));
              return bytes[0];
            },
            () -> readAll(folder));
    assertThat(read).isBetween(FuzzRun.MUTATIONS / 100, FuzzRun.MUTATIONS * 19 / 20);
  }

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void matchesAreReadOrRefusedInOneLine() throws IOException {
    Path file = scratch.resolve("matches.arrow");
    SyntheticMatches.write(
        file, new MatchFile.Side("a", "aa", 30), new MatchFile.Side("b", "bb", 20));
    byte[] whole = Files.readAllBytes(file);
    int read =
        FuzzRun.run(
            "FeatureFilesFuzzTest, matches",
            FuzzRun.MUTATIONS,
            file,
            random -> {
              Files.write(file, damaged(file, whole, random));
              return whole.length;
            },
            () -> {
              MatchFile matches = MatchFile.open(file);
              try {
                for (int which = 0; which < 2; which++) {
                  for (int i = 0; i < matches.side(which).features(); i++) {
                    int others = matches.side(1 - which).features();
                    assertThat(matches.of(which, i))
                        .allMatch(match -> match.feature() >= 0 && match.feature() < others);
                  }
                }
              } catch (UncheckedIOException e) {
                throw e.getCause();
              }
            });
    assertThat(read).isBetween(FuzzRun.MUTATIONS / 100, FuzzRun.MUTATIONS * 19 / 20);
  }

  private static byte[] damaged(Path file, byte[] whole, Random random) {
    if (file.toString().endsWith(".json")) {
      return JsonMutations.mutate(whole, random);
    }
    if (random.nextInt(8) == 0) {
      return Arrays.copyOf(whole, random.nextInt(whole.length));
    }
    if (random.nextInt(4) == 0) {
      return Mutations.mutate(whole, random);
    }
    // The end alone, put back at its place.
    int from = Math.max(0, whole.length - METADATA_BYTES);
    byte[] end = Mutations.mutate(Arrays.copyOfRange(whole, from, whole.length), random);
    byte[] made = Arrays.copyOf(whole, from + end.length);
    System.arraycopy(end, 0, made, from, end.length);
    return made;
  }

  /** All that a server would answer. */
  private static void readAll(Path path) throws IOException {
    try {
      FeatureFolder folder = FeatureFolder.open(path);
      BrowsedFeatures browsed = BrowsedFeatures.of(folder);
      PeakIndex peaks = PeakIndex.of(folder);
      FeatureColumns columns = FeatureColumns.of(folder);
      columns.binary(peaks);
      BrowsePage.summary(browsed, 0, columns);
      peaks.find("whale");
      FeatureDetail detail = new FeatureDetail(browsed, 0);
      for (int i = 0; i < Math.min(FEATURES, folder.features().features()); i++) {
        detail.of(i);
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
