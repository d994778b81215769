package io.sluice.spark;

import java.io.Serializable;
import java.util.Comparator;

/**
 * A node of {@link MomentTree}.
 *
 * @param hook the number of a hook point
 * @param index of the node among those of its level
 */
record MomentNode(int hook, int index) implements Serializable, Comparable<MomentNode> {
  private static final Comparator<MomentNode> ORDER =
      Comparator.comparingInt(MomentNode::hook).thenComparingInt(MomentNode::index);

  @Override
  public int compareTo(MomentNode other) {
    return ORDER.compare(this, other);
  }

  /** The node of the next level that this one is merged into. */
  MomentNode parent() {
    return new MomentNode(hook, index / MomentTree.CHILDREN);
  }
}
