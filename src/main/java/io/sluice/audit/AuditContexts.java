package io.sluice.audit;

import io.sluice.audit.Activations.Source;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.capture.ContextBatches;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.SpecialTokens;
import io.sluice.text.TextProblems;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Runs texts through a model, each context with and without the beginning-of-text token. The same
 * tokens are taken of both: all but the first of each context, which without that token is an
 * attention sink.
 */
final class AuditContexts implements AutoCloseable {
  private final LoadedModel model;
  private final ContextBatches batches;
  private final SpecialTokens special;
  private final Beginnings beginnings;
  private final int first;
  private final int batchTokens;

  private AuditContexts(
      LoadedModel model, ContextBatches batches, Beginnings beginnings, int batchTokens) {
    this.model = model;
    this.batches = batches;
    this.special = new SpecialTokens(beginnings.with(), model.tokenizer().suffix());
    this.beginnings = beginnings;
    this.first = model.firstPosition();
    this.batchTokens = batchTokens;
  }

  /**
   * Starts reading.
   *
   * @param most tokens that one call of {@link #next} adds, unless a context has more
   * @throws IOException if the tokenizer does not fit the model
   * @throws IllegalArgumentException if the context is longer than the model takes
   */
  static AuditContexts open(LoadedModel model, ContextSpec spec, int most) throws IOException {
    int batch = Math.min(spec.batch(), Math.max(1, most / spec.context()));
    ContextSpec small = new ContextSpec(spec.texts(), spec.context(), 0, batch, spec.tokens());
    // A context has room for the token even where it is run without.
    Beginnings beginnings = Beginnings.of(model);
    return new AuditContexts(
        model,
        ContextBatches.open(beginnings.longest(), small),
        beginnings,
        Math.multiplyExact(batch, spec.context()));
  }

  /** The most tokens that one call of {@link #next} adds. */
  int batchTokens() {
    return batchTokens;
  }

  /** The problems in the texts read so far. */
  TextProblems problems() {
    return batches.problems();
  }

  /**
   * Runs the next contexts and adds their activations.
   *
   * @return whether there were any
   * @throws IOException if a text cannot be read, or an activation is not finite
   */
  boolean next(Activations into) throws IOException {
    TokenBatch batch = batches.next();
    if (batch == null) {
      return false;
    }
    List<int[]> texts = new ArrayList<>();
    int[] from = new int[batch.size()];
    int[] firstRow = new int[batch.size() + 1];
    for (int i = 0; i < batch.size(); i++) {
      int context = i;
      int before = special.prefix().length;
      int length = batch.length(i) - special.count();
      texts.add(new int[length]);
      Arrays.setAll(texts.getLast(), at -> batch.id(context, before + at));
      from[i] = Math.max(batch.from(i) - before, first);
      firstRow[i + 1] = firstRow[i] + Math.max(0, length - from[i]);
    }
    for (boolean begun : new boolean[] {false, true}) {
      List<HookPoint> points = into.points(begun);
      if (!points.isEmpty()) {
        run(texts, begun, points, from, firstRow, into);
      }
    }
    requireFinite(into, firstRow[batch.size()]);
    into.added(firstRow[batch.size()]);
    return true;
  }

  private void run(
      List<int[]> texts,
      boolean begun,
      List<HookPoint> points,
      int[] from,
      int[] firstRow,
      Activations into) {
    int[] before = begun ? beginnings.with() : beginnings.without();
    SpecialTokens around = new SpecialTokens(before, special.suffix());
    TokenBatch batch = TokenBatch.of(texts.stream().map(around::around).toList());
    Hooks hooks =
        Hooks.none()
            .observe(
                points,
                (point, activation) ->
                    copy(
                        activation, before.length, from, firstRow, into, new Source(begun, point)));
    try (TensorScope scope = TensorScope.open()) {
      model.transformer().observe(batch, hooks);
    }
  }

  /** Copies the rows of the tokens that count. */
  private static void copy(
      Tensor activation, int before, int[] from, int[] firstRow, Activations into, Source source) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor values = activation.to(DType.F32).to(Device.CPU).contiguous();
      long rowBytes = values.size(2) * Float.BYTES;
      MemorySegment memory = values.data();
      for (int i = 0; i < from.length; i++) {
        int count = firstRow[i + 1] - firstRow[i];
        if (count > 0) {
          long row = i * values.size(1) + before + from[i];
          into.next(source, firstRow[i], count)
              .copyFrom(memory.asSlice(row * rowBytes, count * rowBytes));
        }
      }
    }
  }

  private void requireFinite(Activations into, int count) throws IOException {
    for (Source source : into.sources()) {
      MemorySegment memory = into.next(source, 0, count);
      int width = model.transformer().width(source.point());
      if (new Rows(memory, DType.F32, count, width).firstNonFinite() >= 0) {
        throw new IOException(
            model.name() + ": an activation at " + source.point() + " is NaN or infinite");
      }
    }
  }

  @Override
  public void close() throws IOException {
    batches.close();
  }
}
