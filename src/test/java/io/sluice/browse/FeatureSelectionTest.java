package io.sluice.browse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FeatureSelectionTest {
  private static final float[] DENSITY = {0.1f, 0.5f, 0, 0.5f, 0.2f};

  @Test
  void numbersKeepTheirOrderAndComeOnce() {
    assertThat(FeatureSelection.parse("3,1,3,0").of(DENSITY, 0)).containsExactly(3, 1, 0);
  }

  @Test
  void theDensestComeFirstAndTiesByNumber() {
    assertThat(FeatureSelection.parse("top-density:3").of(DENSITY, 0)).containsExactly(1, 3, 4);
    assertThat(FeatureSelection.parse("top-density:99").of(DENSITY, 0))
        .containsExactly(1, 3, 4, 0, 2);
  }

  @Test
  void aDrawFollowsItsSeed() {
    float[] many = new float[1000];
    int[] drawn = FeatureSelection.parse("random:20").of(many, 7);
    assertThat(drawn).hasSize(20).doesNotHaveDuplicates().isSorted();
    assertThat(FeatureSelection.parse("random:20").of(many, 7)).isEqualTo(drawn);
    assertThat(FeatureSelection.parse("random:20").of(many, 8)).isNotEqualTo(drawn);
    assertThat(FeatureSelection.parse("random:20").of(DENSITY, 1)).containsExactly(0, 1, 2, 3, 4);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "x", "1,", "-1", "1-3", "top-density", "top-density:0", "random:2001", "1 2"})
  void othersAreRefusedInOneLine(String text) {
    assertThatThrownBy(() -> FeatureSelection.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + text + "'")
        .hasMessageNotContaining("\n");
  }

  @Test
  void aFeatureThatDoesNotExistIsNamed() {
    assertThatThrownBy(() -> FeatureSelection.parse("1,5").of(DENSITY, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there is no feature 5; there are 5, from 0");
  }
}
