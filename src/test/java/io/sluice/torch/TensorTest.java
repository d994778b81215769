package io.sluice.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.testing.NativeMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who owns a tensor, how long it lives, and what misuse gets instead of a crash. */
class TensorTest {
  private static int threads;

  /** Many tiny operators: LibTorch's threads would only wait for each other. */
  @BeforeAll
  static void oneThread() {
    threads = Torch.threads();
    Torch.threads(1);
  }

  @AfterAll
  static void threadsAsBefore() {
    Torch.threads(threads);
  }

  private static Tensor some() {
    return Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
  }

  @Test
  void describesItself() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = some();
      assertThat(x.shape()).containsExactly(2, 3);
      assertThat(x.size(-1)).isEqualTo(3);
      assertThat(x.rank()).isEqualTo(2);
      assertThat(x.elements()).isEqualTo(6);
      assertThat(x.dtype()).isEqualTo(DType.F32);
      assertThat(x.device()).isEqualTo(Device.CPU);
      assertThat(x).hasToString("Tensor(float32 [2, 3] cpu)");
      assertThatThrownBy(() -> x.size(2)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatIllegalStateException().isThrownBy(x::item).withMessageContaining("[2, 3]");
      assertThat(scope.size()).isEqualTo(1);
    }
  }

  @Test
  void everyTypeSurvivesTheRoundTrip() {
    try (TensorScope scope = TensorScope.open()) {
      for (DType type : DType.values()) {
        Tensor x = Tensor.ofFloats(new float[] {1, 0, 1}, 3).to(type);
        assertThat(x.dtype()).isEqualTo(type);
        assertThat(x.toFloats()).containsExactly(1, 0, 1);
        assertThat(x.data().byteSize()).isEqualTo(3L * type.bytes());
      }
    }
  }

  @Test
  void useAfterTheScopeThrows() {
    Tensor x;
    MemorySegment data;
    try (TensorScope scope = TensorScope.open()) {
      x = some();
      data = x.data();
      assertThat(data.getAtIndex(ValueLayout.JAVA_FLOAT, 5)).isEqualTo(6);
    }
    Tensor closed = x;
    assertThat(closed.isClosed()).isTrue();
    try (TensorScope scope = TensorScope.open()) {
      assertThatIllegalStateException().isThrownBy(closed::relu).withMessageContaining("closed");
    }
    assertThatIllegalStateException().isThrownBy(closed::shape);
    assertThatIllegalStateException().isThrownBy(closed::data);
    assertThatIllegalStateException().isThrownBy(closed::toFloats);
    assertThatIllegalStateException().isThrownBy(() -> data.get(ValueLayout.JAVA_FLOAT, 0));
    closed.close();
  }

  @Test
  void closedArgumentThrowsToo() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = some();
      Tensor y = some();
      y.close();
      assertThatIllegalStateException().isThrownBy(() -> x.add(y));
      assertThatIllegalStateException().isThrownBy(() -> x.mul(y));
      assertThatIllegalStateException().isThrownBy(() -> x.copy_(y));
      assertThatIllegalStateException()
          .isThrownBy(() -> ShapeOperators.cat(java.util.List.of(x, y), 0));
      x.close();
      assertThat(scope.size()).isZero();
    }
  }

  @Test
  void operatorsNeedAScope() {
    assertThatIllegalStateException()
        .isThrownBy(TensorTest::some)
        .withMessageContaining("TensorScope.open()");
  }

  @Test
  void movedTensorsOutliveTheScope() {
    try (TensorScope kept = TensorScope.detached()) {
      Tensor x;
      try (TensorScope scope = TensorScope.open()) {
        x = some().moveTo(kept);
      }
      assertThat(x.toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
      kept.close();
      assertThat(x.isClosed()).isTrue();
      assertThatIllegalStateException().isThrownBy(() -> x.moveTo(kept));
    }
  }

  @Test
  void scopesCloseInsideOut() {
    TensorScope outer = TensorScope.open();
    TensorScope inner = TensorScope.open();
    assertThatIllegalStateException().isThrownBy(outer::close);
    inner.close();
    outer.close();
    outer.close();
  }

  @Test
  void scopeBelongsToItsThread() throws Exception {
    try (TensorScope scope = TensorScope.open()) {
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      Thread other =
          new Thread(
              () -> {
                try {
                  scope.close();
                } catch (Throwable e) {
                  thrown.set(e);
                }
              });
      other.start();
      other.join();
      assertThat(thrown.get()).isInstanceOf(IllegalStateException.class);
    }
  }

  @Tag("slow")
  @Test
  void closingWhileAnotherThreadComputesNeverCrashes() throws Exception {
    for (int round = 0; round < 40; round++) {
      try (TensorScope kept = TensorScope.detached()) {
        Tensor x;
        try (TensorScope scope = TensorScope.open()) {
          x = Tensor.full(1, DType.F32, Device.CPU, 64, 64).moveTo(kept);
        }
        CountDownLatch started = new CountDownLatch(1);
        AtomicReference<Throwable> wrong = new AtomicReference<>();
        Thread worker =
            new Thread(
                () -> {
                  try (TensorScope scope = TensorScope.open()) {
                    for (int i = 0; i < 1000; i++) {
                      x.mm(x).close();
                      started.countDown();
                    }
                  } catch (IllegalStateException expected) {
                    started.countDown();
                  } catch (Throwable e) {
                    wrong.set(e);
                  }
                });
        worker.start();
        started.await();
        boolean closed = false;
        while (!closed) {
          try {
            x.close();
            closed = true;
          } catch (IllegalStateException inUse) {
            Thread.onSpinWait();
          }
        }
        worker.join();
        assertThat(wrong.get()).isNull();
      }
    }
  }

  @Test
  void readsAndWritesJavasMemoryInPlace() {
    try (Arena arena = Arena.ofConfined();
        TensorScope scope = TensorScope.open()) {
      MemorySegment memory = arena.allocate(ValueLayout.JAVA_FLOAT, 6);
      Tensor x = Tensor.of(memory, DType.F32, 2, 3);
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, 4, 7);
      assertThat(x.toFloats()).containsExactly(0, 0, 0, 0, 7, 0);
      x.fill_(2);
      assertThat(memory.getAtIndex(ValueLayout.JAVA_FLOAT, 5)).isEqualTo(2);
      assertThat(x.data().address()).isEqualTo(memory.address());
      x.transpose(0, 1).zero_();
      assertThat(memory.getAtIndex(ValueLayout.JAVA_FLOAT, 5)).isZero();
    }
  }

  @Test
  void closedArenaUnderATensorThrows() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x;
      Tensor view;
      Tensor independent;
      try (Arena arena = Arena.ofConfined()) {
        x = Tensor.of(arena.allocate(24, 8), DType.F32, 2, 3);
        view = x.transpose(0, 1).narrow(0, 1, 2).select(1, 0);
        independent = x.add(1);
      }
      Tensor gone = x;
      Tensor goneView = view;
      assertThatIllegalStateException().isThrownBy(gone::relu).withMessageContaining("arena");
      assertThatIllegalStateException().isThrownBy(gone::toFloats);
      assertThatIllegalStateException().isThrownBy(goneView::relu);
      assertThat(independent.toFloats()).containsOnly(1);
    }
  }

  @Test
  void readOnlyMemoryIsNeverWritten(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("numbers");
    Files.write(file, new byte[64]);
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file);
        TensorScope scope = TensorScope.open()) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, 64, arena);
      Tensor x = Tensor.of(mapped, DType.F32, 4, 4);
      assertThat(x.isReadOnly()).isTrue();
      assertThat(x.data().isReadOnly()).isTrue();
      assertThatIllegalStateException()
          .isThrownBy(() -> x.fill_(1))
          .withMessageContaining("read-only");
      assertThatIllegalStateException().isThrownBy(() -> x.transpose(0, 1).mul_(2));
      assertThatIllegalStateException().isThrownBy(() -> x.reshape(16).copy_(x.reshape(16)));
      assertThatIllegalStateException().isThrownBy(() -> x.mm_(x, x));
      assertThatIllegalStateException()
          .isThrownBy(() -> x.contiguous().to(DType.F32).to(Device.CPU).sqrt_());
      assertThat(x.add(1).fill_(3).toFloats()).containsOnly(3);
      assertThat(x.transpose(0, 1).contiguous().fill_(3).toFloats()).containsOnly(3);
    }
  }

  @Test
  void unfitMemoryIsRefusedWithBothSizes() {
    try (Arena arena = Arena.ofConfined();
        TensorScope scope = TensorScope.open()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.of(arena.allocate(20, 8), DType.F32, 2, 3))
          .withMessageContaining("20 bytes")
          .withMessageContaining("24 bytes");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.of(MemorySegment.ofArray(new float[6]), DType.F32, 2, 3))
          .withMessageContaining("heap");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.of(arena.allocate(32, 8).asSlice(1), DType.F32, 2, 3))
          .withMessageContaining("multiple of 4");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.empty(DType.F32, Device.CPU, 2, -3))
          .withMessageContaining("[2, -3]");
      assertThatThrownBy(() -> Tensor.empty(DType.F32, Device.CPU, Long.MAX_VALUE, 4))
          .isInstanceOf(ArithmeticException.class);
      assertThatThrownBy(() -> Tensor.empty(DType.F32, Device.CPU, 1L << 50))
          .isInstanceOf(TorchException.class)
          .hasMessageContaining("1125899906842624");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.empty(DType.F32, Device.CPU, new long[17]));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.ofFloats(new float[5], 2, 3))
          .withMessageContaining("5 values")
          .withMessageContaining("[2, 3]");
    }
  }

  @Tag("slow")
  @Test
  void unfitArgumentsThrowAndDoNotCrash() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = some();
      Tensor bad = Tensor.ofLongs(new long[] {0, 7}, 2);
      Tensor negative = Tensor.ofLongs(new long[] {0, -7}, 2);
      Tensor weights = Tensor.ofFloats(new float[] {1, 1}, 2);
      for (Tensor index : new Tensor[] {bad, negative}) {
        assertThatThrownBy(() -> x.indexSelect(0, index)).isInstanceOf(TorchException.class);
        assertThatThrownBy(() -> x.embedding(index)).isInstanceOf(TorchException.class);
        assertThatThrownBy(() -> x.gather(1, index.reshape(2, 1)))
            .isInstanceOf(TorchException.class);
        assertThatThrownBy(() -> x.indexCopy_(0, index, some())).isInstanceOf(TorchException.class);
        assertThatThrownBy(
                () -> Tensor.zeros(DType.F32, Device.CPU, 2).scatterAdd_(0, index, weights))
            .isInstanceOf(TorchException.class);
        assertThatThrownBy(
                () -> x.embeddingBag(index, Tensor.ofLongs(new long[] {0, 2}, 2), weights))
            .isInstanceOf(RuntimeException.class);
      }
      Tensor good = Tensor.ofLongs(new long[] {0, 1}, 2);
      for (long[] offsets :
          new long[][] {{0, 9}, {1, 2}, {0, 2, 1, 2}, {0, -1, 2}, {0, 1}, {}, {0}}) {
        assertThatThrownBy(
                () -> x.embeddingBag(good, Tensor.ofLongs(offsets, offsets.length), weights))
            .as("offsets %s", java.util.Arrays.toString(offsets))
            .isInstanceOf(RuntimeException.class);
      }
      assertThatThrownBy(() -> x.embeddingBag(good, good, x)).isInstanceOf(RuntimeException.class);
      assertThatThrownBy(() -> x.topk(4, 1, true)).isInstanceOf(TorchException.class);
      assertThatThrownBy(() -> x.topk(-1, 1, true)).isInstanceOf(TorchException.class);
      assertThatThrownBy(() -> x.narrow(0, 1, 5)).isInstanceOf(TorchException.class);
      assertThatThrownBy(() -> x.select(0, 5)).isInstanceOf(TorchException.class);
      assertThatThrownBy(() -> x.reshape(4, 2)).isInstanceOf(TorchException.class);
      assertThatThrownBy(() -> x.expand(5, 5)).isInstanceOf(TorchException.class);
      assertThatThrownBy(() -> x.transpose(0, 7)).isInstanceOf(TorchException.class);
      assertThatThrownBy(x::eigh).isInstanceOf(TorchException.class);
      assertThatThrownBy(() -> x.attend(x, x, x, false, 1)).isInstanceOf(RuntimeException.class);
      assertThatThrownBy(() -> x.copy_(Tensor.ofFloats(new float[5], 5)))
          .isInstanceOf(TorchException.class)
          .hasMessageContaining("[5]")
          .hasMessageContaining("[2, 3]");
      assertThatThrownBy(() -> x.mul((Tensor) null)).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> x.add((Tensor) null)).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> x.to(DType.F16).eigh()).isInstanceOf(TorchException.class);
      assertThatIllegalStateException().isThrownBy(() -> x.transpose(0, 1).data());
      assertThatIllegalArgumentException()
          .isThrownBy(() -> x.copyTo(MemorySegment.ofArray(new float[5])))
          .withMessageContaining("24")
          .withMessageContaining("20");
    }
  }

  @Test
  void unfitTrainingArgumentsThrowAndDoNotCrash() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor gradient = some();
      Tensor table = Tensor.ofFloats(new float[12], 4, 3);
      Tensor indices = Tensor.ofInts(new int[] {0, 3}, 2);
      Tensor offsets = Tensor.ofInts(new int[] {0, 1, 2}, 3);
      Tensor bags = Tensor.ofInts(new int[] {0, 1}, 2);
      assertThat(gradient.bagProducts(table, indices, offsets, bags).toFloats()).containsOnly(0);
      for (int[] bad : new int[][] {{0, 4}, {-1, 0}, {1 << 30, 0}, {0}}) {
        Tensor wrong = Tensor.ofInts(bad, bad.length);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> gradient.bagProducts(table, wrong, offsets, bags));
        assertThatIllegalArgumentException()
            .isThrownBy(() -> gradient.bagProducts(table, indices, offsets, wrong));
        assertThatIllegalArgumentException()
            .isThrownBy(() -> gradient.bagProducts(table, indices, wrong, bags));
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> gradient.bagProducts(table.transpose(0, 1), indices, offsets, bags));
      Tensor moment = table.copy();
      Tensor step = Tensor.full(1, DType.F32, Device.CPU, 1);
      Tensor spread = Tensor.ofFloats(new float[3], 1, 3).expand(4, 3);
      for (Tensor wrong : new Tensor[] {some(), spread, table.to(DType.F64)}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> table.adam_(moment, moment, wrong, step, 1, 0.9, 0.9, 1));
        assertThatIllegalArgumentException()
            .isThrownBy(() -> table.adam_(wrong, moment, moment, step, 1, 0.9, 0.9, 1));
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> table.adam_(moment, moment, moment, some(), 1, 0.9, 0.9, 1));
    }
  }

  @Test
  void emptyTensorsWork() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor none = Tensor.zeros(DType.F32, Device.CPU, 0, 3);
      assertThat(none.relu().mm(some().transpose(0, 1)).shape()).containsExactly(0, 2);
      assertThat(none.data().byteSize()).isZero();
      assertThat(none.toFloats()).isEmpty();
      none.copyTo(MemorySegment.NULL);
    }
  }

  @Test
  void seededNumbersRepeat() {
    try (TensorScope scope = TensorScope.open()) {
      float[] uniform = Tensor.uniform(7, -1, 1, Device.CPU, 100, 100).toFloats();
      assertThat(Tensor.uniform(7, -1, 1, Device.CPU, 100, 100).toFloats())
          .containsExactly(uniform);
      assertThat(Tensor.uniform(8, -1, 1, Device.CPU, 100, 100).toFloats()).isNotEqualTo(uniform);
      Tensor normal = Tensor.normal(7, 3, 2, Device.CPU, 10_000);
      double mean = normal.mean(false, 0).item();
      double variance = normal.sub(mean).square().mean(false, 0).item();
      // Five standard errors of 10,000 draws.
      assertThat(mean).isBetween(2.9, 3.1);
      assertThat(variance).isBetween(3.7, 4.3);
      for (float value : uniform) {
        assertThat(value).isBetween(-1f, 1f);
      }
      assertThatIllegalArgumentException().isThrownBy(() -> Tensor.uniform(1, 2, 1, Device.CPU, 3));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.uniform(1, 0, 1, Device.CPU, 1 << 14, 1 << 13, 2))
          .withMessageContaining("268435456 random numbers; at most 134217728");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.normal(1, 0, 1, Device.CPU, 1L << 31));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Tensor.arange(Long.MIN_VALUE, Long.MAX_VALUE, Device.CPU));
      assertThatIllegalArgumentException().isThrownBy(() -> Tensor.arange(0, 1L << 32, Device.CPU));
    }
  }

  @Test
  void copiesToAndFromMemory() {
    try (TensorScope scope = TensorScope.open()) {
      float[] values = new float[6];
      some().transpose(0, 1).copyTo(MemorySegment.ofArray(values));
      assertThat(values).containsExactly(1, 4, 2, 5, 3, 6);
      Tensor x = Tensor.zeros(DType.F32, Device.CPU, 3, 2).transpose(0, 1);
      x.copyFrom(MemorySegment.ofArray(new float[] {1, 2, 3, 4, 5, 6}));
      assertThat(x.toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
    }
  }

  @Tag("slow")
  @Test
  void hundredThousandOperationsLeaveNativeMemoryFlat() {
    try (TensorScope kept = TensorScope.detached()) {
      Tensor x;
      try (TensorScope scope = TensorScope.open()) {
        x = Tensor.full(0.5, DType.F32, Device.CPU, 32, 32).moveTo(kept);
      }
      operations(x, 1_000);
      // Ten operators a round, small enough that LibTorch does not start its threads for them.
      // Their results are 80 MB in each part, and lists, texts and optional arguments come on top.
      long limit = 8L << 20;
      assertThat(NativeMemory.growth(limit, () -> operations(x, 2_000))).isLessThan(limit);
    }
  }

  private static void operations(Tensor x, int rounds) {
    for (int i = 0; i < rounds; i++) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor y = x.mm(x).relu().gelu().reshape(16, 64).contiguous();
        y.layerNorm(null, null, 1e-5);
        y.sum(true, 1).mul_(2);
        y.topk(4, 1, false);
        ShapeOperators.cat(java.util.List.of(x, x), 0);
        x.rmsNorm(null, 1e-5).data();
      }
    }
  }

  @Tag("slow")
  @Test
  void memoryOfJavasIsReadAsLongAsItsArenaIsOpenAndFreedInNoCall() throws Exception {
    for (int round = 0; round < 50; round++) {
      Arena arena = Arena.ofShared();
      MemorySegment memory = arena.allocate(1 << 20, 64);
      Thread closer =
          new Thread(
              () -> {
                while (arena.scope().isAlive()) {
                  try {
                    arena.close();
                  } catch (IllegalStateException e) {
                    Thread.onSpinWait();
                  }
                }
              });
      try (TensorScope scope = TensorScope.open()) {
        Tensor x = Tensor.of(memory, DType.F32, 1 << 18);
        MemorySegment view = x.data();
        closer.start();
        assertThatThrownBy(
                () -> {
                  while (true) {
                    x.exp().close();
                    x.copyFrom(MemorySegment.ofArray(new float[1 << 18]));
                  }
                })
            .isInstanceOf(IllegalStateException.class);
        closer.join();
        assertThatThrownBy(() -> view.get(java.lang.foreign.ValueLayout.JAVA_FLOAT, 0))
            .isInstanceOf(IllegalStateException.class);
        assertThat(x.toString()).startsWith("Tensor(");
      }
    }
  }

  /** Both take the scope's lock and the tensor's; in one order, or neither would get on. */
  @Test
  void aScopeAndItsTensorsMayBeClosedAtOnce() throws Exception {
    for (int round = 0; round < 200; round++) {
      TensorScope detached = TensorScope.detached();
      Tensor[] tensors = new Tensor[20];
      try (TensorScope scope = TensorScope.open()) {
        for (int i = 0; i < tensors.length; i++) {
          tensors[i] = Tensor.empty(DType.F32, Device.CPU, 1).moveTo(detached);
        }
      }
      Thread other =
          new Thread(
              () -> {
                for (int i = tensors.length - 1; i >= 0; i--) {
                  tensors[i].close();
                }
              });
      other.start();
      detached.close();
      other.join(20_000);
      assertThat(other.isAlive()).isFalse();
      assertThat(detached.size()).isZero();
    }
  }
}
