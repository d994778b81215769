package io.sluice.engine.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What a specification says of prefixes that it refuses. */
class EngineSpecTest {
  private static final EngineSpec SPEC = new EngineSpec(4, 4, 32, true, false, Optimiser.ADAM);

  @Test
  void prefixesThatEndBeforeAllFeaturesOrBeyondAreRefused() {
    assertThat(SPEC.nested(List.of(8, 16, 32)).prefixes()).containsExactly(8, 16, 32);
    assertNestedRefused(List.of(8, 16), "the last prefix must be all 32 features: [8, 16]");
    assertNestedRefused(List.of(8, 64), "the last prefix must be all 32 features: [8, 64]");
    assertNestedRefused(List.of(), "the last prefix must be all 32 features: []");
  }

  @Test
  void prefixesThatDoNotAscendAreListedWhole() {
    String message = "prefixes must ascend and be smaller than the 32 features: ";
    assertNestedRefused(List.of(16, 8, 32), message + "[16, 8, 32]");
    assertNestedRefused(List.of(0, 32), message + "[0, 32]");
    assertNestedRefused(List.of(32, 32), message + "[32, 32]");
  }

  @Test
  void prefixesBeforeTheWholeAreListedAsGiven() {
    EngineSpec.requireNested(List.of(8, 16), 32);
    EngineSpec.requireNested(List.of(), 32);
    assertThatThrownBy(() -> EngineSpec.requireNested(List.of(16, 16), 32))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("prefixes must ascend and be smaller than the 32 features: [16, 16]");
    assertThatThrownBy(() -> EngineSpec.requireNested(List.of(8, 32), 32))
        .hasMessage("prefixes must ascend and be smaller than the 32 features: [8, 32]");
  }

  private static void assertNestedRefused(List<Integer> prefixes, String message) {
    assertThatThrownBy(() -> SPEC.nested(prefixes))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
