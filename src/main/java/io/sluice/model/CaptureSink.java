package io.sluice.model;

import io.sluice.store.Column;
import io.sluice.store.ReservedRows;
import io.sluice.store.StoreWriter;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Puts the activations of a batch into a store while the model runs. Rows are reserved before the
 * forward pass, and each hook copies its activation straight into the Arrow buffers: one copy,
 * which also converts, leaves out padding and special tokens, and comes from the GPU if need be.
 * Only where a batch crosses the end of a shard is the part beyond kept until the shard is written.
 */
final class CaptureSink implements AutoCloseable {
  private final StoreWriter writer;
  private final List<Column> columns;
  private final Map<String, Integer> columnOf = new HashMap<>();
  private final SpecialTokens special;
  private final boolean specialTokens;

  private List<Context> batch;
  private int rows;
  private ReservedRows room;
  private int[] tokenIds;
  private int[] positions;
  private int[] documents;
  private TensorScope beyond;
  private Tensor[] rest;

  CaptureSink(StoreWriter writer, List<Column> columns, Tokenizer tokenizer, CaptureSpec spec) {
    this.writer = writer;
    this.columns = columns;
    for (int i = 0; i < columns.size(); i++) {
      columnOf.put(columns.get(i).name(), i);
    }
    this.special = SpecialTokens.of(tokenizer);
    this.specialTokens = spec.specialTokens();
  }

  /** Reserves room for a batch, and gives it its special tokens. */
  TokenBatch begin(List<Context> contexts) {
    batch = contexts;
    rows = contexts.stream().mapToInt(this::stored).sum();
    tokenIds = new int[rows];
    positions = new int[rows];
    documents = new int[rows];
    int row = 0;
    for (Context context : contexts) {
      int[] ids = special.around(context.tokens());
      int first = firstStored(context);
      for (int i = 0; i < stored(context); i++, row++) {
        tokenIds[row] = ids[first + i];
        positions[row] = first + i;
        documents[row] = context.document();
      }
    }
    room = writer.reserve(rows);
    fillTokens(0);
    if (room.count() < rows) {
      beyond = TensorScope.detached();
      rest = new Tensor[columns.size()];
    }
    return special.batch(contexts);
  }

  /** Takes the activation of one hook point, {@code [batch, length, width]}. */
  void take(HookPoint point, Tensor activation) {
    int column = columnOf.get(point.toString());
    MemorySegment target = room.activations().get(column);
    try (TensorScope scope = TensorScope.open()) {
      if (room.count() == rows) {
        copy(activation, column, target);
      } else {
        Tensor all = flat(activation);
        rows(target, column, room.count()).copy_(all.narrow(0, 0, room.count()));
        rest[column] = all.narrow(0, room.count(), rows - room.count()).copy().moveTo(beyond);
      }
    }
  }

  /** Commits the batch; every hook has been taken. */
  void end() throws IOException {
    int inFirst = room.count();
    int done = inFirst;
    writer.commit(inFirst);
    while (done < rows) {
      room = writer.reserve(rows - done);
      fillTokens(done);
      try (TensorScope scope = TensorScope.open()) {
        for (int column = 0; column < columns.size(); column++) {
          Tensor part = rest[column].narrow(0, done - inFirst, room.count());
          rows(room.activations().get(column), column, room.count()).copy_(part);
        }
      }
      writer.commit(room.count());
      done += room.count();
    }
    close();
  }

  /** Lets go of what was kept for the next shard. */
  @Override
  public void close() {
    if (beyond != null) {
      beyond.close();
      beyond = null;
    }
  }

  private void copy(Tensor activation, int column, MemorySegment target) {
    if (sameLength()) {
      int each = stored(batch.getFirst());
      Tensor.of(
              target, columns.get(column).dtype(), batch.size(), each, columns.get(column).width())
          .copy_(activation.narrow(1, firstStored(batch.getFirst()), each));
      return;
    }
    long row = 0;
    long rowBytes = columns.get(column).bytesPerRow();
    for (int i = 0; i < batch.size(); i++) {
      Context context = batch.get(i);
      int count = stored(context);
      rows(target.asSlice(row * rowBytes), column, count)
          .copy_(activation.select(0, i).narrow(0, firstStored(context), count));
      row += count;
    }
  }

  /** The rows to be stored, {@code [rows, width]}. */
  private Tensor flat(Tensor activation) {
    List<Tensor> parts = new ArrayList<>();
    for (int i = 0; i < batch.size(); i++) {
      Context context = batch.get(i);
      parts.add(activation.select(0, i).narrow(0, firstStored(context), stored(context)));
    }
    return ShapeOperators.cat(parts, 0);
  }

  private Tensor rows(MemorySegment memory, int column, int count) {
    return Tensor.of(memory, columns.get(column).dtype(), count, columns.get(column).width());
  }

  private void fillTokens(int from) {
    int count = room.count();
    MemorySegment.copy(tokenIds, from, room.tokenIds(), ValueLayout.JAVA_INT, 0, count);
    MemorySegment.copy(positions, from, room.positions(), ValueLayout.JAVA_INT, 0, count);
    MemorySegment.copy(documents, from, room.documentIds(), ValueLayout.JAVA_INT, 0, count);
  }

  private boolean sameLength() {
    Context first = batch.getFirst();
    return batch.stream()
        .allMatch(
            context ->
                context.tokens().length == first.tokens().length && context.seen() == first.seen());
  }

  /** Position in a context of the first token that is stored. */
  private int firstStored(Context context) {
    return specialTokens ? 0 : special.prefix().length + context.seen();
  }

  private int stored(Context context) {
    return context.fresh() + (specialTokens ? special.count() : 0);
  }
}
