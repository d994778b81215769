package io.sluice.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.CheckedEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.engine.torch.TorchScreens.Screening;
import io.sluice.engine.torch.transfer.TorchAhead;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Batches that were copied to the device before their step are those that the step would load. */
@Tag("cuda")
class TorchAheadTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  private final long seed = Seeds.seed();
  private final Random random = new Random(seed);
  private final Arena arena = Arena.ofShared();
  private final AtomicInteger runs = new AtomicInteger();

  @BeforeEach
  void needsLibTorch() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
  }

  @AfterEach
  void free() {
    arena.close();
  }

  private TorchAhead open() {
    return DEVICE.isCuda()
        ? TorchAhead.on(DEVICE)
        : new TorchAhead(
            DEVICE,
            copies -> {
              runs.incrementAndGet();
              copies.run();
            });
  }

  private Rows rows(DType dtype, int count, int width, float scale) {
    MemorySegment memory = arena.allocate((long) count * width * dtype.bytes() + 8, 64);
    for (long i = 0; i < (long) count * width; i++) {
      float value = (float) random.nextGaussian();
      switch (dtype) {
        case F32 -> memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        case F16 -> memory.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
        case BF16 ->
            memory.setAtIndex(
                ValueLayout.JAVA_SHORT, i, (short) (Float.floatToIntBits(value) >>> 16));
        default -> throw new AssertionError(dtype);
      }
    }
    return new Rows(memory, dtype, count, width, scale);
  }

  @Test
  void valuesAreThoseOfAPlainLoad() {
    try (TorchAhead ahead = open();
        TorchTransfer prepared = new TorchTransfer(DEVICE, ahead);
        TorchTransfer plain = new TorchTransfer(DEVICE, null)) {
      for (DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16, DType.F32}) {
        for (float scale : new float[] {1, 0.37f}) {
          // Larger and smaller ones than those before.
          Rows rows = rows(dtype, 1 + random.nextInt(60), 1 + random.nextInt(30), scale);
          prepared.prepare("input", rows);
          try (TensorScope scope = TensorScope.open()) {
            Tensor found = prepared.load("input", rows);
            Tensor expected = plain.load("input", rows);
            assertThat(found.shape()).isEqualTo(expected.shape());
            assertThat(found.dtype()).isEqualTo(DType.F32);
            assertThat(found.toFloats()).as("seed %d", seed).isEqualTo(expected.toFloats());
          }
          assertThat(ahead.take("target", rows)).isNull();
        }
      }
    }
  }

  @Test
  void threeBatchesHaveMemoryOfTheirOwn() {
    try (TorchAhead ahead = open();
        TensorScope scope = TensorScope.open()) {
      Rows[] rows = new Rows[7];
      Tensor[] copies = new Tensor[7];
      float[][] values = new float[7][];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = rows(DType.F16, 20, 8, 1);
        ahead.prepare("input", rows[i]);
        copies[i] = ahead.take("input", rows[i]);
        values[i] = copies[i].toFloats();
        for (int j = Math.max(0, i - 2); j <= i; j++) {
          assertThat(ahead.take("input", rows[j]).toFloats()).isEqualTo(values[j]);
          assertThat(copies[j].toFloats()).isEqualTo(values[j]);
        }
        if (i > 2) {
          assertThat(ahead.take("input", rows[i - 3])).isNull();
        }
      }
    }
  }

  @Test
  void otherRowsInTheSameMemoryAreLoadedAnew() {
    try (TorchAhead ahead = open();
        TensorScope scope = TensorScope.open()) {
      Rows rows = rows(DType.F32, 4, 4, 1);
      ahead.prepare("input", rows);
      assertThat(ahead.take("input", rows)).isNotNull();
      assertThat(ahead.take("input", new Rows(rows.memory(), DType.F32, 4, 4))).isNull();
    }
  }

  /** What was prepared is used: its host memory has other values by the time of the step. */
  @Test
  void trainingOnPreparedBatchesGivesTheSameBits() throws Exception {
    EngineSpec spec = new EngineSpec(12, 9, 80, false, false, Optimiser.SPARSE_ADAM);
    DictionaryParameters start = DictionaryParameters.allocate(arena, 12, 9, 80);
    for (MemorySegment memory :
        new MemorySegment[] {start.encoder(), start.encoderBias(), start.decoder()}) {
      for (long i = 0; i < memory.byteSize() / Float.BYTES; i++) {
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
    }
    try (Engine prepared = engine(spec, start, open());
        Engine plain = engine(spec, start, null);
        ExecutorService other = Executors.newSingleThreadExecutor()) {
      Rows[][] batches = new Rows[10][];
      for (int i = 0; i < batches.length; i++) {
        int count = 10 + random.nextInt(30);
        batches[i] = new Rows[] {rows(DType.F16, count, 12, 0.5f), rows(DType.F32, count, 9, 1)};
      }
      for (int step = 1; step <= batches.length; step++) {
        Rows[] batch = batches[step - 1];
        train(plain, batch, step);
      }
      Future<?> ahead = null;
      for (int step = 1; step <= batches.length; step++) {
        Rows[] batch = batches[step - 1];
        if (step == 1) {
          prepare(prepared, batch);
        } else {
          ahead.get();
        }
        if (step < batches.length) {
          Rows[] next = batches[step];
          ahead = other.submit(() -> prepare(prepared, next));
        }
        train(prepared, batch, step);
      }
      for (StateTensor tensor : plain.state()) {
        assertThat(prepared.read(tensor, arena).mismatch(plain.read(tensor, arena)))
            .as("first differing byte of %s, seed %d", tensor.name(), seed)
            .isEqualTo(-1);
      }
      if (!DEVICE.isCuda()) {
        assertThat(runs).hasValue(2 * batches.length);
      }
    }
  }

  private static void prepare(Engine engine, Rows[] batch) {
    engine.prepare(batch[0], batch[1]);
    batch[0].memory().fill((byte) 0x11);
    batch[1].memory().fill((byte) 0x11);
  }

  private static void train(Engine engine, Rows[] batch, int step) {
    engine.encode(batch[0], new TopK(4));
    engine.decode(batch[1], true);
    engine.accumulate();
    engine.update(new AdamStep(step, 1e-2, 0.9, 0.99, 1e-8));
  }

  private static Engine engine(EngineSpec spec, DictionaryParameters start, TorchAhead ahead) {
    return new CheckedEngine(
        spec,
        start,
        (s, i) -> new TorchArithmetic(s, i, Screening.FLOAT32, new TorchTransfer(DEVICE, ahead)));
  }
}
