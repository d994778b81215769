package io.sluice.spark;

import io.sluice.cli.Main;
import io.sluice.model.capture.CapturePart;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.spark.storage.CapturePlace;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.util.LongAccumulator;

/** What an executor does for {@link ClusterCapture}, with one model in its process. */
final class CaptureTask {
  private static final Map<List<String>, CaptureTask> OPEN = new HashMap<>();

  private final LoadedModel model;
  private final CaptureSpec spec;

  private CaptureTask(LoadedModel model, CaptureSpec spec) {
    this.model = model;
    this.spec = spec;
  }

  /**
   * The task of a command line; the model stays open as long as the process lives.
   *
   * @throws IOException if this executor does not see the model, or it is damaged
   */
  static synchronized CaptureTask of(List<String> words) throws IOException {
    CaptureTask open = OPEN.get(words);
    if (open == null) {
      ExecutorPath.requireThoseOf(words, "--model", "--tokenizer");
      ClusterCapture command = Main.parsed(new ClusterCapture(), words);
      LoadedModel model = command.openModelHere();
      open = new CaptureTask(model, command.specHere(model));
      OPEN.put(words, open);
    }
    return open;
  }

  /**
   * Captures a part, when no other task of this process runs.
   *
   * @param required what this executor has to have
   * @param tokens is told of each batch
   */
  synchronized List<Manifest.Shard> run(
      CapturePart part,
      CapturePlace place,
      MixedExecutors.Required required,
      LongAccumulator tokens)
      throws IOException {
    required.check();
    ExecutorPath.require(Path.of(part.files().getFirst()));
    if (!place.isRemote()) {
      ExecutorPath.require(Path.of(place.folder()));
    }
    long[] told = new long[1];
    return place.run(
        part,
        model,
        spec,
        done -> {
          long own = Math.min(done, part.to() - part.from());
          tokens.add(own - told[0]);
          told[0] = own;
        });
  }
}
