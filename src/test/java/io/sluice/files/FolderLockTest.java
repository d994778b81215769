package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
class FolderLockTest {
  @TempDir private Path temp;

  @Test
  void oneHasAFolderAtATime() throws IOException {
    try (FolderLock lock = FolderLock.take(temp, "run")) {
      assertThat(FolderLock.tryTake(temp)).isNull();
      assertThatThrownBy(() -> FolderLock.take(temp, "run"))
          .isInstanceOf(IOException.class)
          .hasMessage(
              temp
                  + ": another run is writing into this folder; choose another one or wait for it");
    }
    FolderLock.take(temp, "run").close();
  }

  @Test
  void anotherProcessIsRefused() throws Exception {
    try (FolderLock lock = FolderLock.take(temp, "run")) {
      assertThat(takenByAnother()).isFalse();
      // One more try in this process must not end the lock for the others.
      assertThat(FolderLock.tryTake(temp)).isNull();
      assertThat(takenByAnother()).isFalse();
    }
    assertThat(takenByAnother()).isTrue();
  }

  private boolean takenByAnother() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                Taker.class.getName(),
                temp.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isZero();
    return Boolean.parseBoolean(said.strip());
  }

  /** Another process that wants the folder. */
  public static final class Taker {
    private Taker() {}

    public static void main(String[] args) throws IOException {
      System.out.println(FolderLock.tryTake(Path.of(args[0])) != null);
    }
  }

  @Test
  void leftoversOfKilledWritersGo() throws IOException {
    Path left = Files.writeString(temp.resolve("run.json.77.tmp"), "half");
    FolderLock.take(temp, "run").close();
    assertThat(left).doesNotExist();
  }

  @Test
  void aFolderThatIsGivenUpWhileOthersTakeItIsStillOneWriters() throws Exception {
    Path folder = temp.resolve("contended");
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger taken = new AtomicInteger();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<Integer>> all = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        all.add(
            threads.submit(
                () -> {
                  int most = 0;
                  for (int i = 0; i < 300; i++) {
                    FolderLock lock = tryTake(folder);
                    if (lock != null) {
                      taken.incrementAndGet();
                      most = Math.max(most, inside.incrementAndGet());
                      inside.decrementAndGet();
                      lock.giveUp();
                    }
                  }
                  return most;
                }));
      }
      for (Future<Integer> one : all) {
        assertThat(one.get()).isLessThanOrEqualTo(1);
      }
    }
    assertThat(taken.get()).isPositive();
  }

  /** Null, too, where the folder comes or goes meanwhile. */
  private static FolderLock tryTake(Path folder) {
    try {
      FolderLock.make(folder, "run");
      return FolderLock.tryTake(folder);
    } catch (IOException e) {
      return null;
    }
  }
}
