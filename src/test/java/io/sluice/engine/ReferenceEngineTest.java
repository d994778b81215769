package io.sluice.engine;

/** The specification keeps its own promises, and agrees with PyTorch. */
class ReferenceEngineTest extends EngineContractTest {
  @Override
  Engine open(EngineSpec spec, Parameters initial) {
    return EngineFactory.reference().open(spec, initial);
  }
}
