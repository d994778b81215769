package io.sluice.features.effects;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.Sources;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.Transformer;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.SpecialTokens;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Finds the sources of features at rows of a store, by running the model over the contexts of these
 * rows up to the layer that the dictionary reads.
 */
public final class SourcePass implements SourceFinder {
  private static final int BATCH_TOKENS = 1024;
  private static final int ROWS_AT_ONCE = 256;

  private final Transformer model;
  private final Dictionary dictionary;
  private final StoredContexts contexts;
  private final HookPoint point;
  private final HookPoint read;

  /**
   * Prepares the pass.
   *
   * @throws IOException if the store cannot be read, or its contexts overlap
   * @throws IllegalArgumentException as {@link #refusal}, or if the model does not fit
   */
  public SourcePass(LoadedModel loaded, ActivationStore store, Dictionary dictionary)
      throws IOException {
    String refusal = refusal(dictionary.config());
    if (refusal != null) {
      throw new IllegalArgumentException(refusal);
    }
    this.model = loaded.transformer();
    this.dictionary = dictionary;
    this.point = HookPoint.parse(dictionary.config().inputHook());
    if (point.layer() >= model.shape().layers()
        || model.width(point) != dictionary.config().inputWidth()) {
      throw new IllegalArgumentException(
          "%s has %d layers, in which %s is %d wide; the dictionary reads %d values of %s: give the model that was captured"
              .formatted(
                  loaded.name(),
                  model.shape().layers(),
                  point.kind().label(),
                  model.width(point),
                  dictionary.config().inputWidth(),
                  point));
    }
    this.read = new HookPoint(point.layer(), HookKind.ATTN_IN);
    this.contexts = StoredContexts.of(store, SpecialTokens.of(loaded.tokenizer()));
  }

  /**
   * Why the activations of a dictionary are not sums over heads and source positions; null if they
   * are.
   */
  public static String refusal(DictionaryConfig config) {
    if (config.inputs().size() != 1) {
      return "the dictionary reads several hook points, so its activations are not sums over the"
          + " heads of one layer";
    }
    HookPoint point = HookPoint.parse(config.inputHook());
    if (!AttentionSources.isOfAttention(point)) {
      return "the dictionary reads " + point + ", which attention's heads do not write alone";
    }
    if (config.tokenNorm().isPresent()) {
      return "the dictionary normalises each token ("
          + config.tokenNorm().get().kind().label()
          + "), so its activations are not sums over heads";
    }
    if (config.activation() instanceof Pursuit) {
      return "matching pursuit reads what other features leave, so its activations are not sums"
          + " over heads";
    }
    return null;
  }

  @Override
  public int heads() {
    return model.shape().heads();
  }

  @Override
  public SourceBlock of(int[] features, long[] rows, LongConsumer progress) throws IOException {
    SourceBlock block = SourceBlock.byHead(features.length, heads());
    int[] order = orderOfRows(rows);
    try (TensorScope scope = TensorScope.open()) {
      run(AttentionSources.of(model, point), order, features, rows, block, progress);
    }
    return block;
  }

  private void run(
      AttentionSources sources,
      int[] order,
      int[] features,
      long[] rows,
      SourceBlock block,
      LongConsumer progress)
      throws IOException {
    int done = 0;
    while (done < order.length) {
      int next = done;
      List<Span> spans = new ArrayList<>();
      List<int[]> ids = new ArrayList<>();
      int longest = 0;
      while (next < order.length) {
        int context = contexts.of(rows[order[next]]);
        int end = next;
        while (end < order.length && contexts.of(rows[order[end]]) == context) {
          end++;
        }
        int[] tokens = contexts.ids(context);
        longest = Math.max(longest, tokens.length);
        if (!spans.isEmpty() && (spans.size() + 1) * longest > BATCH_TOKENS) {
          break;
        }
        spans.add(new Span(context, next, end));
        ids.add(tokens);
        next = end;
      }
      batch(sources, ids, spans, order, features, rows, block);
      done = next;
      progress.accept(done);
    }
  }

  /** Entries of one context, in the order of rows. */
  private record Span(int context, int from, int to) {}

  private static int[] orderOfRows(long[] rows) {
    Integer[] order = new Integer[rows.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> Long.compare(rows[a], rows[b]));
    return Arrays.stream(order).mapToInt(Integer::intValue).toArray();
  }

  private void batch(
      AttentionSources sources,
      List<int[]> ids,
      List<Span> spans,
      int[] order,
      int[] features,
      long[] rows,
      SourceBlock to) {
    try (TensorScope scope = TensorScope.open()) {
      List<Tensor> inputs = new ArrayList<>();
      model.observe(
          TokenBatch.of(ids),
          Hooks.none().observe(List.of(read), (point, x) -> inputs.add(x.copy().moveTo(scope))));
      for (int i = 0; i < spans.size(); i++) {
        try (TensorScope one = TensorScope.open()) {
          int length = ids.get(i).length;
          Tensor input = inputs.getFirst().select(0, i).narrow(0, 0, length);
          context(sources, sources.context(input), length, spans.get(i), order, features, rows, to);
        }
      }
    }
  }

  private void context(
      AttentionSources sources,
      AttentionSources.Context attention,
      int length,
      Span span,
      int[] order,
      int[] features,
      long[] rows,
      SourceBlock to) {
    LargestContributions largest = new LargestContributions(Sources.MOST);
    for (int from = span.from; from < span.to; from += ROWS_AT_ONCE) {
      int count = Math.min(ROWS_AT_ONCE, span.to - from);
      int[] chosen = new int[count];
      int[] positions = new int[count];
      for (int i = 0; i < count; i++) {
        chosen[i] = features[order[from + i]];
        positions[i] = contexts.position(span.context, rows[order[from + i]]);
      }
      try (TensorScope scope = TensorScope.open()) {
        AttentionSources.Directions directions = sources.directions(encoderRows(chosen));
        float[] bias = directions.bias().toFloats();
        float[] values = attention.contributions(directions.heads(), positions).toFloats();
        for (int i = 0; i < count; i++) {
          to.set(
              order[from + i],
              values,
              i * sources.heads() * length,
              length,
              (float) (bias[i] + ownBias(chosen[i])),
              positions[i],
              largest);
        }
      }
    }
  }

  private Tensor encoderRows(int[] features) {
    DictionaryParameters weights = dictionary.parameters();
    int width = weights.inputWidth();
    float[] rows = new float[Math.multiplyExact(features.length, width)];
    for (int i = 0; i < features.length; i++) {
      MemorySegment.copy(
          weights.encoder(),
          DictionaryParameters.FLOAT,
          (long) features[i] * width * Float.BYTES,
          rows,
          i * width,
          width);
    }
    return Tensor.ofFloats(rows, features.length, width).to(model.device());
  }

  /** The encoder's bias and, where it reads {@code x − b_D}, what that subtracts. */
  private double ownBias(int feature) {
    DictionaryParameters weights = dictionary.parameters();
    double bias =
        weights.encoderBias().get(DictionaryParameters.FLOAT, (long) feature * Float.BYTES);
    if (dictionary.config().subtractDecoderBias()) {
      int width = weights.inputWidth();
      for (int i = 0; i < width; i++) {
        bias -=
            (double)
                    weights
                        .encoder()
                        .get(DictionaryParameters.FLOAT, ((long) feature * width + i) * Float.BYTES)
                * weights.decoderBias().get(DictionaryParameters.FLOAT, (long) i * Float.BYTES);
      }
    }
    return bias;
  }
}
