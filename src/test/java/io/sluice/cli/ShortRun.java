package io.sluice.cli;

import io.sluice.training.SyntheticStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A training of a second on {@link SyntheticStore}, for tests of what is around it. */
final class ShortRun {
  private ShortRun() {}

  /** The command line. */
  static Object[] arguments(Path store, Path run, String... more) {
    String options = "--features 32 --k 4 --batch 32 --steps 5 --init random";
    List<Object> all = new ArrayList<>(List.of("train", "--store", store, "--out", run));
    all.addAll(List.of("--hook", SyntheticStore.HOOK));
    all.addAll(List.of(options.split(" ")));
    all.addAll(List.of(more));
    return all.toArray();
  }
}
