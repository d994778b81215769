package io.sluice.training.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** What each kind of dictionary refuses. */
class KindTest {
  private static final Kind AUTOENCODER = new Kind.Autoencoder();
  private static final Kind TRANSCODER =
      new Kind.Transcoder("layers.0.mlp_out", InitialEncoder.PULL_BACK, false);
  private static final Kind SKIP =
      new Kind.Transcoder("layers.0.mlp_out", InitialEncoder.PULL_BACK, true);
  private static final Kind CROSSCODER = new Kind.Crosscoder(List.of("layers.1.mlp_in"));
  private static final Kind CROSS_LAYER =
      new Kind.CrossLayerTranscoder(
          List.of("layers.1.mlp_in"),
          List.of("layers.0.mlp_out", "layers.1.mlp_out"),
          InitialEncoder.PULL_BACK);

  @Test
  void onlyAutoencodersHaveMatchingPursuit() {
    UnaryOperator<TrainingConfigBuilder> pursuit = of -> of.activation("matching_pursuit");
    assertThat(config(AUTOENCODER, pursuit).kind()).isEqualTo(AUTOENCODER);
    for (Kind kind : List.of(TRANSCODER, SKIP, CROSSCODER, CROSS_LAYER)) {
      assertRefused(
          kind, pursuit, "matching_pursuit is for autoencoders, and this is a " + kind.title());
    }
  }

  @Test
  void onlyAutoencodersAreWhitenedAndConstrained() {
    for (Remedies remedies :
        List.of(Remedies.NONE.whitened(Remedies.WHITEN_FLOOR), Remedies.NONE.constrainedTo(8, 1))) {
      UnaryOperator<TrainingConfigBuilder> mapped = of -> of.remedies(remedies);
      assertThat(config(AUTOENCODER, mapped).remedies()).isEqualTo(remedies);
      for (Kind kind : List.of(TRANSCODER, SKIP, CROSSCODER, CROSS_LAYER)) {
        assertRefused(
            kind,
            mapped,
            "whitened and constrained training are for dictionaries that write what they read");
      }
    }
  }

  @Test
  void skipConnectionsHaveNoNestedPrefixes() {
    UnaryOperator<TrainingConfigBuilder> nested = of -> of.prefixes(List.of(8, 16));
    for (Kind kind : List.of(AUTOENCODER, TRANSCODER, CROSSCODER)) {
      assertThat(config(kind, nested).sparsity().prefixes()).containsExactly(8, 16);
    }
    assertRefused(
        SKIP,
        nested,
        "nested prefixes cannot be combined with a skip connection: each would need its own");
  }

  @Test
  void crossLayerTranscodersHaveTopKOrReLUAlone() {
    assertThat(config(CROSS_LAYER, of -> of).kind()).isEqualTo(CROSS_LAYER);
    assertThat(config(CROSS_LAYER, of -> of.activation("relu", 0.3, 0)).kind())
        .isEqualTo(CROSS_LAYER);
    List<UnaryOperator<TrainingConfigBuilder>> refused =
        List.of(
            of -> of.activation("batchtopk"),
            of -> of.prefixes(List.of(8)),
            of -> of.remedies(Remedies.NONE.withAuxK(0, Remedies.AUX_WEIGHT)),
            of -> of.remedies(Remedies.NONE.resampled(5, 0)));
    for (UnaryOperator<TrainingConfigBuilder> change : refused) {
      assertThat(config(TRANSCODER, change).kind()).isEqualTo(TRANSCODER);
      assertRefused(
          CROSS_LAYER,
          change,
          "a cross-layer transcoder needs topk or relu, and cannot have nested prefixes, AuxK or resampling");
    }
  }

  private static TrainingConfig config(Kind kind, UnaryOperator<TrainingConfigBuilder> change) {
    return change.apply(TrainingConfig.of("layers.0.mlp_in").kind(kind).features(32).k(4)).build();
  }

  private static void assertRefused(
      Kind kind, UnaryOperator<TrainingConfigBuilder> change, String message) {
    assertThatThrownBy(() -> config(kind, change))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
