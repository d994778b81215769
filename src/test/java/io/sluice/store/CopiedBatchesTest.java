package io.sluice.store;

/** Batches that are copied from files are those of mapped files. */
class CopiedBatchesTest extends BatchesTest {
  @Override
  Reading reading() {
    return Reading.COPIED;
  }
}
