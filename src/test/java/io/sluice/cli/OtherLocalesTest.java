package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The library in locales with other digits, another small i, a comma for the point: stores, runs
 * and dictionaries have the same names and bytes as everywhere. (The command line itself leaves the
 * locale alone; the library cannot.)
 */
@Tag("slow")
@Isolated("changes the default locale")
class OtherLocalesTest {
  private final Locale before = Locale.getDefault();
  @TempDir private Path temp;

  /** What interrupts a run. */
  private static final class Stop extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @AfterEach
  void restore() {
    Locale.setDefault(before);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ar-EG", "fa-IR", "ne-NP", "tr-TR", "de-DE", "th-TH-u-nu-thai"})
  void storesRunsAndDictionariesAreTheSame(String tag) throws Exception {
    Locale.setDefault(Locale.ROOT);
    JsonNode expected = everything(temp.resolve("root"));
    Locale.setDefault(Locale.forLanguageTag(tag));
    assertThat(String.format("%d", 12).equals("12"))
        .as("whether this JDK has the digits of %s", tag)
        .isEqualTo(tag.equals("tr-TR") || tag.equals("de-DE"));
    assertThat(everything(temp.resolve("there"))).isEqualTo(expected);
    for (Path file : files(temp.resolve("root"))) {
      Path same = temp.resolve("there").resolve(temp.resolve("root").relativize(file).toString());
      assertThat(same).exists();
      if (file.toString().matches(".*(arrow|dictionary.safetensors|dictionary.json)")) {
        assertThat(same).hasSameBinaryContentAs(file);
      }
    }
    assertThat(files(temp.resolve("there"))).hasSameSizeAs(files(temp.resolve("root")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"ar-EG", "tr-TR"})
  void aCaptureIsTheSame(String tag) throws IOException {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch");
    Locale.setDefault(Locale.forLanguageTag(tag));
    Path text = Files.writeString(temp.resolve("text.txt"), "THE WHITE WHALE IS ILL. ".repeat(20));
    Path store = temp.resolve("store");
    String model = "src/test/resources/golden/model/tiny-bert";
    JsonNode said =
        json("capture", "--model", model, "--text", text, "--out", store, "--tokens", 50, "--json");
    assertThat(said.get("rows").asLong()).isEqualTo(50);
    ActivationStore opened = ActivationStore.open(store);
    opened.verify();
    assertThat(opened.rows()).isEqualTo(50);
    assertThat(store.resolve("shard-00000.arrow")).exists();
  }

  /** Store, spectrum, interrupted and resumed run, evaluation, conversion there and back. */
  private static JsonNode everything(Path folder) throws IOException {
    Files.createDirectory(folder);
    Path run = folder.resolve("run");
    ActivationStore store = SyntheticStore.write(folder.resolve("store"), 1200, DType.F32, 5);
    store.verify();
    JsonNode spectrum = json("spectrum", "--store", store.folder(), "--json");
    assertThat(spectrum.isObject()).isTrue();
    TrainingConfig config =
        TrainingConfig.of(SyntheticStore.HOOK)
            .features(48)
            .k(4)
            .batch(32)
            .steps(12)
            .checkpointEvery(5)
            .logEvery(4)
            .build();
    TrainingListener stops =
        new TrainingListener() {
          @Override
          public void stepped(long step, long tokens) {
            if (step == 7) {
              throw new Stop();
            }
          }
        };
    EngineFactory engines = EngineFactory.named("vector", Device.CPU);
    try (Trainer trainer = Trainer.start(store, config, engines, "stopped", run)) {
      assertThatThrownBy(() -> trainer.run(stops)).isInstanceOf(Stop.class);
    }
    assertThat(run.resolve("checkpoint-000000005.safetensors")).exists();
    json("train", "--resume", "--out", run, "--json");
    Path there = folder.resolve("saelens");
    assertThat(sluice("convert", "--dictionary", run, "--to", "saelens", "--out", there)).isEmpty();
    Path back = folder.resolve("back");
    assertThat(sluice("convert", "--dictionary", there, "--to", "sluice", "--out", back)).isEmpty();
    return json("evaluate", "--dictionary", back, "--store", store.folder(), "--json").get("fvu");
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static JsonNode json(Object... arguments) throws IOException {
    StringWriter out = new StringWriter();
    assertThat(run(out, arguments)).isEmpty();
    return new ObjectMapper().readTree(out.toString());
  }

  private static String sluice(Object... arguments) {
    return run(new StringWriter(), arguments);
  }

  /** What a command complains of, if it fails. */
  private static String run(StringWriter out, Object... arguments) {
    StringWriter err = new StringWriter();
    int status =
        Main.run(
            new PrintWriter(out, true),
            new PrintWriter(err, true),
            Stream.of(arguments).map(Object::toString).toArray(String[]::new));
    return status == 0 ? "" : err.toString();
  }
}
