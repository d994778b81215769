package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.sluice.engine.EngineFactory;
import io.sluice.memory.Workers;
import io.sluice.testing.Python;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Small differences of rounding do not grow into another loss. */
@Tag("python")
@Tag("slow")
class LossCurveTest {
  @TempDir private Path folder;

  @Test
  void endsAtPyTorchsLossAfterFiveHundredSteps() throws Exception {
    Path curve = folder.resolve("curve.safetensors");
    Python.run("loss_curve.py", curve, "--steps", 500, "--width", 64, "--batch", 128);
    LossCurve.Comparison found =
        LossCurve.load(curve).follow(EngineFactory.vector(Workers.allCores()));
    assertThat(found.steps()).isEqualTo(500);
    assertThat(found.loss()).isCloseTo(found.expected(), withinPercentage(1));
  }
}
