package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
