package io.sluice.model.capture;

import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.Context;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Manifest;
import io.sluice.text.TextSpec;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Some shards of a store that a process can capture by itself. {@link Capture#parts} cuts a capture
 * so that the parts run the same batches as the whole: a part reads from the beginning of the
 * document in which its first batch begins, and a batch whose rows two parts share is run by both.
 * So the files are those of {@link Capture#run(Path, java.util.function.LongConsumer)}, bit for
 * bit.
 *
 * <p>A part is sent to the process that runs it, so it is serialisable.
 *
 * @param files the paths of the texts to read
 * @param lengths their lengths in bytes when the capture was planned; -1 where one has none
 * @param skipped documents of the first file that are passed over
 * @param document the number of the document after them among all
 * @param contexts contexts of that document that are passed over
 * @param tokens tokens of text after which the capture ends, counted from that document
 * @param firstRow the row of the first batch's first token
 * @param from the first row of the store that is written; the beginning of a shard
 * @param to the end, exclusive
 * @param rowsPerShard rows in each shard of the store but its last
 */
public record CapturePart(
    List<String> files,
    List<Long> lengths,
    int skipped,
    int document,
    int contexts,
    long tokens,
    long firstRow,
    long from,
    long to,
    int rowsPerShard)
    implements Serializable {
  /** Copies the lists. */
  public CapturePart {
    files = List.copyOf(files);
    lengths = List.copyOf(lengths);
  }

  /** The length of a text; -1 if it is no regular file. */
  static long length(Path file) throws IOException {
    return Files.isRegularFile(file) ? Files.size(file) : -1;
  }

  /**
   * Captures the part. If it is run twice, at the same time even, each file is one run's or the
   * other's, with the same bytes; if it is killed, the shards finished until then are left.
   *
   * @param model the model of the whole capture
   * @param spec the specification of the whole; its texts are not read
   * @param folder the folder of the store, which a {@link StoreWriter} of another process holds
   * @return the shards, in order
   * @throws IOException as {@link Capture#run(Path, java.util.function.LongConsumer)}, or if the
   *     texts have changed since the capture was planned
   */
  public List<Manifest.Shard> run(LoadedModel model, CaptureSpec spec, Path folder)
      throws IOException {
    return run(model, spec, folder, done -> {});
  }

  /**
   * The same with progress.
   *
   * @param progress receives how many tokens of text are done, after each batch; in all it may be
   *     more than the part has, as it begins with a batch that may have rows of the part before
   * @throws IOException as the other
   */
  public List<Manifest.Shard> run(
      LoadedModel model, CaptureSpec spec, Path folder, LongConsumer progress) throws IOException {
    try (StoreWriter writer = StoreWriter.part(folder, store(model, spec), firstShard())) {
      capture(model, spec, writer, null, progress);
      return writer.finishPart();
    }
  }

  /**
   * The same into a folder of which nobody keeps a manifest.
   *
   * @param listener is told of each shard
   * @param progress receives how many tokens of text are done, after each batch
   * @throws IOException as the other
   */
  public List<Manifest.Shard> run(
      LoadedModel model,
      CaptureSpec spec,
      Path folder,
      StoreWriter.ShardListener listener,
      LongConsumer progress)
      throws IOException {
    try (StoreWriter writer =
        StoreWriter.part(folder, store(model, spec), firstShard(), listener)) {
      capture(model, spec, writer, null, progress);
      return writer.finishPart();
    }
  }

  private StoreSpec store(LoadedModel model, CaptureSpec spec) {
    return StoreSpec.of(model.name(), files.getFirst(), Capture.columns(model, spec))
        .withRowsPerShard(rowsPerShard);
  }

  private int firstShard() {
    return Math.toIntExact(from / rowsPerShard);
  }

  /**
   * Captures the part into a writer.
   *
   * @param kept a row before it that its first batch has to give again; null for none
   * @param progress receives how many tokens of text are done, after each batch
   */
  void capture(
      LoadedModel model, CaptureSpec spec, StoreWriter writer, KeptRow kept, LongConsumer progress)
      throws IOException {
    try (ContextBatches batches = open(model, spec.contexts(), Long.MAX_VALUE);
        CaptureSink sink =
            new CaptureSink(writer, Capture.columns(model, spec), StoredRows.of(model, spec))) {
      Hooks stored = Hooks.none().observe(spec.hooks(), sink::take);
      for (long row = firstRow; row < to; ) {
        List<Context> batch = batches.nextContexts();
        int rows = sink.rows(batch);
        long first = row;
        boolean compared = kept != null && kept.isIn(row, rows);
        if (batch.isEmpty() || row + rows <= from && !compared) {
          throw changed(files.getFirst());
        }
        if (compared) {
          Hooks compare =
              Hooks.none()
                  .observe(
                      spec.hooks(),
                      (point, activation) -> kept.compare(batch, first, point, activation));
          try (TensorScope scope = TensorScope.open()) {
            model.transformer().observe(sink.tokens(batch), compare);
          }
          kept.requireSame();
        }
        if (row + rows > from) {
          try (TensorScope scope = TensorScope.open()) {
            int begin = (int) Math.max(0, from - row);
            TokenBatch tokenBatch = sink.begin(batch, begin, (int) Math.min(rows, to - row));
            model.transformer().observe(tokenBatch, stored);
            sink.end();
          }
        }
        progress.accept(batches.tokens());
        row += rows;
      }
    }
  }

  /**
   * The batches of a part that ends with one, as {@link Capture#parts(long)} has them.
   *
   * @param model the model of the whole capture
   * @param whole the contexts of the whole; its texts are not read
   * @throws IOException as {@link ContextBatches#open(LoadedModel, ContextSpec)}, or if a text has
   *     another length than when the capture was planned
   */
  public ContextBatches batches(LoadedModel model, ContextSpec whole) throws IOException {
    return open(model, whole, to - from);
  }

  private static IOException changed(String file) {
    return new IOException(
        file + ": has changed since the work began; run the command again when the texts stay");
  }

  private ContextBatches open(LoadedModel model, ContextSpec whole, long most) throws IOException {
    for (int i = 0; i < files.size(); i++) {
      long length = length(Path.of(files.get(i)));
      if (length >= 0 && length != lengths.get(i)) {
        throw changed(files.get(i));
      }
    }
    TextSpec texts = whole.texts().withPaths(files.stream().map(Path::of).toList());
    ContextSpec own =
        new ContextSpec(texts, whole.context(), whole.stride(), whole.batch(), tokens);
    return ContextBatches.openAt(model, own, skipped, document, contexts, most);
  }
}
