package io.sluice.lorsa.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.engine.spec.StateTensor;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Forward, gradients and training against PyTorch's autograd, in chunks of any size. */
@Tag("cuda")
class LorsaEngineTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));
  private static final long WHOLE = 1 << 20;

  @BeforeEach
  void needsLibTorch() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({
    "causal, 1048576",
    "causal, 1",
    "window-cap-norm, 1048576",
    "window-cap-norm, 100",
    "bidirectional, 1048576",
    "bidirectional, 1",
    "llamascopium, 1048576"
  })
  void trainsAsAutogradDoes(String name, long chunkElements) throws IOException {
    LorsaGolden golden = LorsaGolden.load(name);
    try (Arena arena = Arena.ofConfined();
        TensorScope scope = TensorScope.open();
        LorsaEngine engine = LorsaEngine.training(golden.weights("start"), DEVICE, chunkElements)) {
      for (int step = 1; step <= golden.steps(); step++) {
        LorsaBatch batch = golden.batch(step, DEVICE);
        LorsaResult result = engine.accumulate(batch);
        assertThat(result.squaredError() / result.tokens())
            .as("loss of step %d", step)
            .isCloseTo(golden.loss(step), within(1e-4 * golden.loss(step)));
        if (step == 1) {
          assertClose("gradient", golden, engine.gradients(arena));
        }
        engine.update(golden.adam(step));
        if (step == 1 || step == golden.steps()) {
          assertClose("after" + step, golden, engine.weights(arena));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"causal", "window-cap-norm", "bidirectional", "llamascopium"})
  void writesWhatPytorchWrites(String name) throws IOException {
    LorsaGolden golden = LorsaGolden.load(name);
    try (TensorScope scope = TensorScope.open();
        LorsaEngine engine = LorsaEngine.running(golden.weights("start"), DEVICE)) {
      LorsaBatch batch = golden.batch(1, DEVICE);
      float[] found = engine.output(batch).to(Device.CPU).toFloats();
      float[] expected = golden.floats("found");
      int width = golden.spec().outputWidth();
      for (int i = 0; i < batch.contexts(); i++) {
        int from = (i * batch.length() + batch.from()) * width;
        int to = (i * batch.length() + batch.lengths()[i]) * width;
        for (int at = from; at < to; at++) {
          assertThat(found[at]).as("value %d", at).isCloseTo(expected[at], within(1e-5f));
        }
      }
      assertThatThrownBy(() -> engine.accumulate(batch)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void measuresWithoutMovingAnything() throws IOException {
    LorsaGolden golden = LorsaGolden.load("causal");
    try (Arena arena = Arena.ofConfined();
        TensorScope scope = TensorScope.open();
        LorsaEngine engine = LorsaEngine.training(golden.weights("start"), DEVICE, WHOLE)) {
      LorsaBatch batch = golden.batch(1, DEVICE);
      long[] codes = new long[1];
      Set<Integer> heads = new HashSet<>();
      LorsaResult result =
          engine.measure(
              batch,
              (head, activation) -> {
                assertThat(activation).isPositive();
                heads.add(head);
                codes[0]++;
              });
      assertThat(result.tokens()).isEqualTo(6 + 3 + 5);
      assertThat(result.codes()).isEqualTo(codes[0]).isBetween(1L, 14L * 4);
      assertThat(result.squaredError() / 14).isCloseTo(golden.loss(1), within(1e-3));
      assertThat(engine.gradients(arena).get(LorsaTensor.OUTPUT).toArray(ValueLayout.JAVA_FLOAT))
          .containsOnly(0f);
      engine.accumulate(batch);
      engine.markFired(14);
      assertThat(engine.firedSince(0)).isEqualTo(heads.size());
      assertThat(engine.firedSince(14)).isZero();
    }
  }

  /** Padding is whatever it is: nothing that counts changes with it. */
  @ParameterizedTest
  @ValueSource(strings = {"causal", "bidirectional"})
  void doesNotSeePadding(String name) throws IOException {
    LorsaGolden golden = LorsaGolden.load(name);
    try (Arena arena = Arena.ofConfined();
        TensorScope scope = TensorScope.open();
        LorsaEngine engine = LorsaEngine.training(golden.weights("start"), DEVICE);
        LorsaEngine other = LorsaEngine.training(golden.weights("start"), DEVICE)) {
      LorsaBatch batch = golden.batch(1, DEVICE);
      float[] changed = batch.input().toFloats();
      int width = golden.spec().inputWidth();
      for (int at = 4 * width; at < 7 * width; at++) {
        changed[7 * width + at] = 100;
      }
      Tensor input = Tensor.ofFloats(changed, batch.input().shape()).to(DEVICE);
      engine.accumulate(batch);
      other.accumulate(new LorsaBatch(input, batch.target(), batch.lengths(), batch.from()));
      for (LorsaTensor tensor : LorsaTensor.values()) {
        assertThat(other.gradients(arena).get(tensor).toArray(ValueLayout.JAVA_FLOAT))
            .as(tensor.label())
            .isEqualTo(engine.gradients(arena).get(tensor).toArray(ValueLayout.JAVA_FLOAT));
      }
    }
  }

  @Test
  void goesOnFromItsState() throws IOException {
    LorsaGolden golden = LorsaGolden.load("window-cap-norm");
    try (Arena arena = Arena.ofConfined();
        TensorScope scope = TensorScope.open();
        LorsaEngine engine = LorsaEngine.training(golden.weights("start"), DEVICE);
        LorsaEngine later = LorsaEngine.training(golden.weights("start"), DEVICE)) {
      for (int step = 1; step <= 3; step++) {
        train(engine, golden, step);
      }
      for (StateTensor tensor : engine.state()) {
        later.write(tensor, engine.read(tensor, arena));
      }
      train(engine, golden, 4);
      train(later, golden, 4);
      for (StateTensor tensor : engine.state()) {
        assertThat(later.read(tensor, arena).mismatch(engine.read(tensor, arena)))
            .as(tensor.name())
            .isEqualTo(-1);
      }
      assertThat(later.firedSince(0)).isEqualTo(engine.firedSince(0)).isPositive();
    }
  }

  @Test
  void refusesWhatDoesNotFit() throws IOException {
    LorsaGolden golden = LorsaGolden.load("causal");
    LorsaSpec spec = golden.spec();
    assertThatThrownBy(() -> new LorsaSpec(10, 8, 12, 5, 6, new float[0], 1, 0, 0, true, 4, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("12 heads are not whole groups of 5");
    assertThatThrownBy(() -> new LorsaSpec(10, 8, 12, 3, 6, new float[4], 1, 0, 0, true, 4, false))
        .hasMessageContaining("4 rotary frequencies in queries of width 6");
    assertThatThrownBy(() -> new LorsaSpec(10, 8, 12, 3, 6, new float[0], 1, 0, 0, true, 13, false))
        .hasMessageContaining("k (13)");
    try (TensorScope scope = TensorScope.open();
        LorsaEngine engine = LorsaEngine.training(golden.weights("start"), DEVICE)) {
      LorsaBatch batch = golden.batch(1, DEVICE);
      LorsaBatch late = new LorsaBatch(batch.input(), batch.target(), batch.lengths(), 7);
      assertThat(late.tokens()).isZero();
      assertThatThrownBy(() -> engine.accumulate(late)).hasMessageContaining("position 7");
      LorsaBatch swapped = new LorsaBatch(batch.target(), batch.input(), batch.lengths(), 0);
      assertThatThrownBy(() -> engine.measure(swapped, LorsaEngine.CodeSink.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("widths 10 to 8");
      assertThatThrownBy(() -> new LorsaBatch(batch.input(), null, new int[] {8, 1, 1}, 0))
          .hasMessageContaining("8 tokens in a batch of length 7");
    }
    assertThat(spec).isEqualTo(LorsaGolden.load("causal").spec()).hasSameHashCodeAs(golden.spec());
  }

  private static void train(LorsaEngine engine, LorsaGolden golden, int step) {
    engine.accumulate(golden.batch(step, DEVICE));
    engine.update(golden.adam(step));
    engine.markFired(step);
  }

  private static void assertClose(String when, LorsaGolden golden, LorsaWeights actual) {
    for (LorsaTensor tensor : LorsaTensor.values()) {
      float[] expected = golden.floats(when + "." + tensor.label());
      float[] found = actual.get(tensor).toArray(ValueLayout.JAVA_FLOAT);
      for (int i = 0; i < expected.length; i++) {
        assertThat(found[i])
            .as("%s %s at %d", when, tensor.label(), i)
            .isCloseTo(expected[i], within(1e-4f * Math.max(1, Math.abs(expected[i]))));
      }
    }
  }
}
