package io.sluice.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A folder of features is read as it was written, or refused. */
class FeatureFolderTest {
  private static final int FEATURES = 300;

  @TempDir Path temporary;

  @Test
  void readsWhatWasWritten() throws IOException {
    FeatureFolder folder = SyntheticFeatures.write(temporary.resolve("features"), FEATURES);
    folder.verify();
    assertThat(folder.manifest().dictionary().features()).isEqualTo(FEATURES);
    assertThat(folder.manifest().files())
        .containsOnlyKeys(
            "tokens.arrow",
            "documents.arrow",
            "features.arrow",
            "contexts.arrow",
            "contexts_index.arrow");
    assertThat(folder.tokens().text(0)).isEqualTo(" whale");
    assertThat(folder.documents().name(3)).isEqualTo("chapter 4");
    assertThat(folder.documents().of(1234)).isEqualTo(3);
    FeatureTable features = folder.features();
    float[] densities = features.all("density");
    float[] shares = features.all("active_share");
    for (int feature = 0; feature < FEATURES; feature++) {
      assertThat(features.count(feature)).isEqualTo(SyntheticFeatures.count(feature));
      assertThat(features.dead(feature)).isEqualTo(SyntheticFeatures.count(feature) == 0);
      assertThat(features.density(feature)).isEqualTo(densities[feature]);
      assertThat(Float.isNaN(shares[feature])).isEqualTo(feature % 5 == 4);
      assertThat(features.activeShare(feature)).isEqualTo(Float.valueOf(shares[feature]));
      assertThat(features.similar(feature)[4]).isEqualTo((feature + 5) % FEATURES);
      assertThat(features.similarCosine(feature)).startsWith(0.9f);
      long inBins = 0;
      for (long count : features.histogram(feature)) {
        inBins += count;
      }
      assertThat(inBins).isEqualTo(features.count(feature));
      List<FeatureContext> found = folder.contexts().of(feature);
      List<FeatureContext> written = SyntheticFeatures.contexts(feature, 5, 3);
      assertThat(found).hasSameSizeAs(written);
      for (int i = 0; i < found.size(); i++) {
        assertThat(SyntheticFeatures.same(found.get(i), written.get(i))).isTrue();
        assertThat(found.get(i).activations()[found.get(i).at()])
            .isEqualTo(found.get(i).activation());
      }
    }
    assertThat(folder.contexts().of(2, FeatureContexts.TOP)).hasSize(5);
    assertThatThrownBy(() -> folder.contexts().of(FEATURES))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there is no feature 300; there are 300, from 0");
  }

  @Test
  void anEmptyFolderAndAMissingOneAreNamed() {
    assertThatThrownBy(() -> FeatureFolder.open(temporary))
        .hasMessage(
            temporary
                + ": has no features.json; name the folder that 'sluice features --out' wrote");
    assertThatThrownBy(() -> FeatureFolder.open(temporary.resolve("none")))
        .hasMessageContaining("none: no such folder;");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tokens.arrow",
        "documents.arrow",
        "features.arrow",
        "contexts.arrow",
        "contexts_index.arrow"
      })
  void aMissingOrCutFileIsNamed(String name) throws IOException {
    Path folder = temporary.resolve("features");
    SyntheticFeatures.write(folder, 40);
    byte[] whole = Files.readAllBytes(folder.resolve(name));
    Files.write(folder.resolve(name), java.util.Arrays.copyOf(whole, whole.length - 9));
    assertThatThrownBy(() -> FeatureFolder.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(name + ": is " + (whole.length - 9) + " bytes long, the manifest")
        .hasMessageEndingWith("; run 'sluice features' again");
    Files.delete(folder.resolve(name));
    assertThatThrownBy(() -> FeatureFolder.open(folder))
        .hasMessageContaining(name + ": is missing, the manifest says");
  }

  /** Whatever the bytes, reading ends in values or in an error of one line. */
  @Test
  void flippedBitsAreFoundByTheChecksumAndNeverCrash() throws IOException {
    Path folder = temporary.resolve("features");
    SyntheticFeatures.write(folder, 40);
    Random random = new Random(7);
    for (String name : List.of("features.arrow", "contexts.arrow", "contexts_index.arrow")) {
      Path file = folder.resolve(name);
      byte[] whole = Files.readAllBytes(file);
      for (int i = 0; i < 60; i++) {
        byte[] flipped = whole.clone();
        int at = i % 2 == 0 ? random.nextInt(whole.length) : whole.length - 1 - random.nextInt(800);
        flipped[at] ^= (byte) (1 << random.nextInt(8));
        Files.write(file, flipped);
        try {
          FeatureFolder read = FeatureFolder.open(folder);
          for (int feature = 0; feature < 40; feature++) {
            read.contexts().of(feature);
            read.features().histogram(feature);
          }
          assertThatThrownBy(read::verify).hasMessageContaining(name + ": its SHA-256 is");
        } catch (IOException | java.io.UncheckedIOException e) {
          assertThat(e.getMessage()).doesNotContain("\n").contains("features");
        }
      }
      Files.write(file, whole);
    }
    FeatureFolder.open(folder).verify();
  }

  @Test
  void aManifestOfAnotherVersionIsRefused() throws IOException {
    Path folder = temporary.resolve("features");
    SyntheticFeatures.write(folder, 40);
    Path manifest = folder.resolve("features.json");
    String json = Files.readString(manifest);
    Files.writeString(manifest, json.replace("sluice.features/1", "sluice.features/2"));
    assertThatThrownBy(() -> FeatureFolder.open(folder))
        .hasMessageContaining("'sluice.features/2'");
    Files.writeString(manifest, json.replace("\"tokens.arrow\"", "\"../tokens.arrow\""));
    assertThatThrownBy(() -> FeatureFolder.open(folder))
        .hasMessageContaining("lists a file '../tokens.arrow'");
  }
}
