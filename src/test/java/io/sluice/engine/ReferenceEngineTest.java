package io.sluice.engine;

import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;

/** The specification keeps its own promises, and agrees with PyTorch. */
class ReferenceEngineTest extends EngineContractTest {
  @Override
  Engine open(EngineSpec spec, DictionaryParameters initial) {
    return EngineFactory.reference().open(spec, initial);
  }
}
