package io.sluice.engine;

import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;

/** The LibTorch engine, on the device that the property {@code sluice.test.device} names. */
@Tag("cuda")
class TorchEngineTest extends EngineContractTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  @Override
  Engine open(EngineSpec spec, DictionaryParameters initial) {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch here");
    return EngineFactory.torch(DEVICE).open(spec, initial);
  }
}
