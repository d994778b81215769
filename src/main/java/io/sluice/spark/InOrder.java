package io.sluice.spark;

import java.io.Serializable;
import java.util.Comparator;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.function.Function2;
import scala.Tuple2;

/**
 * Joins what tasks have found of each slot, in the order of the blocks that it was found in and not
 * in that in which tasks end. So results have the same bits in every run. A task has two parts of
 * one slot in memory; what waits is on Spark's disks.
 */
final class InOrder {
  /** With at most as many, Spark writes records to files as they come and keeps none in memory. */
  static final int MOST_PARTITIONS = 200;

  private InOrder() {}

  /**
   * Where a part belongs.
   *
   * @param slot what it is a part of
   * @param block its place among the parts of the slot
   */
  record Key(int slot, long block) implements Serializable, Comparable<Key> {
    private static final Comparator<Key> ORDER =
        Comparator.comparingInt(Key::slot).thenComparingLong(Key::block);

    @Override
    public int compareTo(Key other) {
      return ORDER.compare(this, other);
    }
  }

  /** The slots of a partition; Spark sends it to the executors. */
  private static final class BySlot extends Partitioner {
    private static final long serialVersionUID = 1;
    private final int partitions;
    private final int neighbours;

    BySlot(int partitions, int neighbours) {
      this.partitions = partitions;
      this.neighbours = neighbours;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      return ((Key) key).slot() / neighbours % partitions;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof BySlot by
          && by.partitions == partitions
          && by.neighbours == neighbours;
    }

    @Override
    public int hashCode() {
      return 31 * partitions + neighbours;
    }
  }

  /** The order within a partition; Spark sends it to the executors. */
  private static final class BySlotAndBlock implements Comparator<Key>, Serializable {
    private static final long serialVersionUID = 1;

    @Override
    public int compare(Key a, Key b) {
      return a.compareTo(b);
    }
  }

  /**
   * The parts, sorted by slot and block within each partition.
   *
   * @param neighbours how many slots that follow each other are in the same partition
   */
  static <V> JavaPairRDD<Key, V> sorted(JavaPairRDD<Key, V> parts, int partitions, int neighbours) {
    return parts.repartitionAndSortWithinPartitions(
        new BySlot(partitions, neighbours), new BySlotAndBlock());
  }

  /**
   * The parts of each slot, joined from left to right.
   *
   * @param then joins what is joined so far and the next part
   */
  static <V> JavaPairRDD<Integer, V> joined(
      JavaPairRDD<Key, V> parts, int partitions, Function2<V, V, V> then) {
    return sorted(parts, partitions, 1).mapPartitionsToPair(found -> new Joining<>(found, then));
  }

  /** Joins neighbours of one slot as they come. */
  private static final class Joining<V> implements Iterator<Tuple2<Integer, V>> {
    private final Iterator<Tuple2<Key, V>> parts;
    private final Function2<V, V, V> then;
    private Tuple2<Key, V> next;

    Joining(Iterator<Tuple2<Key, V>> parts, Function2<V, V, V> then) {
      this.parts = parts;
      this.then = then;
      this.next = parts.hasNext() ? parts.next() : null;
    }

    @Override
    public boolean hasNext() {
      return next != null;
    }

    @Override
    public Tuple2<Integer, V> next() {
      if (next == null) {
        throw new NoSuchElementException();
      }
      int slot = next._1().slot();
      V all = null;
      while (next != null && next._1().slot() == slot) {
        all = all == null ? next._2() : joined(all, next._2());
        next = parts.hasNext() ? parts.next() : null;
      }
      return new Tuple2<>(slot, all);
    }

    private V joined(V all, V part) {
      try {
        return then.call(all, part);
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
