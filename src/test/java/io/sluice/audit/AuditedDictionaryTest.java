package io.sluice.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.audit.Activations.Source;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.ReconstructionSums;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.model.HookPoint;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Dictionaries of every format, as an audit reads and runs them. */
class AuditedDictionaryTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden").toAbsolutePath();
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.allCores());
  private static final int TOKENS = 300;

  @TempDir Path folder;

  /** Every dictionary that other libraries wrote. */
  static List<Path> places() throws IOException {
    List<Path> places = new ArrayList<>();
    try (Stream<Path> folders = Files.list(GOLDEN.resolve("dictionaries"))) {
      folders.sorted().forEach(places::add);
    }
    try (Stream<Path> folders = Files.list(GOLDEN.resolve("published"))) {
      for (Path each : (Iterable<Path>) folders.sorted()::iterator) {
        places.add(each.resolve(Files.readString(each.resolve("place.txt")).strip()));
      }
    }
    return places;
  }

  /** Without a number that the files lack, a trial as configured is the dictionary itself. */
  @ParameterizedTest
  @MethodSource("places")
  void aTrialAsConfiguredIsTheDictionary(Path place) throws IOException {
    AuditedDictionary audited = AuditedDictionary.open(place.getFileName().toString(), place);
    Promise promise = audited.promise();
    assertThat(promise.normalisation() == Normalisation.LAYER_NORM)
        .isEqualTo(
            place.toString().contains("layer-norm") || place.toString().contains("openai-topk"));
    assertThat(promise.normalisation() == Normalisation.UNIT)
        .isEqualTo(place.toString().contains("constant-norm"));
    Dictionary dictionary = audited.read();
    DictionaryConfig config = dictionary.config();
    HookPoint reads = HookPoint.parse("layers.0.mlp_in");
    HookPoint writes = config.isAutoencoder() ? reads : HookPoint.parse("layers.0.mlp_out");
    Map<Source, Integer> widths = new TreeMap<>();
    widths.put(new Source(true, reads), config.inputWidth());
    widths.put(new Source(true, writes), config.outputWidth());
    Random random = new Random(Seeds.seed());
    try (Activations activations = new Activations(widths, TOKENS);
        TrialRunner runner = new TrialRunner(dictionary, ENGINES);
        Engine engine = dictionary.open(ENGINES)) {
      Map<Source, PlaceStatistics> statistics = new HashMap<>();
      for (Source source : activations.sources()) {
        MemorySegment rows = activations.next(source, 0, TOKENS);
        for (long i = 0; i < rows.byteSize() / Float.BYTES; i++) {
          rows.setAtIndex(DictionaryParameters.FLOAT, i, (float) random.nextGaussian() + 0.1f);
        }
      }
      activations.added(TOKENS);
      for (Source source : activations.sources()) {
        statistics.put(source, PlaceStatistics.of(activations.rows(source)));
      }
      Trial configured = new Trial(new Place(reads, writes), true, promise.normalisation(), false);
      TrialSums sums = new TrialSums(configured, config.outputWidth());
      runner.run(sums, activations, statistics);
      ReconstructionSums expected = new ReconstructionSums(config.outputWidth());
      Rows input = activations.rows(new Source(true, reads));
      for (int from = 0; from < TOKENS; from += 256) {
        Rows batch = slice(input, from, Math.min(256, TOKENS - from));
        Rows target = slice(activations.rows(new Source(true, writes)), from, batch.count());
        engine.encode(batch, config.activation());
        expected.add(engine, config.isAutoencoder() ? batch : target);
      }
      assertThat(sums.tokens()).isEqualTo(TOKENS);
      assertThat(sums.l0()).isEqualTo(expected.l0());
      assertThat(sums.fvu()).isCloseTo(expected.fvu(), within(1e-5 * expected.fvu()));
    }
  }

  private static Rows slice(Rows rows, int from, int count) {
    return new Rows(
        rows.memory().asSlice(from * rows.rowBytes(), count * rows.rowBytes()),
        rows.dtype(),
        count,
        rows.width());
  }

  @Test
  void findsTheDictionariesInAFolder() throws IOException {
    Dictionary dictionary = small("layers.1.resid");
    for (String name : List.of("b", "a/deep")) {
      Files.createDirectories(folder.resolve(name));
      dictionary.save(folder.resolve(name));
    }
    Files.writeString(folder.resolve("notes.txt"), "nothing");
    assertThat(AuditedDictionary.placesIn(folder))
        .containsExactly(folder.resolve("a/deep"), folder.resolve("b"));
    assertThat(AuditedDictionary.placesIn(folder.resolve("b")))
        .containsExactly(folder.resolve("b"));
    List<Path> layers = AuditedDictionary.placesIn(circuitTracer());
    assertThat(layers).isNotEmpty().allMatch(file -> file.toString().endsWith(".safetensors"));
  }

  /** The folder of a transcoder set. */
  private static Path circuitTracer() throws IOException {
    return places().stream()
        .filter(place -> place.toString().contains("circuit_tracer"))
        .findFirst()
        .orElseThrow()
        .getParent();
  }

  private static Dictionary small(String hook) {
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), 4, 4, 8);
    return new Dictionary(
        new DictionaryConfig("m", hook, hook, 4, 4, 8, new TopK(2), false, false), p);
  }

  @Test
  void aScaleThatTheFilesLackIsAConstant() throws IOException {
    DictionaryFormat.SAELENS.write(small("layers.1.resid"), folder.resolve("sae"));
    Path config = folder.resolve("sae/cfg.json");
    String text = Files.readString(config);
    assertThat(text).contains("\"none\"");
    Files.writeString(
        config,
        text.replaceFirst(
            "(\"normalize_activations\" : )\"none\"", "$1\"expected_average_only_in\""));
    AuditedDictionary unknown = AuditedDictionary.open("sae", folder.resolve("sae"));
    assertThat(unknown.promise().normalisation()).isEqualTo(Normalisation.CONSTANT);
    assertThat(unknown.promise().l0()).isEqualTo(2);
    AuditedDictionary known =
        AuditedDictionary.open("sae", folder.resolve("sae"), Origin.UNKNOWN.scaled(0.5));
    assertThat(known.promise().normalisation()).isEqualTo(Normalisation.NONE);
  }

  @Test
  void severalHookPointsAreRefused() throws IOException {
    Path place = folder.resolve("clt");
    Files.createDirectories(place);
    Files.writeString(place.resolve("cross-layer.json"), "{}");
    assertThatThrownBy(() -> AuditedDictionary.open("clt", place))
        .isInstanceOf(IOException.class)
        .hasMessage(
            place + ": is a cross-layer transcoder; an audit takes dictionaries of one hook point");
  }
}
