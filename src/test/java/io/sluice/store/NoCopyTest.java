package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same bytes as Arrow buffer, memory segment and tensor. */
class NoCopyTest {
  @TempDir Path folder;

  @Test
  void tensorOfABatchIsTheBatchsMemory() throws IOException {
    StoreSamples.write(folder, 30);
    ActivationStore store = ActivationStore.open(folder);
    List<String> names =
        List.of(StoreSamples.F32, StoreSamples.F16, StoreSamples.BF16, Column.POSITION);
    Batches batches = store.batches(names, 8, 1);
    try (TensorScope scope = TensorScope.open()) {
      Batch batch = batches.next();
      for (String name : names) {
        Tensor tensor = batch.tensor(name);
        assertThat(tensor.data().address()).isEqualTo(batch.data(name).address());
        assertThat(tensor.size(0)).isEqualTo(8);
        assertThat(tensor.dtype()).isEqualTo(store.column(name).dtype());
        assertThat(scope.size()).isPositive();
      }
      Tensor wide = batch.tensor(StoreSamples.BF16).to(DType.F32);
      assertThat(wide.toFloats()[36]).isEqualTo(StoreSamples.value(batch.rowNumber(1), 2, 1));
      assertThat(batch.tensor(Column.POSITION).toLongs()[3])
          .isEqualTo(StoreSamples.position(batch.rowNumber(3)));
    }
  }

  @Test
  void tensorOfAShardIsTheMappedFileAndCannotBeWritten() throws IOException {
    StoreSamples.write(folder, 30);
    Shard shard = ActivationStore.open(folder).shards().get(1);
    try (TensorScope scope = TensorScope.open()) {
      Tensor tensor = shard.tensor(StoreSamples.F32);
      assertThat(tensor.shape()).containsExactly(7, 6);
      assertThat(tensor.data().address()).isEqualTo(shard.data(StoreSamples.F32).address());
      assertThat(tensor.toFloats()[7]).isEqualTo(StoreSamples.value(8, 0, 1));
      assertThat(tensor.isReadOnly()).isTrue();
      assertThatThrownBy(tensor::zero_).isInstanceOf(RuntimeException.class);
      assertThat(scope.size()).isPositive();
    }
  }

  @Tag("slow")
  @Test
  void arrowVectorAndMemoryAreTheSameBytes() throws IOException {
    StoreSamples.write(folder, 30);
    ActivationStore store = ActivationStore.open(folder);
    Shard shard = store.shards().get(1);
    for (Column column : store.columns()) {
      MemorySegment data = shard.data(column.name());
      try (BufferAllocator allocator = ArrowMemory.newAllocator();
          Arena arena = Arena.ofConfined();
          FieldVector vector = ArrowVectors.over(allocator, column, data)) {
        assertThat(vector.getValueCount()).isEqualTo(7);
        assertThat(vector.getNullCount()).isZero();
        MemorySegment back = ArrowVectors.memory(vector, arena);
        assertThat(back.address()).isEqualTo(data.address());
        assertThat(back.byteSize()).isEqualTo(data.byteSize());
        if (column.dtype() == DType.F32) {
          assertThat(((List<?>) vector.getObject(1)).get(1)).isEqualTo(StoreSamples.value(8, 0, 1));
        }
      }
    }
  }

  @Test
  void arrowBufferBecomesATensor() {
    try (BufferAllocator allocator = ArrowMemory.newAllocator()) {
      try (Arena arena = Arena.ofConfined();
          TensorScope scope = TensorScope.open()) {
        MemorySegment memory;
        try (ArrowBuf buffer = allocator.buffer(64)) {
          assertThat(buffer.memoryAddress() % 64).isZero();
          for (int i = 0; i < 16; i++) {
            buffer.setFloat(4L * i, i);
          }
          memory = ArrowMemory.segment(buffer, arena);
        }
        // The buffer is closed; the segment still holds its memory.
        Tensor tensor = Tensor.of(memory, DType.F32, 4, 4);
        assertThat(tensor.toFloats()[5]).isEqualTo(5f);
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, 5, -1f);
        assertThat(tensor.toFloats()[5]).isEqualTo(-1f);
        assertThat(allocator.getAllocatedMemory()).isPositive();
        assertThat(scope.size()).isPositive();
      }
      assertThat(allocator.getAllocatedMemory()).isZero();
    }
  }
}
