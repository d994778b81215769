package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.StoppedException;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs whose batches are read ahead end in the same bits. */
@Tag("cuda")
class BatchesAheadTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  @TempDir private Path temp;

  /** The same engines with batches read ahead or not. */
  private record Reading(EngineFactory engines, boolean wantsBatchesAhead)
      implements EngineFactory {
    @Override
    public Engine open(EngineSpec spec, DictionaryParameters initial) {
      return engines.open(spec, initial);
    }
  }

  private Path train(ActivationStore store, TrainingConfig config, EngineFactory engines, String to)
      throws IOException {
    Path folder = temp.resolve(to);
    try (Trainer trainer = Trainer.start(store, config, engines, "run", folder)) {
      trainer.run(TrainingListener.NONE);
    }
    return folder;
  }

  /** Hands every call on, and notes the batches that were prepared and those that were encoded. */
  private static Engine noting(Engine inner, List<Object> prepared, List<Object> encoded) {
    return (Engine)
        Proxy.newProxyInstance(
            Engine.class.getClassLoader(),
            new Class<?>[] {Engine.class},
            (proxy, method, arguments) -> {
              switch (method.getName()) {
                case "prepare" -> prepared.addAll(List.of(arguments));
                case "encode" -> encoded.add(arguments[0]);
                case "decodeForTraining" -> encoded.add(arguments[0]);
                default -> {}
              }
              try {
                return method.invoke(inner, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  @Test
  void theVeryRowsThatAreTrainedOnWerePrepared() throws IOException {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    EngineFactory engines = EngineFactory.torch(DEVICE);
    List<Object> prepared = new CopyOnWriteArrayList<>();
    List<Object> encoded = new CopyOnWriteArrayList<>();
    EngineFactory noting =
        new EngineFactory() {
          @Override
          public Engine open(EngineSpec spec, DictionaryParameters initial) {
            return noting(engines.open(spec, initial), prepared, encoded);
          }

          @Override
          public boolean wantsBatchesAhead() {
            return true;
          }
        };
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 1500, DType.F16, 1);
    train(store, TrainerTest.small().steps(20).build(), noting, "run");
    // The engine also encodes what the norm and the held-out loss are found with.
    assertThat(prepared).hasSize(40);
    int at = 0;
    for (Object rows : prepared) {
      while (at < encoded.size() && encoded.get(at) != rows) {
        at++;
      }
      assertThat(at).as("encoded after what was prepared before it").isLessThan(encoded.size());
      at++;
    }
  }

  @Tag("slow")
  @Test
  void sameBitsWhetherBatchesAreReadAheadOrNot() throws IOException {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    EngineFactory engines = EngineFactory.torch(DEVICE);
    assertThat(engines.wantsBatchesAhead()).isTrue();
    for (DType dtype : new DType[] {DType.F32, DType.F16}) {
      ActivationStore store = SyntheticStore.write(temp.resolve("store-" + dtype), 1500, dtype, 1);
      TrainingConfig config = TrainerTest.small().steps(60).build();
      Path ahead = train(store, config, engines, "ahead-" + dtype);
      Path plain = train(store, config, new Reading(engines, false), "plain-" + dtype);
      assertThat(ahead.resolve("dictionary.safetensors"))
          .hasSameBinaryContentAs(plain.resolve("dictionary.safetensors"));
    }
  }

  @Tag("slow")
  @Test
  void stoppedRunContinuesAtItsNextBatch() throws IOException {
    EngineFactory engines = new Reading(EngineFactory.reference(), true);
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 1500, DType.F32, 1);
    TrainingConfig config = TrainerTest.small().steps(41).build();
    Path whole = train(store, config, EngineFactory.reference(), "whole");
    Path broken = temp.resolve("broken");
    try (Trainer trainer = Trainer.start(store, config, engines, "run", broken)) {
      assertThatThrownBy(
              () ->
                  trainer.run(
                      new TrainingListener() {
                        @Override
                        public boolean stops() {
                          return trainer.step() == 17;
                        }
                      }))
          .isInstanceOf(StoppedException.class);
    }
    try (Trainer trainer = Trainer.resume(store, engines, broken)) {
      assertThat(trainer.step()).isEqualTo(17);
      trainer.run(TrainingListener.NONE);
    }
    assertThat(broken.resolve("dictionary.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("dictionary.safetensors"));
  }

  @Tag("slow")
  @Test
  void valueThatIsNoNumberEndsTheRunAtTheSameStep() throws IOException {
    int row = 1018;
    ActivationStore store = SyntheticStore.writeWithNaN(temp.resolve("bad"), 20_000, 3, row);
    // Not among the rows that are sampled or held out, so that training is what finds it.
    TrainingConfig config =
        TrainerTest.small().sampleRows(200).heldOut(0).batch(256).steps(100).build();
    long[] steps = new long[2];
    for (int i = 0; i < 2; i++) {
      EngineFactory engines = new Reading(EngineFactory.reference(), i == 0);
      Path folder = temp.resolve("bad-" + i);
      try (Trainer trainer = Trainer.start(store, config, engines, "run", folder)) {
        assertThatThrownBy(() -> trainer.run(TrainingListener.NONE))
            .isInstanceOf(IOException.class)
            .hasMessageContaining("row " + row)
            .hasMessageContaining("NaN");
        steps[i] = trainer.step();
      }
    }
    assertThat(steps[0]).isEqualTo(steps[1]).isGreaterThan(1);
  }
}
