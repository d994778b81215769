package io.sluice.engine;

import io.sluice.memory.Workers;

/** The engine of fused vector kernels. */
class VectorEngineTest extends EngineContractTest {
  @Override
  Engine open(EngineSpec spec, Parameters initial) {
    return EngineFactory.vector(Workers.allCores()).open(spec, initial);
  }
}
