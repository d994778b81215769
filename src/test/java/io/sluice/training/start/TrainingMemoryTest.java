package io.sluice.training.start;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.dictionary.Site;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.training.config.TrainingConfig;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** What a run needs is refused before it is taken, in host memory and on a GPU. */
class TrainingMemoryTest {
  private static final long GIB = 1L << 30;
  private static final int MILLION = 1 << 20;
  private static final long MATRIX = 4L * MILLION * 4096;

  /** Engines that keep their state in a GPU of some size. */
  private record OnGpu(long gpu) implements EngineFactory {
    @Override
    public Engine open(EngineSpec spec, DictionaryParameters initial) {
      throw new UnsupportedOperationException("only asked what it needs");
    }

    @Override
    public int hostCopies() {
      return 0;
    }

    @Override
    public OptionalLong gpuBytes() {
      return OptionalLong.of(gpu);
    }
  }

  private static Blueprint plan(int features, DType moments, DType precision) {
    TrainingConfig config =
        TrainingConfig.of("h")
            .features(features)
            .k(32)
            .batch(2048)
            .steps(10)
            .moments(moments)
            .precision(precision)
            .build();
    List<Site> sites = List.of(new Site("h", 4096));
    return new Blueprint(config, "model", Optional.empty(), sites, sites);
  }

  private static void require(Blueprint plan, long gpu) {
    TrainingMemory.require(plan, new OnGpu(gpu), 128 * GIB);
  }

  @Test
  void theMillionOfWidth4096FitsOneH200AndHalfOfItOneH100() {
    for (DType moments : List.of(DType.F32, DType.BF16)) {
      for (DType precision : List.of(DType.F32, DType.BF16)) {
        assertThatCode(() -> require(plan(MILLION, moments, precision), 139 * GIB))
            .doesNotThrowAnyException();
        assertThatCode(() -> require(plan(MILLION / 2, moments, precision), 78 * GIB))
            .doesNotThrowAnyException();
      }
    }
  }

  @Test
  void whatDoesNotFitAGpuIsRefusedWithWhatWould() {
    assertThatThrownBy(() -> require(plan(MILLION, DType.F32, DType.F32), 78 * GIB))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("1,048,576 features of 'h'", "83,751 MB that the GPU has")
        .hasMessageMatching(".*give fewer: up to 7[0-9]{2},[0-9]{3}, or --moments bfloat16");
    assertThatThrownBy(() -> require(plan(MILLION, DType.BF16, DType.BF16), 76 * GIB))
        .hasMessageContaining("that the GPU has")
        .hasMessageEndingWith(", or --precision float32");
    assertThatThrownBy(() -> require(plan(2 * MILLION, DType.F32, DType.F32), 78 * GIB))
        .hasMessageMatching(
            ".*give fewer: up to 7[0-9]{2},[0-9]{3}, or up to 1,[0-9]{3},[0-9]{3} with --moments bfloat16");
    // With what the message says it fits.
    assertThatCode(() -> require(plan(700 * 1024, DType.F32, DType.F32), 78 * GIB))
        .doesNotThrowAnyException();
  }

  @Test
  void encodersRoundedToBfloat16AndMomentsAreCounted() {
    Blueprint plan = plan(MILLION, DType.F32, DType.F32);
    TrainingMemory wide = ofGpu(plan, DType.F32, DType.F32);
    assertThat(wide.bytes() - ofGpu(plan, DType.BF16, DType.F32).bytes())
        .isBetween(2 * MATRIX, 2 * MATRIX + MATRIX / 1000);
    assertThat(ofGpu(plan, DType.F32, DType.BF16).bytes() - wide.bytes()).isEqualTo(MATRIX / 2);
    EngineFactory cpu = EngineFactory.reference();
    assertThat(ofMachine(plan, cpu, DType.BF16) - ofMachine(plan, cpu, DType.F32))
        .isEqualTo(MATRIX / 2);
    // On a GPU, the machine's memory holds no copy.
    EngineFactory gpu = new OnGpu(139 * GIB);
    assertThat(ofMachine(plan, gpu, DType.BF16)).isEqualTo(ofMachine(plan, gpu, DType.F32));
  }

  /** Weights of a million features of width 4096 are 34 GB. */
  @Test
  void heldOutTokensAreMeasuredWithoutASecondCopyWhereThatIsPossible() {
    Blueprint plan = plan(MILLION, DType.F32, DType.F32);
    TrainingConfig none = TrainingConfig.of("h").features(MILLION).heldOut(0).build();
    Blueprint unmeasured =
        new Blueprint(none, "model", Optional.empty(), plan.inputs(), plan.outputs());
    try (Workers workers = Workers.of(1)) {
      EngineFactory inPlace = EngineFactory.vector(workers);
      long without = ofMachine(unmeasured, inPlace, DType.F32);
      assertThat(ofMachine(plan, inPlace, DType.F32) - without)
          .isEqualTo(plan.parameterBytes() / 16);
      assertThat(ofMachine(plan, EngineFactory.reference(), DType.F32) - without)
          .isEqualTo(plan.parameterBytes());
    }
  }

  private static TrainingMemory ofGpu(Blueprint plan, DType moments, DType precision) {
    return TrainingMemory.ofGpu(plan, 139 * GIB, new TrainingMemory.Types(moments, precision));
  }

  private static long ofMachine(Blueprint plan, EngineFactory engines, DType precision) {
    return TrainingMemory.ofMachine(plan, engines, new TrainingMemory.Types(DType.F32, precision))
        .bytes();
  }
}
