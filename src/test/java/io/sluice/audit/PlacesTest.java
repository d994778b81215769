package io.sluice.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.TopK;
import io.sluice.model.HookPoint;
import io.sluice.model.TinyModel;
import io.sluice.model.loading.LoadedModel;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Which places of a model of three layers are tried. */
@Tag("model")
class PlacesTest {
  /** Widths of the stream and of the MLP's hidden layer. */
  private static final int STREAM = 24;

  private static final int HIDDEN = 28;

  private static Places places(LoadedModel model, String reads, String writes, int width) {
    DictionaryConfig config =
        new DictionaryConfig("", reads, writes, width, STREAM, 40, new TopK(3), false, false);
    return Places.of(config, model, List.of());
  }

  @Test
  void theStreamBeforeALayerIsThatAfterTheOneBefore() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      Places places = places(model, "layers.1.resid_in", "layers.1.resid_in", STREAM);
      assertThat(places.named()).hasToString("layers.0.resid");
      assertThat(places.all())
          .extracting(Place::toString)
          .doesNotHaveDuplicates()
          .contains("layers.0.resid_in", "layers.1.resid", "layers.2.attn_out")
          .doesNotContain("layers.1.resid_in", "layers.1.mlp_act");
      assertThat(places.distance(places.named())).isZero();
      Places theirs = places(model, "blocks.1.hook_resid_pre", "blocks.1.hook_resid_pre", STREAM);
      assertThat(theirs.named()).isEqualTo(places.named());
    }
  }

  @Test
  void aLayerCountedFromTheOtherEndIsNear() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      Places places = places(model, "layers.0.z", "layers.0.z", STREAM);
      assertThat(places.all())
          .extracting(Place::toString)
          .contains("layers.1.resid", "layers.2.z")
          .doesNotContain("layers.2.resid", "layers.2.attn_out");
      assertThat(places.distance(Place.at(HookPoint.parse("layers.2.z")))).isOne();
      assertThat(places.distance(Place.at(HookPoint.parse("layers.1.resid")))).isEqualTo(2);
    }
  }

  @Test
  void othersCanBeAdded() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      DictionaryConfig config =
          new DictionaryConfig(
              "", "layers.0.z", "layers.0.z", STREAM, STREAM, 40, new TopK(3), false, false);
      HookPoint far = HookPoint.parse("layers.2.resid");
      HookPoint wide = HookPoint.parse("layers.2.mlp_act");
      Places places = Places.of(config, model, List.of(far, wide));
      assertThat(places.all()).contains(Place.at(far)).doesNotContain(Place.at(wide));
      assertThat(places.distance(Place.at(far))).isEqualTo(3);
    }
  }

  @Test
  void aLayerThatTheModelLacksIsNoPlaceButHasNeighbours() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      Places places = places(model, "layers.3.mlp_out", "layers.3.mlp_out", STREAM);
      assertThat(places.named()).isNull();
      assertThat(places.all()).extracting(Place::toString).contains("layers.2.mlp_out");
      Places unknown = places(model, "somewhere", "somewhere", STREAM);
      assertThat(unknown.named()).isNull();
      // The stream before each layer but the first is that after the one before.
      assertThat(unknown.all()).hasSize(3 * 7 + 1);
    }
  }

  @Test
  void aLayerIsFoundInTheNameOfAnotherPlace() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      Places places =
          places(model, "blocks.0.ln2.hook_normalized", "blocks.0.ln2.hook_normalized", STREAM);
      assertThat(places.named()).isNull();
      assertThat(places.all())
          .hasSize(2 * 7 + 1)
          .allMatch(place -> place.reads().layer() <= 1)
          .allMatch(place -> places.distance(place) == place.reads().layer());
      Places pairs = places(model, "blocks.2.ln2.hook_normalized", "layers.2.mlp_out", STREAM);
      assertThat(pairs.all())
          .extracting(Place::toString)
          .contains("layers.2.mlp_in to layers.2.mlp_out", "layers.0.resid to layers.1.mlp_out")
          .doesNotContain("layers.0.mlp_in to layers.0.mlp_out");
    }
  }

  @Test
  void aTranscoderIsTriedWithEitherEndMoved() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      Places places = places(model, "layers.1.mlp_in", "layers.1.mlp_out", STREAM);
      assertThat(places.named()).hasToString("layers.1.mlp_in to layers.1.mlp_out");
      assertThat(places.all())
          .extracting(Place::toString)
          .contains(
              "layers.1.resid_mid to layers.1.mlp_out",
              "layers.1.mlp_in to layers.1.resid",
              "layers.2.mlp_in to layers.2.mlp_out")
          .doesNotContain("layers.2.mlp_in to layers.1.mlp_out");
      Places hidden = places(model, "", "out", HIDDEN);
      assertThat(hidden.all()).isEmpty();
    }
  }
}
