package io.sluice.model.causal;

import io.sluice.model.cpu.CpuLayer;
import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Norm;
import io.sluice.torch.Tensor;
import java.util.List;

/**
 * Computes queries, keys and values from the input of a layer.
 *
 * @param parts one projection each, or one for all three
 * @param layout where they are in the concatenated results of the parts
 * @param config numbers and width of the heads
 * @param queryNorm on queries, before they are rotated; null for none
 * @param keyNorm on keys, before they are rotated; null for none
 * @param joinedNorms whether these norms go over all heads of a token at once, not over each head
 */
public record Projections(
    List<Linear> parts,
    Layout layout,
    AttentionConfig config,
    Norm queryNorm,
    Norm keyNorm,
    boolean joinedNorms) {

  /** The order of heads in a row. */
  public enum Layout {
    /** All queries, then all keys, then all values. */
    QUERIES_FIRST,
    /** Head by head, each its query, key and value. */
    HEAD_BY_HEAD
  }

  /**
   * Queries, keys and values; keys and values may have fewer heads.
   *
   * @param query {@code [batch, length, heads, headDim]}
   * @param key {@code [batch, length, keyValueHeads, headDim]}
   * @param value {@code [batch, length, keyValueHeads, headDim]}
   */
  record Heads(Tensor query, Tensor key, Tensor value) {}

  /** One projection each. */
  public static Projections separate(
      Linear query, Linear key, Linear value, AttentionConfig attention) {
    return of(List.of(query, key, value), Layout.QUERIES_FIRST, attention);
  }

  /** One projection for all three: first all queries, then all keys, then all values. */
  public static Projections queriesFirst(Linear all, AttentionConfig attention) {
    return of(List.of(all), Layout.QUERIES_FIRST, attention);
  }

  /** One projection for all three: head by head, each its query, key and value. */
  public static Projections headByHead(Linear all, AttentionConfig attention) {
    return of(List.of(all), Layout.HEAD_BY_HEAD, attention);
  }

  private static Projections of(List<Linear> parts, Layout layout, AttentionConfig attention) {
    return new Projections(parts, layout, attention, null, null, false);
  }

  /** Normalises the queries or keys of each head. */
  public Projections normalised(Norm query, Norm key) {
    return new Projections(parts, layout, config, query, key, false);
  }

  /**
   * Normalises the queries of all heads together, and the keys.
   *
   * @throws IllegalArgumentException if queries are not side by side
   */
  public Projections normalisedTogether(Norm query, Norm key) {
    if (layout != Layout.QUERIES_FIRST) {
      throw new IllegalArgumentException("a norm over all queries, which lie " + layout);
    }
    return new Projections(parts, layout, config, query, key, true);
  }

  /**
   * Queries, keys and values, before they are rotated by position.
   *
   * @param x {@code [batch, length, dModel]}
   */
  Heads apply(Tensor x) {
    Heads heads = parts.size() == 1 ? split(parts.getFirst().apply(x)) : each(x);
    return new Heads(
        normalised(queryNorm, heads.query()), normalised(keyNorm, heads.key()), heads.value());
  }

  /**
   * @param heads {@code [batch, length, heads, headDim]}
   */
  private Tensor normalised(Norm norm, Tensor heads) {
    if (norm == null || !joinedNorms) {
      return norm == null ? heads : norm.apply(heads);
    }
    Tensor joined = heads.reshape(heads.size(0), heads.size(1), heads.size(2) * heads.size(3));
    return norm.apply(joined).reshape(heads.shape());
  }

  /** The norms over all heads, for the CPU: where they are in the results of the parts. */
  List<CpuLayer.PartNorm> onCpu() {
    if (!joinedNorms) {
      return List.of();
    }
    return List.of(
        new CpuLayer.PartNorm(0, CpuLayer.rows(queryNorm)),
        new CpuLayer.PartNorm(config.heads() * config.headDim(), CpuLayer.rows(keyNorm)));
  }

  private Heads each(Tensor x) {
    return new Heads(
        heads(parts.get(0).apply(x), config.heads()),
        heads(parts.get(1).apply(x), config.keyValueHeads()),
        heads(parts.get(2).apply(x), config.keyValueHeads()));
  }

  private Heads split(Tensor joined) {
    int headDim = config.headDim();
    return switch (layout) {
      case QUERIES_FIRST -> {
        long queries = (long) config.heads() * headDim;
        long keys = (long) config.keyValueHeads() * headDim;
        yield new Heads(
            heads(joined.narrow(2, 0, queries), config.heads()),
            heads(joined.narrow(2, queries, keys), config.keyValueHeads()),
            heads(joined.narrow(2, queries + keys, keys), config.keyValueHeads()));
      }
      case HEAD_BY_HEAD -> {
        Tensor all = heads(joined, config.heads());
        yield new Heads(
            all.narrow(3, 0, headDim),
            all.narrow(3, headDim, headDim),
            all.narrow(3, 2L * headDim, headDim));
      }
    };
  }

  private static Tensor heads(Tensor x, int count) {
    return x.reshape(x.size(0), x.size(1), count, x.size(2) / count);
  }
}
