package io.sluice.store.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.files.FolderLock;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSamples;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.testing.Seeds;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One store takes another's place, and whenever that is cut short one of them is found whole. */
class StoreReplacementTest {
  private static final int OLD_ROWS = 9;
  private static final int NEW_ROWS = 20;
  private static final int KILLS = 5;

  @TempDir private Path temp;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theNewStoreTakesThePlace(boolean atOnce) throws IOException {
    Path place = temp.resolve("store");
    StoreSamples.write(place, OLD_ROWS);
    replace(place, NEW_ROWS, atOnce);
    assertThat(ActivationStore.open(place).rows()).isEqualTo(NEW_ROWS);
    assertThat(siblings()).containsExactly("store");
    assertThat(place).isDirectoryNotContaining("glob:**.lock");
  }

  /** A link to a folder on another disk, say: the new store has to lie there, too. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aLinkToTheStoreStaysOneAndNothingIsWrittenBesideIt(boolean atOnce) throws IOException {
    Path disk = Files.createDirectory(temp.resolve("disk"));
    StoreSamples.write(disk.resolve("store"), OLD_ROWS);
    Path link = Files.createSymbolicLink(temp.resolve("link"), Path.of("disk", "store"));
    try (StoreReplacement replacement = StoreReplacement.begin(link)) {
      assertThat(replacement.folder().getParent()).isEqualTo(disk.toRealPath());
    }
    replace(link, NEW_ROWS, atOnce);
    assertThat(link).isSymbolicLink();
    assertThat(ActivationStore.open(link).rows()).isEqualTo(NEW_ROWS);
    assertThat(siblings()).containsExactly("disk", "link");
    assertThat(disk).isDirectoryNotContaining("glob:**.{new,old}");

    // What a kill between two calls of the system leaves.
    Files.move(disk.resolve("store"), disk.resolve("store.77.old"));
    assertThat(ActivationStore.open(link).rows()).isEqualTo(NEW_ROWS);
  }

  @Test
  void oneThatIsNotFinishedLeavesTheOldStore() throws IOException {
    Path place = temp.resolve("store");
    StoreSamples.write(place, OLD_ROWS);
    try (StoreReplacement replacement = StoreReplacement.begin(place)) {
      StoreSamples.write(replacement.folder(), NEW_ROWS);
      assertThatThrownBy(() -> StoreReplacement.begin(place))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(place + ": another capture is writing into this folder");
    }
    assertThat(ActivationStore.open(place).rows()).isEqualTo(OLD_ROWS);
    assertThat(siblings()).containsExactly("store");
  }

  /** The states that a kill between two calls of the system leaves, where it cannot do both. */
  @Test
  void aStoreThatIsBesideItsPlaceIsFound() throws IOException {
    Path place = temp.resolve("store");
    StoreSamples.write(temp.resolve("store.77.old"), OLD_ROWS);
    assertThat(ActivationStore.open(place).rows()).isEqualTo(OLD_ROWS);

    Files.move(place, temp.resolve("store.77.old"));
    StoreSamples.write(temp.resolve("store.77.new"), NEW_ROWS);
    assertThat(ActivationStore.open(place).rows()).isEqualTo(NEW_ROWS);
    assertThat(siblings()).containsExactly("store", "store.77.old");

    // Nobody takes a new store that is being written, is not whole, or never had a place.
    Files.move(place, temp.resolve("store.77.new"));
    FolderLock writing = FolderLock.tryTake(temp.resolve("store.77.new"));
    assertThat(ActivationStore.open(place).rows()).isEqualTo(OLD_ROWS);
    writing.release();
    Files.move(place, temp.resolve("elsewhere"));
    assertThatThrownBy(() -> ActivationStore.open(place)).hasMessageContaining("no such folder");
    Files.move(temp.resolve("elsewhere"), place);
    StoreReplacement.begin(place).close();
    assertThat(siblings()).containsExactly("store");
  }

  @Test
  void whatIsNotAStoreOrSomebodysStays() throws IOException {
    Path place = temp.resolve("store");
    StoreSamples.write(place, OLD_ROWS);
    Path mine = Files.createDirectory(temp.resolve("store.1.new"));
    Files.writeString(mine.resolve("notes.txt"), "mine");
    StoreSamples.write(temp.resolve("store.2.new"), 5);
    StoreSamples.write(temp.resolve("store.3.new"), 5);
    FolderLock theirs = FolderLock.tryTake(temp.resolve("store.2.new"));
    StoreReplacement.begin(place).close();
    assertThat(siblings()).containsExactly("store", "store.1.new", "store.2.new");
    theirs.release();
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void killedAtAnyMomentOneOfThemIsWhole(boolean atOnce) throws Exception {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    Path place = temp.resolve("store");
    StoreSamples.write(place, OLD_ROWS);
    for (int kill = 0; kill < KILLS; kill++) {
      Process child = start(place, atOnce);
      try (BufferedReader output = child.inputReader()) {
        assertThat(output.readLine()).isEqualTo("begun");
        LockSupport.parkNanos(random.nextInt(40_000_000));
        child.destroyForcibly();
        assertThat(child.waitFor()).as("killed, not failed; seed %d", seed).isEqualTo(128 + 9);
      }
      ActivationStore store = ActivationStore.open(place);
      store.verify();
      assertThat(store.manifest().complete()).as("seed %d", seed).isTrue();
      assertThat(store.rows()).isIn((long) OLD_ROWS, (long) NEW_ROWS);
    }
    StoreReplacement.begin(place).close();
    assertThat(siblings()).containsExactly("store");
  }

  @Tag("slow")
  @Test
  void ofTwoWhoWriteAtOnceOneIsRefused() throws Exception {
    for (int round = 0; round < 20; round++) {
      Path place = temp.resolve("store" + round);
      try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
        List<Future<Boolean>> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
          all.add(threads.submit(() -> isWritten(place)));
        }
        int written = 0;
        for (Future<Boolean> one : all) {
          written += one.get() ? 1 : 0;
        }
        assertThat(written).isEqualTo(1);
      }
      ActivationStore.open(place).verify();
      assertThat(place).isDirectoryNotContaining("glob:**.lock");
    }
  }

  @Test
  void aWriterHasItsFolderAlone() throws IOException {
    Path place = temp.resolve("store");
    StoreSpec spec = StoreSamples.spec();
    try (StoreWriter writer = StoreWriter.create(place, spec)) {
      StoreSamples.append(writer, spec, 3);
      for (StoreSpec other : List.of(spec, spec.replacing())) {
        assertThatThrownBy(() -> StoreWriter.create(place, other))
            .isInstanceOf(IOException.class)
            .hasMessageContaining("another capture is writing into this folder");
      }
      writer.finish();
    }
    assertThat(ActivationStore.open(place).rows()).isEqualTo(3);
  }

  @Test
  void aFolderOfOtherThingsKeepsThemAll() throws IOException {
    Path notes = Files.writeString(temp.resolve("notes.77.tmp"), "mine");
    assertThatThrownBy(() -> StoreWriter.create(temp, StoreSamples.spec()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("not only an activation store");
    assertThat(siblings()).containsExactly(notes.getFileName().toString());
  }

  private static boolean isWritten(Path place) {
    try {
      StoreSamples.write(place, OLD_ROWS);
      return true;
    } catch (IOException e) {
      assertThat(e.getMessage())
          .contains(place.toString())
          .containsAnyOf("another capture is writing", "already holds an activation store");
      return false;
    }
  }

  private static void replace(Path place, int rows, boolean atOnce) throws IOException {
    try (StoreReplacement replacement = StoreReplacement.begin(place)) {
      StoreSamples.write(replacement.folder(), rows);
      if (atOnce) {
        replacement.finish();
      } else {
        replacement.finish(false);
      }
    }
  }

  private List<String> siblings() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  private static Process start(Path place, boolean atOnce) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "--add-modules=jdk.incubator.vector",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            Replacer.class.getName(),
            place.toString(),
            Boolean.toString(atOnce))
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  /** Replaces a store without end. */
  public static final class Replacer {
    private Replacer() {}

    public static void main(String[] args) throws IOException {
      System.out.println("begun");
      for (int i = 0; ; i++) {
        replace(Path.of(args[0]), i % 2 == 0 ? NEW_ROWS : OLD_ROWS, Boolean.parseBoolean(args[1]));
      }
    }
  }
}
