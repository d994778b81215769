package io.sluice.store;

/** Contexts that are copied from files are those of mapped files. */
class CopiedContextsTest extends ContextsTest {
  @Override
  Reading reading() {
    return Reading.COPIED;
  }
}
