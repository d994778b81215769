package io.sluice.lorsa.features;

import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.effects.AttentionSources;
import io.sluice.features.effects.EffectsWriter;
import io.sluice.features.effects.SourceBlock;
import io.sluice.features.effects.SourceFinder;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.lorsa.engine.LorsaSources;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.memory.DType;
import io.sluice.model.HookPoint;
import io.sluice.model.Transformer;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;

/**
 * The sources of a Lorsa's features. Which positions an activation comes from follows from the
 * Lorsa's own attention: {@code z_h(t) = b_V^h + Σ_s A_g(h)(t, s) · ⟨w_V^h, x_s⟩}. Which heads of
 * the model write the feature follows from theirs: what attention writes along {@code w_O^h}, less
 * the Lorsa's output bias, is
 *
 * <pre>⟨w_O^h, attn_out_t − b⟩ = ⟨w_O^h, b_O − b⟩ + Σ_j ⟨w_O^h, W_O^j·z_j(t)⟩</pre>
 *
 * <p>Both are computed from the input of attention in the store, so the model's layers do not run.
 */
public final class LorsaSourcePass implements SourceFinder {
  private static final int ROWS_AT_ONCE = 256;

  /** By how much the model's attention may differ from the store's, as a share of its size. */
  private static final double LARGEST_DIFFERENCE = 0.05;

  private final Transformer model;
  private final String name;
  private final LorsaConfig config;
  private final LorsaWeights weights;
  private final Contexts contexts;
  private final HookPoint point;

  private LorsaSourcePass(LoadedModel loaded, GatheredLorsa owner, Contexts contexts) {
    this.model = loaded.transformer();
    this.name = loaded.name();
    this.config = owner.lorsa().config();
    this.weights = owner.lorsa().weights();
    this.contexts = contexts;
    this.point = HookPoint.parse(config.outputHook());
  }

  /**
   * The effects of a Lorsa's features; checks what applies, before any work.
   *
   * @throws IllegalArgumentException if the model is not the Lorsa's; one line
   * @throws IOException if the store cannot be read, or has no whole contexts
   */
  public static EffectsWriter effects(
      LoadedModel loaded, ActivationStore store, GatheredLorsa owner) throws IOException {
    Transformer model = loaded.transformer();
    LorsaConfig config = owner.lorsa().config();
    HookPoint point = HookPoint.parse(config.outputHook());
    if (point.layer() >= model.shape().layers()
        || model.width(point) != config.spec().outputWidth()) {
      throw new IllegalArgumentException(
          "%s has %d layers, in which %s is %d wide; the Lorsa writes %d values of %s: give the model that was captured"
              .formatted(
                  loaded.name(),
                  model.shape().layers(),
                  point.kind().label(),
                  model.width(point),
                  config.spec().outputWidth(),
                  point));
    }
    String refusal =
        AttentionSources.isOfAttention(point)
            ? null
            : "the Lorsa writes " + point + ", which attention's heads do not write alone";
    SourceFinder sources =
        refusal == null ? new LorsaSourcePass(loaded, owner, Contexts.of(store)) : null;
    return new EffectsWriter(loaded, owner.layers(), sources, refusal);
  }

  @Override
  public int heads() {
    return model.shape().heads();
  }

  @Override
  public SourceBlock of(int[] features, long[] rows, LongConsumer progress) throws IOException {
    SourceBlock block = SourceBlock.byPosition(features.length, heads());
    int[] order =
        IntStream.range(0, rows.length)
            .boxed()
            .sorted((a, b) -> Long.compare(rows[a], rows[b]))
            .mapToInt(Integer::intValue)
            .toArray();
    try (TensorScope scope = TensorScope.open();
        LorsaSources own = new LorsaSources(weights, model.device())) {
      AttentionSources attention = AttentionSources.of(model, point);
      int context = 0;
      for (int from = 0; from < order.length; ) {
        while (contexts.firstRow(context) + contexts.length(context) <= rows[order[from]]) {
          context++;
        }
        long end = contexts.firstRow(context) + contexts.length(context);
        int to = from;
        while (to < order.length && rows[order[to]] < end) {
          to++;
        }
        int[] entries = Arrays.copyOfRange(order, from, to);
        context(context, entries, features, rows, own, attention, block);
        requireSame(context, entries, features, rows, block);
        from = to;
        progress.accept(to);
      }
    }
    return block;
  }

  /**
   * Requires that the model's attention writes what the store has.
   *
   * @throws IOException if it does not; a store without the output is believed
   */
  private void requireSame(
      int context, int[] entries, int[] features, long[] rows, SourceBlock block)
      throws IOException {
    if (contexts.store().hookPoint(config.outputHook()).isEmpty()) {
      return;
    }
    int length = contexts.length(context);
    int width = config.spec().outputWidth();
    double difference = 0;
    double all = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stored = arena.allocate((long) length * width * Float.BYTES, Float.BYTES);
      contexts.read(config.outputHook(), new int[] {context}, length, stored);
      for (int entry : entries) {
        long at = (rows[entry] - contexts.firstRow(context)) * width;
        double sum = 0;
        for (int i = 0; i < width; i++) {
          double value = stored.getAtIndex(DictionaryParameters.FLOAT, at + i);
          sum +=
              (value - weight(LorsaTensor.OUTPUT_BIAS, i))
                  * weight(LorsaTensor.OUTPUT, (long) features[entry] * width + i);
        }
        difference += Math.abs(sum - block.written(entry));
        all += Math.abs(sum);
      }
    }
    if (difference > LARGEST_DIFFERENCE * all) {
      throw new IOException(
          "%s writes other values of %s than the store has (context at row %d); give the model that was captured"
              .formatted(name, config.outputHook(), contexts.firstRow(context)));
    }
  }

  /** The entries of one context. */
  private void context(
      int context,
      int[] entries,
      int[] features,
      long[] rows,
      LorsaSources own,
      AttentionSources attention,
      SourceBlock to)
      throws IOException {
    try (TensorScope scope = TensorScope.open()) {
      int length = contexts.length(context);
      Tensor host = Tensor.empty(DType.F32, Device.CPU, length, config.spec().inputWidth());
      contexts.read(config.inputHook(), new int[] {context}, length, host.data());
      Tensor input = host.to(model.device());
      AttentionSources.Context heads = attention.context(input);
      for (int from = 0; from < entries.length; from += ROWS_AT_ONCE) {
        int[] some =
            Arrays.copyOfRange(entries, from, Math.min(entries.length, from + ROWS_AT_ONCE));
        int[] chosen = Arrays.stream(some).map(entry -> features[entry]).toArray();
        int[] positions =
            Arrays.stream(some)
                .map(entry -> (int) (rows[entry] - contexts.firstRow(context)))
                .toArray();
        try (TensorScope inner = TensorScope.open()) {
          Tensor directions = outputRows(chosen);
          AttentionSources.Directions along = attention.directions(directions);
          float[] written = heads.contributions(along.heads(), positions).toFloats();
          float[] bias = along.bias().toFloats();
          float[] values = own.contributions(input, chosen, positions).toFloats();
          for (int i = 0; i < some.length; i++) {
            to.set(
                some[i],
                values,
                i * length,
                length,
                weight(LorsaTensor.VALUE_BIAS, chosen[i]),
                positions[i],
                written,
                i * heads() * length,
                (float) (bias[i] - constant(chosen[i])));
          }
        }
      }
    }
  }

  /** Output directions of some heads, {@code [n, outputWidth]}, on the model's device. */
  private Tensor outputRows(int[] heads) {
    int width = config.spec().outputWidth();
    float[] rows = new float[Math.multiplyExact(heads.length, width)];
    for (int i = 0; i < heads.length; i++) {
      MemorySegment.copy(
          weights.get(LorsaTensor.OUTPUT),
          DictionaryParameters.FLOAT,
          (long) heads[i] * width * Float.BYTES,
          rows,
          i * width,
          width);
    }
    return Tensor.ofFloats(rows, heads.length, width).to(model.device());
  }

  /** What the Lorsa's output bias has along the output direction of a head. */
  private double constant(int head) {
    int width = config.spec().outputWidth();
    double sum = 0;
    for (int i = 0; i < width; i++) {
      sum +=
          (double) weight(LorsaTensor.OUTPUT, (long) head * width + i)
              * weight(LorsaTensor.OUTPUT_BIAS, i);
    }
    return sum;
  }

  private float weight(LorsaTensor tensor, long at) {
    return weights.get(tensor).get(DictionaryParameters.FLOAT, at * Float.BYTES);
  }
}
