package io.sluice.store;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Rows of the shard being written, to be filled in place and then committed. The segments are the
 * writer's own Arrow buffers, writable until {@link StoreWriter#commit} is called.
 *
 * @param firstRow the index in the store of the first row
 * @param count rows offered
 * @param tokenIds {@code [count]} int32
 * @param positions {@code [count]} int32
 * @param documentIds {@code [count]} int32
 * @param activations {@code [count, width]} of each column's dtype, in the order of the spec
 */
public record ReservedRows(
    long firstRow,
    int count,
    MemorySegment tokenIds,
    MemorySegment positions,
    MemorySegment documentIds,
    List<MemorySegment> activations) {}
