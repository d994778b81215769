package io.sluice.training.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SeedStabilityTest {
  @TempDir Path folder;

  /** Two rows in the plane, at these angles. */
  private Path run(String name, double first, double second) throws IOException {
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), 2, 2, 2);
    double[] angles = {first, second};
    for (int row = 0; row < 2; row++) {
      p.decoder().setAtIndex(DictionaryParameters.FLOAT, 2L * row, (float) Math.cos(angles[row]));
      p.decoder()
          .setAtIndex(DictionaryParameters.FLOAT, 2L * row + 1, (float) Math.sin(angles[row]));
    }
    DictionaryConfig config =
        new DictionaryConfig("m", "h", "h", 2, 2, 2, new TopK(1), false, false);
    Path made = Files.createDirectory(folder.resolve(name));
    new Dictionary(config, p).save(made);
    return made;
  }

  @Test
  void isTheMeanOverPairsOfTheLargestCosines() throws IOException {
    Path a = run("a", 0, Math.PI / 2);
    Path b = run("b", Math.PI / 3, Math.PI / 2);
    // From a: cos 60° and 1. From b: cos 30° and 1.
    assertThat(SeedStability.of(List.of(a, b)))
        .isCloseTo((0.5 + 1 + Math.sqrt(0.75) + 1) / 4, within(1e-6));
    assertThat(SeedStability.of(List.of(a))).isNull();
    assertThat(SeedStability.of(List.of(a, folder.resolve("none")))).isNull();
  }

  @Test
  void isKeptBesideTheSweepUntilADictionaryChanges() throws IOException {
    Path a = run("a", 0, Math.PI / 2);
    Path b = run("b", Math.PI / 3, Math.PI / 2);
    SeedStabilityFile first = SeedStabilityFile.of(folder);
    Double computed = first.stability(List.of(a, b));
    first.save();
    Path file = folder.resolve(SeedStabilityFile.NAME);
    // What is read is used: another number in the file is found again.
    Files.writeString(file, Files.readString(file).replace(computed.toString(), "0.125"));
    assertThat(SeedStabilityFile.of(folder).stability(List.of(a, b))).isEqualTo(0.125);
    assertThat(SeedStabilityFile.of(folder).stability(List.of(b, a))).isEqualTo(0.125);
    // Other weights are compared anew, and their result is kept.
    Files.delete(b.resolve("dictionary.safetensors"));
    Files.delete(b.resolve("dictionary.json"));
    Files.delete(b);
    Path other = run("b", Math.PI / 4, Math.PI / 2);
    SeedStabilityFile later = SeedStabilityFile.of(folder);
    double cosine = Math.sqrt(0.5);
    assertThat(later.stability(List.of(a, other)))
        .isCloseTo((cosine + 1 + cosine + 1) / 4, within(1e-6));
    later.save();
    assertThat(Files.readString(file)).doesNotContain("0.125");
    // A damaged file is as good as none.
    Files.writeString(file, "{");
    assertThat(SeedStabilityFile.of(folder).stability(List.of(a, other)))
        .isCloseTo((cosine + 1) / 2, within(1e-6));
  }
}
