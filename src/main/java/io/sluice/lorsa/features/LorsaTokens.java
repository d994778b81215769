package io.sluice.lorsa.features;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.features.gather.EncodedTokens;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.LorsaSums;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;

/** The codes of a Lorsa, which reads whole contexts. */
final class LorsaTokens implements EncodedTokens {
  private final Lorsa lorsa;
  private final Contexts contexts;
  private final int from;
  private final Device device;
  private final LorsaEngine engine;
  private final Codes codes = new Codes();
  private final GrowingMemory targets = new GrowingMemory();
  private int next;
  private int[] chosen = {};

  /**
   * Opens an engine.
   *
   * @param from the first position that gets codes
   */
  LorsaTokens(Lorsa lorsa, Contexts contexts, int from, Device device) {
    this.lorsa = lorsa;
    this.contexts = contexts;
    this.from = from;
    this.device = device;
    this.engine = LorsaEngine.running(lorsa.weights(), device);
    skipEmpty();
  }

  /** Contexts that end before the first position have no tokens. */
  private void skipEmpty() {
    while (next < contexts.count() && contexts.length(next) <= from) {
      next++;
    }
  }

  @Override
  public long tokens() {
    return counted(IntStream.range(0, contexts.count()).toArray());
  }

  private long counted(int[] some) {
    return Arrays.stream(some).mapToLong(i -> Math.max(0, contexts.length(i) - from)).sum();
  }

  @Override
  public boolean hasNext() {
    return next < contexts.count();
  }

  @Override
  public Batch next() throws IOException {
    int count = Math.min(LorsaSums.contextsAtOnce(contexts), contexts.count() - next);
    chosen = IntStream.range(next, next + count).toArray();
    next += count;
    skipEmpty();
    int[] lengths = Arrays.stream(chosen).map(contexts::length).toArray();
    int longest = Arrays.stream(lengths).max().orElseThrow();
    LorsaEngine.Selected selected;
    try (TensorScope scope = TensorScope.open()) {
      Tensor input = read(lorsa.config().inputHook(), longest);
      selected = engine.encode(new LorsaBatch(input.to(device), null, lengths, from));
    }
    int[] rows = new int[Math.toIntExact(counted(chosen))];
    LorsaCodes adding = new LorsaCodes(selected, engine.spec().k(), codes, rows.length);
    int token = 0;
    for (int i = 0; i < chosen.length; i++) {
      for (int position = from; position < lengths[i]; position++) {
        rows[token++] = (int) (contexts.firstRow(chosen[i]) + position);
        adding.add(i * longest + position);
      }
    }
    return new Batch(codes, rows);
  }

  /** The chosen contexts, {@code [contexts, length, width]}, in the innermost scope. */
  private Tensor read(String column, int length) throws IOException {
    int width = contexts.store().column(column).width();
    Tensor host = Tensor.empty(DType.F32, Device.CPU, chosen.length, length, width);
    contexts.read(column, chosen, length, host.data());
    return host;
  }

  @Override
  public Rows written() throws IOException {
    int width = lorsa.config().spec().outputWidth();
    int count = Math.toIntExact(counted(chosen));
    MemorySegment memory = targets.of(count, width);
    int length = Arrays.stream(chosen).map(contexts::length).max().orElseThrow();
    long rowBytes = (long) width * Float.BYTES;
    try (TensorScope scope = TensorScope.open()) {
      MemorySegment all = read(lorsa.config().outputHook(), length).data();
      long to = 0;
      for (int i = 0; i < chosen.length; i++) {
        long rows = Math.max(0, contexts.length(chosen[i]) - from);
        MemorySegment.copy(all, ((long) i * length + from) * rowBytes, memory, to, rows * rowBytes);
        to += rows * rowBytes;
      }
    }
    return new Rows(memory, DType.F32, count, width);
  }

  @Override
  public void close() {
    engine.close();
    codes.close();
  }
}
