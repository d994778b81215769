package io.sluice.model.capture;

import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;

/**
 * A capture that continues a store which a killed capture has left, or one of fewer tokens. Its
 * files become those of {@link Capture#run(Path, LongConsumer)}, bit for bit.
 *
 * <p>A shard stays if all its rows came from batches that the longer capture runs, too: of a store
 * that was begun for fewer tokens, that is all but the last batch, which ended early. The rest is
 * captured from the beginning of the batch before it, so that the same batches run. The tokens of
 * rows that stay are compared with the texts, and the activations of the last of them with what the
 * model gives.
 */
public final class ResumedCapture {
  private final LoadedModel model;
  private final CaptureSpec spec;
  private final Capture whole;
  private final ActivationStore store;
  private final long kept;

  private ResumedCapture(
      LoadedModel model, CaptureSpec spec, Capture whole, ActivationStore store, long kept) {
    this.model = model;
    this.spec = spec;
    this.whole = whole;
    this.store = store;
    this.kept = kept;
  }

  /**
   * Checks model, hooks, texts and the store against each other, and counts.
   *
   * @param folder the store
   * @throws IOException as {@link Capture#plan}, or if there is no store, it is damaged, was
   *     captured in another way, has other tokens, or is one of more tokens
   * @throws IllegalArgumentException as {@link Capture#plan}
   */
  public static ResumedCapture plan(LoadedModel model, CaptureSpec spec, Path folder)
      throws IOException {
    ActivationStore store = ActivationStore.open(folder, Reading.COPIED);
    if (!store.manifest().isSluices()) {
      throw new IOException(
          folder
              + ": has files that 'sluice capture' did not write, so it cannot go on with them;"
              + " name another folder");
    }
    StoredRows stored = StoredRows.of(model, spec);
    StoredTokens tokens = new StoredTokens(store, stored);
    Capture whole =
        Capture.planParts(model, spec, (context, position, rows) -> tokens.add(context));
    Manifest before = store.manifest();
    requireSame(before, whole.storeSpec(), folder);
    requireSame(folder, "tokens left out:", store.exclusion(), spec.exclusion());
    if (before.plannedRows() > whole.rows()) {
      throw new IOException(
          "%s: was begun for %d rows, and these texts and options give %d; give as many tokens or more"
              .formatted(folder, before.plannedRows(), whole.rows()));
    }
    long kept = kept(before, whole);
    // Rows that are captured again belong to these texts, too, or the store is another one. But a
    // context that ended early may have its last special tokens where the texts go on.
    tokens.requireSame(spec.specialTokens() ? kept : before.rows());
    return new ResumedCapture(model, spec, whole, store, kept);
  }

  /** Rows of shards whose batches the capture in one go runs, too. */
  private static long kept(Manifest before, Capture whole) {
    long end = before.plannedRows();
    if (end == whole.rows() || end == 0) {
      return before.rows();
    }
    PartCutter cutter = whole.cutter();
    long same = cutter.endOfBatch(end - 1) == end ? end : cutter.beginOfBatch(end - 1);
    long rows = Math.min(same, before.rows());
    return rows - rows % before.rowsPerShard();
  }

  private static void requireSame(Manifest before, StoreSpec now, Path folder) throws IOException {
    requireSame(folder, "model", before.model(), now.model());
    requireSame(folder, "text", before.text(), now.text());
    requireSame(folder, "columns", words(before.columns()), words(now.columns()));
    for (Map.Entry<String, String> property : now.properties().entrySet()) {
      String was = before.properties().get(property.getKey());
      if (was != null && !property.getKey().equals(Manifest.PLANNED_ROWS)) {
        requireSame(folder, property.getKey(), was, property.getValue());
      }
    }
  }

  private static String words(List<Column> columns) {
    return columns.stream()
        .map(column -> column.name() + " (" + column.width() + ", " + column.dtype().label() + ")")
        .collect(Collectors.joining(", "));
  }

  private static void requireSame(Path folder, String what, Object was, Object is)
      throws IOException {
    if (!was.equals(is)) {
      throw new IOException(
          "%s: was captured with %s %s, not %s; give the options that it was captured with"
              .formatted(folder, what, was, is));
    }
  }

  /** The capture in one go: how many tokens, rows and bytes the store will have. */
  public Capture whole() {
    return whole;
  }

  /** Rows of the store that stay. */
  public long kept() {
    return kept;
  }

  /** Tokens of text that are captured already, about. */
  public long keptTokens() {
    return Math.round((double) kept / whole.rows() * whole.tokens());
  }

  /** Bytes that the rows to come will take on the disk. */
  public long storeBytes() {
    return Math.round((1 - (double) kept / whole.rows()) * whole.storeBytes());
  }

  /**
   * Captures the rest. A store that is complete stays as it is.
   *
   * @param progress receives how many tokens of text are done, after each batch
   * @return what the finished store says about itself
   * @throws IOException as {@link Capture#run(Path, LongConsumer)}, or if the model gives other
   *     bits for the last row that stays, or another capture has the store; its rows stay
   */
  public Manifest run(LongConsumer progress) throws IOException {
    Manifest before = store.manifest();
    if (before.complete() && kept == whole.rows()) {
      return before;
    }
    int rowsPerShard = before.rowsPerShard();
    CapturePart rest = kept < whole.rows() ? whole.cutter().rest(kept, rowsPerShard) : null;
    KeptRow last = kept == 0 ? null : new KeptRow(store, kept - 1, StoredRows.of(model, spec));
    int shards = (int) Math.ceilDiv(kept, (long) rowsPerShard);
    try (StoreWriter writer =
        StoreWriter.resume(store.folder(), whole.storeSpec(), before, shards)) {
      whole.writeTables(writer);
      if (rest != null) {
        long first = keptTokens();
        rest.capture(model, spec, writer, last, done -> progress.accept(first + done));
      }
      return writer.finish();
    }
  }
}
