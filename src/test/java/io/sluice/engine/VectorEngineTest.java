package io.sluice.engine;

import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.Workers;

/** The engine of fused vector kernels. */
class VectorEngineTest extends EngineContractTest {
  @Override
  Engine open(EngineSpec spec, DictionaryParameters initial) {
    return EngineFactory.vector(Workers.allCores()).open(spec, initial);
  }
}
