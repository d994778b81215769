package io.sluice.engine;

/** The engine of fused vector kernels. */
class VectorEngineTest extends EngineContractTest {
  @Override
  Engine open(EngineSpec spec, Parameters initial) {
    return new VectorEngine(spec, initial);
  }
}
