package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.StateFile;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A run whose parameters are no numbers any more is refused by the step at which that was found,
 * before a file is written, whether its engine returns the loss at each step or keeps it.
 */
@Tag("cuda")
class DivergenceTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));
  private static final Pattern MESSAGE =
      Pattern.compile(
          "(?:the loss is (?:NaN|-?Infinity)|feature \\d+ has activation (?:NaN|-?Infinity) .*)"
              + " at step (\\d+), though .*");

  @TempDir private Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"topk", "batchtopk", "relu"})
  void nothingIsWrittenOfIt(String kind) throws IOException {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 1500, DType.F32, 1);
    TrainingConfigBuilder builder = TrainerTest.small().learningRate(1e25);
    TrainingConfig config =
        (kind.equals("relu") ? builder.activation(kind, 1e-3, 0) : builder.activation(kind))
            .steps(40)
            .logEvery(30)
            .checkpointEvery(4)
            .build();
    Found atOnce = diverges(store, config, EngineFactory.vector(Workers.allCores()), "vector");
    Found later = diverges(store, config, EngineFactory.torch(DEVICE), "torch");
    assertThat(later.named()).isEqualTo(atOnce.named());
    assertThat(atOnce.at()).isEqualTo(atOnce.named());
    // Codes that are NaN are found when they are encoded; ReLU has none, so that the loss tells it.
    // Products that overflow are infinite or NaN, as the processor's kernels sum them: either the
    // codes of this step are NaN, or the loss is, which shows in the codes of the next.
    assertThat(later.at())
        .isEqualTo(kind.equals("relu") ? 4 : later.byCodes() ? later.named() : later.named() + 1);
  }

  /**
   * What was said of a run.
   *
   * @param named the step that the message names
   * @param at the step in which it was thrown
   * @param byCodes whether the message tells of codes, and not of the loss
   */
  private record Found(long named, long at, boolean byCodes) {}

  private Found diverges(
      ActivationStore store, TrainingConfig config, EngineFactory engines, String name)
      throws IOException {
    Path folder = temp.resolve(name);
    Found found;
    List<Path> before;
    try (Trainer trainer = Trainer.start(store, config, engines, name, folder)) {
      before = StateFile.list(folder);
      assertThat(before).hasSize(1);
      DivergedException thrown =
          catchThrowableOfType(DivergedException.class, () -> trainer.run(TrainingListener.NONE));
      Matcher matcher = MESSAGE.matcher(thrown.getMessage());
      assertThat(matcher.matches()).as(thrown.getMessage()).isTrue();
      boolean byCodes = thrown.getMessage().startsWith("feature ");
      found = new Found(Long.parseLong(matcher.group(1)), trainer.step(), byCodes);
      assertThatThrownBy(trainer::checkpoint)
          .isInstanceOf(DivergedException.class)
          .hasMessage(thrown.getMessage());
      assertThatThrownBy(trainer::finish).isInstanceOf(DivergedException.class);
    }
    assertThat(StateFile.list(folder)).isEqualTo(before);
    assertThat(folder.resolve("metrics.jsonl")).doesNotExist();
    assertThat(folder.resolve("dictionary.safetensors")).doesNotExist();
    try (Trainer again = Trainer.resume(store, engines, folder);
        Arena arena = Arena.ofShared()) {
      assertThat(again.step()).isZero();
      for (StateTensor tensor : again.engine().state()) {
        if (tensor.dtype() == DType.F32) {
          MemorySegment values = again.engine().read(tensor, arena);
          assertThat(values.toArray(ValueLayout.JAVA_FLOAT)).doesNotContain(Float.NaN);
        }
      }
    }
    return found;
  }
}
