package io.sluice.simd.layers;

import java.lang.foreign.MemorySegment;

/**
 * The part of an attention that one task computes: the queries of one context that share one head
 * of keys and values. It knows where its values lie and which keys its queries attend to.
 */
abstract class AttentionPass {
  final AttentionHeads heads;
  final RotaryAngles angles;
  final Attention.Batch batch;
  final int headDim;

  /** Rows of the context that are keys. */
  final int keys;

  /**
   * The head of keys and values, and the query heads that share it, {@code [firstHead, endHead)}.
   */
  final int group;

  final int firstHead;
  final int endHead;

  private final MemorySegment rows;
  private final int context;

  /**
   * @param task number among the contexts times heads of keys and values
   */
  AttentionPass(
      AttentionHeads heads,
      RotaryAngles angles,
      Attention.Batch batch,
      MemorySegment rows,
      int task) {
    this.heads = heads;
    this.angles = angles;
    this.batch = batch;
    this.rows = rows;
    this.context = task / heads.keyValueHeads();
    this.group = task % heads.keyValueHeads();
    this.headDim = heads.headDim();
    this.keys = batch.keys(context);
    int perGroup = heads.heads() / heads.keyValueHeads();
    this.firstHead = group * perGroup;
    this.endHead = firstHead + perGroup;
  }

  /** Number of tasks of a batch. */
  static int tasks(AttentionHeads heads, Attention.Batch batch) {
    return Math.multiplyExact(batch.contexts(), heads.keyValueHeads());
  }

  /** The byte at which a value of one of the context's rows starts. */
  final long offset(int row, long column) {
    long first = ((long) context * batch.capacity() + row) * heads.rowWidth();
    return (first + column) * Float.BYTES;
  }

  /** The address of a value of one of the context's rows. */
  final long at(int row, long column) {
    return rows.address() + offset(row, column);
  }

  /** The row of output of a query. */
  final long outputRow(int query) {
    return (long) context * batch.queries() + query - batch.first();
  }

  /** Copies the key of a row, normalised and rotated. */
  final void readKey(LayerKernels kernels, int row, long to) {
    int at = heads.keyAt() + group * heads.keyStep();
    heads.read(kernels, at(row, at), heads.keyNorm(), angles, row, to);
  }

  /** Copies a query of a row, normalised and rotated. */
  final void readQuery(LayerKernels kernels, int head, int row, long to) {
    int at = heads.queryAt() + head * heads.queryStep();
    heads.read(kernels, at(row, at), heads.queryNorm(), angles, row, to);
  }

  /** Where the group's values start in a row. */
  final int valueAt() {
    return heads.valueAt() + group * heads.valueStep();
  }

  /**
   * The first key that a query attends to. A query in the padding may be past all keys; its first
   * key is then the last one, and its result is not used.
   */
  final int firstKey(int query) {
    return Math.min(heads.rule().firstKey(query), keys - 1);
  }

  /** Where the keys that a query attends to end. */
  final int endKey(int query) {
    return heads.rule().endKey(query, keys);
  }
}
