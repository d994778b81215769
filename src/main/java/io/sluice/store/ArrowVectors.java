package io.sluice.store;

import io.sluice.store.files.Column;
import io.sluice.store.files.ShardFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.c.ArrowArray;
import org.apache.arrow.c.ArrowSchema;
import org.apache.arrow.c.Data;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;

/** Activations as Arrow vectors and as structures of the Arrow C Data Interface, without a copy. */
public final class ArrowVectors {
  private ArrowVectors() {}

  /**
   * A vector over a column's memory, without a copy of the values (Arrow's Java vectors keep
   * validity bits of their own, one per element). The caller closes it.
   *
   * @param column the column in the memory
   * @param memory {@code [rows, width]} of the column's dtype
   * @throws IllegalArgumentException if the memory is on the heap or is not a whole number of rows
   */
  public static FieldVector over(BufferAllocator allocator, Column column, MemorySegment memory) {
    long rows = memory.byteSize() / column.bytesPerRow();
    if (rows * column.bytesPerRow() != memory.byteSize() || rows > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          memory.byteSize()
              + " bytes are not a whole number of rows of column '"
              + column.name()
              + "', "
              + column.bytesPerRow()
              + " bytes each");
    }
    FieldVector vector = ShardFrame.field(column).createVector(allocator);
    FieldVector values = vector;
    ArrowBuf valid = allocator.getEmpty();
    if (!column.isTokenColumn()) {
      vector.loadFieldBuffers(new ArrowFieldNode(rows, 0), List.of(valid));
      values = vector.getChildrenFromFields().get(0);
    }
    try (ArrowBuf data = ArrowMemory.buffer(allocator, memory)) {
      long elements = Math.multiplyExact(rows, column.width());
      values.loadFieldBuffers(new ArrowFieldNode(elements, 0), List.of(valid, data));
    }
    return vector;
  }

  /**
   * The values of a vector as memory, without a copy: the elements of a list of fixed size, or the
   * plain values of another vector. The vector's buffer is retained until {@code arena} closes.
   *
   * @throws IllegalArgumentException if the values have no fixed width
   */
  public static MemorySegment memory(FieldVector vector, Arena arena) {
    FieldVector values = vector instanceof FixedSizeListVector list ? list.getDataVector() : vector;
    if (!(values instanceof BaseFixedWidthVector plain)) {
      throw new IllegalArgumentException(
          "vector '"
              + vector.getName()
              + "' of type "
              + vector.getField().getType()
              + " has no values of fixed width");
    }
    long bytes = (long) plain.getTypeWidth() * plain.getValueCount();
    return ArrowMemory.segment(plain.getDataBuffer(), arena).asSlice(0, bytes);
  }

  /**
   * Exports a live batch over the Arrow C Data Interface, as a record batch whose columns are the
   * batch's own memory: {@code pyarrow.RecordBatch._import_from_c(array, schema)} on the other side
   * sees the same addresses, and later the contents of the next batch.
   *
   * @param allocator owns the memory of the export until the importer releases it
   * @param array address of an {@code ArrowArray} structure that the caller allocated
   * @param schema address of an {@code ArrowSchema} structure that the caller allocated
   */
  public static void export(BufferAllocator allocator, Batch batch, long array, long schema) {
    List<FieldVector> vectors = new ArrayList<>();
    for (int i = 0; i < batch.columns().size(); i++) {
      vectors.add(over(allocator, batch.columns().get(i), batch.data(i)));
    }
    try (VectorSchemaRoot root = new VectorSchemaRoot(vectors)) {
      root.setRowCount(batch.rows());
      Data.exportVectorSchemaRoot(
          allocator, root, null, ArrowArray.wrap(array), ArrowSchema.wrap(schema));
    }
  }
}
