package io.sluice.model;

import io.sluice.torch.Tensor;
import java.io.IOException;

/** Makes queries, keys and values of what a layer reads. */
@FunctionalInterface
interface Projections {
  /**
   * Queries, keys and values, before they are turned by position.
   *
   * @param x {@code [batch, length, dModel]}
   */
  Heads apply(Tensor x);

  /**
   * Queries, keys and values; keys and values may have fewer heads.
   *
   * @param query {@code [batch, length, heads, headDim]}
   * @param key {@code [batch, length, keyValueHeads, headDim]}
   * @param value {@code [batch, length, keyValueHeads, headDim]}
   */
  record Heads(Tensor query, Tensor key, Tensor value) {}

  /** One projection each. */
  static Projections separate(
      WeightLoader loader, String module, CausalConfig config, boolean biased) throws IOException {
    AttentionConfig attention = config.attention();
    int headDim = attention.headDim();
    int heads = attention.heads();
    int groups = attention.keyValueHeads();
    Linear query = Linear.of(loader, module + ".q_proj", heads * headDim, config.dModel(), biased);
    Linear key = Linear.of(loader, module + ".k_proj", groups * headDim, config.dModel(), biased);
    Linear value = Linear.of(loader, module + ".v_proj", groups * headDim, config.dModel(), biased);
    return x ->
        new Heads(
            split(query.apply(x), heads),
            split(key.apply(x), groups),
            split(value.apply(x), groups));
  }

  /** One projection for all three: first all queries, then all keys, then all values. */
  static Projections queriesFirst(Linear all, AttentionConfig attention) {
    int width = attention.heads() * attention.headDim();
    return x -> {
      Tensor joined = all.apply(x);
      return new Heads(
          split(joined.narrow(2, 0, width), attention.heads()),
          split(joined.narrow(2, width, width), attention.heads()),
          split(joined.narrow(2, 2L * width, width), attention.heads()));
    };
  }

  /** One projection for all three: head by head, each its query, key and value. */
  static Projections headByHead(Linear all, AttentionConfig attention) {
    int headDim = attention.headDim();
    return x -> {
      Tensor joined = split(all.apply(x), attention.heads());
      return new Heads(
          joined.narrow(3, 0, headDim),
          joined.narrow(3, headDim, headDim),
          joined.narrow(3, 2L * headDim, headDim));
    };
  }

  /** These queries and keys, each head normalised by itself. */
  default Projections normalised(Norm query, Norm key) {
    Projections before = this;
    return new Projections() {
      @Override
      public Heads apply(Tensor x) {
        Heads heads = before.apply(x);
        return new Heads(query.apply(heads.query()), key.apply(heads.key()), heads.value());
      }

      @Override
      public Projections beforeNorms() {
        return before;
      }
    };
  }

  /** The same without norms on queries and keys; this itself where there are none. */
  default Projections beforeNorms() {
    return this;
  }

  private static Tensor split(Tensor x, int heads) {
    return x.reshape(x.size(0), x.size(1), heads, x.size(2) / heads);
  }
}
