package io.sluice.model.capture;

import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.model.HookPoint;
import io.sluice.model.TokenBatch;
import io.sluice.model.tokens.Context;
import io.sluice.store.ReservedRows;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Puts the activations of a batch into a store while the model runs. Rows are reserved before the
 * forward pass, and each hook copies its activation straight into the Arrow buffers, on all cores:
 * one copy, which also converts and leaves out padding and special tokens. Only if a batch crosses
 * the end of a shard, the rest of it is kept until the shard is full.
 */
final class CaptureSink implements AutoCloseable {
  private static final Workers WORKERS = Workers.allCores();

  private final StoreWriter writer;
  private final List<Column> columns;
  private final Map<String, Integer> columnOf = new HashMap<>();
  private final StoredRows stored;

  private final DocumentNames documentNames = new DocumentNames();

  private List<Context> batch;
  private int[] firstRow;
  private int begin;
  private int rows;
  private ReservedRows room;
  private int[] tokenIds;
  private int[] positions;
  private int[] documents;
  private TensorScope beyond;
  private Tensor[] rest;
  private int restFrom;

  CaptureSink(StoreWriter writer, List<Column> columns, StoredRows stored) {
    this.writer = writer;
    this.columns = columns;
    for (int i = 0; i < columns.size(); i++) {
      columnOf.put(columns.get(i).name(), i);
    }
    this.stored = stored;
  }

  /** Rows that a batch has in a store. */
  int rows(List<Context> contexts) {
    return stored.count(contexts);
  }

  /** A batch with its special tokens, of which nothing is stored. */
  TokenBatch tokens(List<Context> contexts) {
    return stored.special().batch(contexts);
  }

  /** Names the documents of a batch, reserves room for it, and gives it its special tokens. */
  TokenBatch begin(List<Context> contexts) throws IOException {
    long row = writer.rows();
    for (Context context : contexts) {
      documentNames.of(context, row, writer::document);
      row += stored.count(context);
    }
    return begin(contexts, 0, rows(contexts));
  }

  /**
   * Reserves room for some rows of a batch, and gives the batch its special tokens.
   *
   * @param from the first row that is stored
   * @param to the end, exclusive
   */
  TokenBatch begin(List<Context> contexts, int from, int to) throws IOException {
    batch = contexts;
    begin = from;
    rows = to;
    firstRow = new int[contexts.size() + 1];
    for (int i = 0; i < contexts.size(); i++) {
      firstRow[i + 1] = firstRow[i] + stored.count(contexts.get(i));
    }
    tokenIds = new int[firstRow[contexts.size()]];
    positions = new int[tokenIds.length];
    documents = new int[tokenIds.length];
    int row = 0;
    for (Context context : contexts) {
      int[] ids = stored.special().around(context.tokens());
      int first = stored.first(context);
      for (int i = 0; i < stored.count(context); i++, row++) {
        tokenIds[row] = ids[first + i];
        positions[row] = first + i;
        documents[row] = context.document();
      }
    }
    room = writer.reserve(rows - begin);
    fillTokens(begin);
    if (room.count() < rows - begin) {
      beyond = TensorScope.detached();
      rest = new Tensor[columns.size()];
      restFrom = 0;
      while (firstRow[restFrom + 1] <= begin + room.count()) {
        restFrom++;
      }
    }
    return stored.special().batch(contexts);
  }

  /** Takes the activation of one hook point, {@code [batch, length, width]}. */
  void take(HookPoint point, Tensor activation) {
    int column = columnOf.get(point.toString());
    try (TensorScope scope = TensorScope.open()) {
      Tensor values = onCpu(activation, columns.get(column).dtype());
      copy(values, 0, column, begin, room.count());
      if (room.count() < rows - begin) {
        rest[column] = values.narrow(0, restFrom, batch.size() - restFrom).copy().moveTo(beyond);
      }
    }
  }

  /** Copies the activation to the CPU, in the column's type or float32. */
  private static Tensor onCpu(Tensor activation, DType column) {
    boolean fits = activation.dtype() == DType.F32 || activation.dtype() == column;
    // A GPU converts faster than it copies to the host.
    Tensor converted =
        activation.device().isCuda()
            ? activation.to(column)
            : fits ? activation : activation.to(DType.F32);
    return converted.to(Device.CPU).contiguous();
  }

  /**
   * Copies some of the batch's rows to the rows that are reserved.
   *
   * @param values of contexts from {@code context} on
   * @param from the first of them
   * @param count how many
   */
  private void copy(Tensor values, int context, int column, int from, int count) {
    long length = values.size(1);
    DType dtype = values.dtype();
    long rowBytes = values.size(2) * dtype.bytes();
    MemorySegment memory = values.data();
    WORKERS.run(
        batch.size() - context,
        place -> {
          int i = context + place;
          int first = Math.max(from, firstRow[i]);
          int end = Math.min(from + count, firstRow[i + 1]);
          if (first < end) {
            long source = place * length + stored.first(batch.get(i)) + first - firstRow[i];
            writer.fill(
                column,
                first - from,
                end - first,
                dtype,
                memory.asSlice(source * rowBytes, (end - first) * rowBytes));
          }
        });
  }

  /** Commits the batch; every hook has been taken. */
  void end() throws IOException {
    int done = begin + room.count();
    writer.commit(room.count());
    while (done < rows) {
      room = writer.reserve(rows - done);
      fillTokens(done);
      for (int column = 0; column < columns.size(); column++) {
        copy(rest[column], restFrom, column, done, room.count());
      }
      writer.commit(room.count());
      done += room.count();
    }
    close();
  }

  /** Frees the rows that were kept for the next shard. */
  @Override
  public void close() {
    if (beyond != null) {
      beyond.close();
      beyond = null;
    }
  }

  private void fillTokens(int from) {
    int count = room.count();
    MemorySegment.copy(tokenIds, from, room.tokenIds(), ValueLayout.JAVA_INT, 0, count);
    MemorySegment.copy(positions, from, room.positions(), ValueLayout.JAVA_INT, 0, count);
    MemorySegment.copy(documents, from, room.documentIds(), ValueLayout.JAVA_INT, 0, count);
  }
}
