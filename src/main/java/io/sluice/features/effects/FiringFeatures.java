package io.sluice.features.effects;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.Transformer;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.SpecialTokens;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Finds the features that fire on a given text, token by token. */
public final class FiringFeatures {
  private FiringFeatures() {}

  /**
   * A token of the text and what fires on it.
   *
   * @param id the token
   * @param position its position, where special tokens before the text count
   * @param features the features that fire, the strongest first; of equal ones that with the lower
   *     number
   * @param activations their activations
   */
  public record Token(int id, int position, int[] features, float[] activations) {}

  /**
   * The features of a dictionary that fire on a text. It runs as one context, and activation
   * functions that select over a batch do so over its tokens. The first token of a causal model,
   * whose activations are on another scale, has none.
   *
   * @return the tokens of the text, without special tokens around it
   * @throws IOException if the tokenizer cannot read the text
   * @throws IllegalArgumentException if the text has no token or more than the model takes, or the
   *     model has not the hook points that the dictionary reads
   */
  public static List<Token> of(
      LoadedModel model, Dictionary dictionary, EngineFactory engines, String text)
      throws IOException {
    try (Engine engine = dictionary.open(engines)) {
      List<Site> inputs = dictionary.config().inputs();
      return of(model, inputs, 0, encoder(engine, inputs, dictionary.config().activation()), text);
    }
  }

  /** The same for a cross-layer transcoder, whose features are those of all layers in order. */
  public static List<Token> of(
      LoadedModel model, CrossLayerDictionary dictionary, EngineFactory engines, String text)
      throws IOException {
    try (Engine engine = dictionary.open(engines)) {
      ActivationFunction activation = dictionary.layers().getFirst().config().activation();
      return of(
          model, dictionary.inputs(), 0, encoder(engine, dictionary.inputs(), activation), text);
    }
  }

  /** Encodes one context. */
  @FunctionalInterface
  public interface ContextEncoder {
    /**
     * Encodes some of its tokens.
     *
     * @param rows what is read at all positions of the context, float32
     * @param first the first position that gets codes
     * @param end the end of them, exclusive
     * @return a row for each of these positions
     */
    Codes encode(Rows rows, int first, int end);
  }

  private static ContextEncoder encoder(
      Engine engine, List<Site> inputs, ActivationFunction activation) {
    int width = Site.widths(inputs);
    return (rows, first, end) -> {
      MemorySegment counted = rows.memory().asSlice(first * rows.rowBytes());
      engine.encode(new Rows(counted, DType.F32, end - first, width), activation);
      return engine.codes();
    };
  }

  /**
   * The features that fire on a text by an encoder that may read the whole context.
   *
   * @param inputs what it reads
   * @param firstPosition positions before it have no features
   * @throws IOException if the tokenizer cannot read the text
   * @throws IllegalArgumentException as for a dictionary
   */
  public static List<Token> of(
      LoadedModel model, List<Site> inputs, int firstPosition, ContextEncoder encoder, String text)
      throws IOException {
    int[] tokens = model.tokenizer().encode(text);
    int[] ids = SpecialTokens.of(model.tokenizer()).around(tokens);
    if (tokens.length == 0) {
      throw new IllegalArgumentException("the text has no token; give some words");
    }
    int before = model.tokenizer().prefix().length;
    int first = Math.max(before, Math.max(firstPosition, model.firstPosition()));
    int end = before + tokens.length;
    List<Token> found = new ArrayList<>();
    for (int i = before; i < Math.min(first, end); i++) {
      found.add(new Token(ids[i], i, new int[0], new float[0]));
    }
    if (first < end) {
      float[] rows = activations(model.transformer(), inputs, ids);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_FLOAT, rows);
        Codes codes =
            encoder.encode(
                new Rows(memory, DType.F32, ids.length, Site.widths(inputs)), first, end);
        for (int row = 0; row < end - first; row++) {
          found.add(token(codes, row, ids[first + row], first + row));
        }
      }
    }
    return found;
  }

  /** What is read at each position, side by side. */
  private static float[] activations(Transformer model, List<Site> inputs, int[] ids) {
    Map<HookPoint, float[]> seen = new HashMap<>();
    List<HookPoint> points = inputs.stream().map(site -> HookPoint.parse(site.hook())).toList();
    for (int i = 0; i < points.size(); i++) {
      HookPoint point = points.get(i);
      if (point.layer() >= model.shape().layers() || model.width(point) != inputs.get(i).width()) {
        throw new IllegalArgumentException(
            "the dictionary reads %s of width %d, the model has %d layers of width %d; give the model that was captured"
                .formatted(
                    point, inputs.get(i).width(), model.shape().layers(), model.shape().dModel()));
      }
    }
    model.observe(
        TokenBatch.of(List.of(ids)),
        Hooks.none().observe(points, (point, x) -> seen.put(point, x.to(DType.F32).toFloats())));
    int width = Site.widths(inputs);
    float[] rows = new float[Math.multiplyExact(ids.length, width)];
    int column = 0;
    for (int i = 0; i < points.size(); i++) {
      int own = inputs.get(i).width();
      float[] values = seen.get(points.get(i));
      for (int position = 0; position < ids.length; position++) {
        System.arraycopy(values, position * own, rows, position * width + column, own);
      }
      column += own;
    }
    return rows;
  }

  private static Token token(Codes codes, int row, int id, int position) {
    int from = codes.offset(row);
    Integer[] order = IntStream.range(from, codes.offset(row + 1)).boxed().toArray(Integer[]::new);
    Arrays.sort(
        order,
        Comparator.comparingDouble((Integer entry) -> -Math.abs(codes.value(entry)))
            .thenComparingInt(entry -> codes.feature(entry)));
    int[] features = new int[order.length];
    float[] values = new float[order.length];
    for (int i = 0; i < order.length; i++) {
      features[i] = codes.feature(order[i]);
      values[i] = codes.value(order[i]);
    }
    return new Token(id, position, features, values);
  }
}
