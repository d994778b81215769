package io.sluice.spark;

import io.sluice.geometry.TokenMoments;
import java.util.Comparator;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import scala.Tuple2;

/**
 * Merges the moments of each hook point in a tree: {@value #CHILDREN} consecutive nodes of a level
 * become one of the next, merged from left to right. So the order of all sums depends on the number
 * of leaves alone, not on executors, retries or timing, and results have the same bits in every
 * run. A task has two nodes of one hook point in memory; what waits is on Spark's disks.
 */
final class MomentTree {
  /** Nodes that are merged into one. More make fewer passes over the network, and longer ones. */
  static final int CHILDREN = 8;

  /** With at most as many, Spark writes records to files as they come and keeps none in memory. */
  private static final int MOST_PARTITIONS = 200;

  private MomentTree() {}

  /**
   * The roots, one for each hook point, with index 0.
   *
   * @param leaves one of each hook point for each index below {@code count}
   * @param hooks number of hook points
   * @param count number of leaves of a hook point, at least 1
   */
  static JavaPairRDD<MomentNode, PackedMoments> merged(
      JavaPairRDD<MomentNode, PackedMoments> leaves, int hooks, int count) {
    JavaPairRDD<MomentNode, PackedMoments> level = leaves;
    int nodes = count;
    do {
      nodes = Math.ceilDiv(nodes, CHILDREN);
      int partitions = (int) Math.min(MOST_PARTITIONS, (long) hooks * nodes);
      leaves.context().setCallSite("merge");
      level =
          level
              .repartitionAndSortWithinPartitions(
                  new ByParent(nodes, partitions), new ByHookAndIndex())
              .setName("moments by hook point")
              .mapPartitionsToPair(Merging::new)
              .setName("moments, merged to " + nodes + " of each hook point");
    } while (nodes > 1);
    return level;
  }

  /** The order within a partition; Spark sends it to the executors. */
  private static final class ByHookAndIndex
      implements Comparator<MomentNode>, java.io.Serializable {
    private static final long serialVersionUID = 1;

    @Override
    public int compare(MomentNode a, MomentNode b) {
      return a.compareTo(b);
    }
  }

  /** Nodes that are merged into one are in one partition. */
  private static final class ByParent extends Partitioner {
    private static final long serialVersionUID = 1;
    private final int parents;
    private final int partitions;

    ByParent(int parents, int partitions) {
      this.parents = parents;
      this.partitions = partitions;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      MomentNode parent = ((MomentNode) key).parent();
      return (int) (((long) parent.hook() * parents + parent.index()) % partitions);
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof ByParent by && by.parents == parents && by.partitions == partitions;
    }

    @Override
    public int hashCode() {
      return 31 * parents + partitions;
    }
  }

  /** Merges neighbours of one parent as they come. */
  private static final class Merging implements Iterator<Tuple2<MomentNode, PackedMoments>> {
    private final Iterator<Tuple2<MomentNode, PackedMoments>> nodes;
    private Tuple2<MomentNode, PackedMoments> next;

    Merging(Iterator<Tuple2<MomentNode, PackedMoments>> nodes) {
      this.nodes = nodes;
      this.next = nodes.hasNext() ? nodes.next() : null;
    }

    @Override
    public boolean hasNext() {
      return next != null;
    }

    @Override
    public Tuple2<MomentNode, PackedMoments> next() {
      if (next == null) {
        throw new NoSuchElementException();
      }
      MomentNode parent = next._1().parent();
      TokenMoments sum = null;
      while (next != null && next._1().parent().equals(parent)) {
        TokenMoments moments = next._2().unpacked();
        sum = sum == null ? moments : sum.merge(moments);
        next = nodes.hasNext() ? nodes.next() : null;
      }
      return new Tuple2<>(parent, PackedMoments.of(sum));
    }
  }
}
