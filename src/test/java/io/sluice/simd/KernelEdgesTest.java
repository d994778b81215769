package io.sluice.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.NativeMemory;
import io.sluice.memory.Workers;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.layers.Attention;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.simd.layers.BlockAttention;
import io.sluice.simd.layers.Nonlinearity;
import io.sluice.simd.layers.PackedMatrix;
import io.sluice.simd.layers.RowAttention;
import io.sluice.simd.layers.RowFunction;
import io.sluice.simd.layers.RowLogLoss;
import io.sluice.simd.layers.RowNorm;
import io.sluice.simd.layers.RowProduct;
import io.sluice.simd.layers.RowSplit;
import io.sluice.simd.layers.StridedProduct;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What kernels by address refuse before they touch any memory. */
class KernelEdgesTest {
  private static final AttentionHeads.Rule RULE = new AttentionHeads.Rule(false, 0, 1, 0);

  private final Arena arena = Arena.ofShared();
  private final Workers workers = Workers.of(2);
  private final MemorySegment x = arena.allocate(8 * 16 * 4, 64);
  private final MemorySegment y = arena.allocate(8 * 16 * 4, 64);

  @AfterEach
  void free() {
    workers.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }

  private static void refused(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("may only be read");
  }

  @Test
  void noResultIsWrittenWhereMemoryMayOnlyBeRead() {
    MemorySegment only = y.asReadOnly();
    RowNorm norm = new RowNorm(new float[16], null, 1e-5f);
    refused(() -> norm.apply(x, 8, only, workers));
    refused(() -> norm.applyWithin(only, 8, 16, 0, workers));
    refused(() -> RowNorm.add(x, x, only, 8, workers));
    refused(() -> new RowFunction().apply(Nonlinearity.GELU, only, 8, 16, workers));
    refused(() -> new RowFunction().applyGate(Nonlinearity.GELU, x, only, 8, 16, workers));
    refused(() -> RowSplit.split(x, 8, 16, only, true, workers));
    PackedMatrix matrix = new PackedMatrix(16, 16, arena);
    refused(() -> new RowProduct().multiply(matrix, x, 8, only, workers));
    AttentionHeads heads = new AttentionHeads(1, 1, 4, 16, 0, 4, 4, 4, 8, 4, null, null, 0, RULE);
    Attention.Batch batch = Attention.Batch.of(4, new int[] {4, 4});
    refused(() -> new RowAttention(workers).run(heads, null, batch, x, only));
    // What is only read may be read-only.
    norm.apply(x.asReadOnly(), 8, y, workers);
    new RowProduct().multiply(matrix, x.asReadOnly(), 8, y, workers);
    new RowAttention(workers).run(heads, null, batch, x.asReadOnly(), y);
  }

  @Test
  void sizesCountIn64Bits() {
    int many = Integer.MAX_VALUE;
    assertThatThrownBy(() -> RowSplit.split(x, many, many, y, true, workers))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> new RowFunction().apply(Nonlinearity.RELU, x, many, many, workers))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> RowNorm.add(x, x, y, Long.MAX_VALUE, workers))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> new EncoderWeights(x, new float[4], new float[4], many, many))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new RowLogLoss.Head(x, many, many, 0))
        .isInstanceOf(IndexOutOfBoundsException.class);
    int heads = 1 << 21;
    assertThatThrownBy(
            () -> new AttentionHeads(heads, 1, 2048, 2048, 0, 0, 0, 0, 0, 0, null, null, 0, RULE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("too wide");
    assertThatThrownBy(() -> Attention.Batch.of(many, new int[] {1}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> NativeMemory.bytes(1L << 62, 4))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> NativeMemory.bytes(1L << 32, 1L << 32))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(NativeMemory.bytes(1L << 31, 1L << 31)).isEqualTo(1L << 62);
  }

  @Test
  void lengthsThatAreChangedLaterChangeNothing() {
    int[] lengths = {4, 4};
    Attention.Batch batch = Attention.Batch.of(4, lengths);
    lengths[0] = 1 << 20;
    batch.lengths()[1] = 1 << 20;
    assertThat(batch.lengths()).containsExactly(4, 4);
    assertThat(batch.keys(0)).isEqualTo(4);
  }

  @Test
  void memoryIsNotFreedWhileAKernelWorksInIt() {
    AttentionHeads heads = new AttentionHeads(1, 1, 4, 16, 0, 4, 4, 4, 8, 4, null, null, 0, RULE);
    AtomicInteger refused = new AtomicInteger();
    StridedProduct product =
        (a, aStride, rows, depth, w, wStride, transposed, columns, to, toStride) -> {
          assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
          refused.incrementAndGet();
        };
    new BlockAttention(workers, product)
        .run(heads, null, Attention.Batch.of(4, new int[] {4, 4}), x, y);
    assertThat(refused).hasValue(4);
    arena.close();
    assertThatThrownBy(() -> new RowNorm(new float[16], null, 0).apply(x, 8, y, workers))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void anArenaOfTheCallersOwnMakingGivesWhatIsAskedForOrIsRefused() {
    for (MemorySegment given :
        new MemorySegment[] {
          MemorySegment.NULL, MemorySegment.ofArray(new float[4096]), x.asReadOnly(), x
        }) {
      Arena own =
          new Arena() {
            @Override
            public MemorySegment allocate(long bytes, long alignment) {
              return given;
            }

            @Override
            public MemorySegment.Scope scope() {
              return arena.scope();
            }

            @Override
            public void close() {}
          };
      assertThatThrownBy(() -> new PackedMatrix(64, 64, own))
          .isInstanceOfAny(IllegalArgumentException.class, IndexOutOfBoundsException.class);
    }
  }
}
