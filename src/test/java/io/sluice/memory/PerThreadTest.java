package io.sluice.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class PerThreadTest {
  @Tag("slow")
  @Test
  void everyThreadKeepsItsOwn() throws Exception {
    PerThread<float[]> scratch = new PerThread<>(() -> new float[8]);
    float[] mine = scratch.get();
    System.gc();
    assertThat(scratch.get()).isSameAs(mine);
    try (ExecutorService other = Executors.newSingleThreadExecutor()) {
      float[] theirs = other.submit(scratch::get).get();
      assertThat(theirs).isNotSameAs(mine);
      System.gc();
      assertThat(other.submit(scratch::get).get()).isSameAs(theirs);
    }
  }

  @Test
  @Timeout(60)
  void goesWithItsOwnerThoughThreadsLiveOn() throws Exception {
    List<WeakReference<float[]>> given = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      given.add(new WeakReference<>(new PerThread<>(() -> new float[8]).get()));
    }
    while (given.stream().anyMatch(each -> each.get() != null)) {
      System.gc();
      Thread.sleep(10);
    }
  }
}
