package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What commands say of stores, dictionaries and checkpoints that are not what they should be: one
 * line that names the file, status 1, and nothing is written or changed.
 */
@Tag("slow")
class BadInputTest {
  private static final String SHARD = "shard-00001.arrow";
  private static final String MANIFEST = ".manifest.json";

  @TempDir private Path temp;
  private Path store;
  private Path trained;
  private Path broken;
  private String err;

  /** A change to a file that must be found. */
  private interface Damage {
    byte[] of(byte[] whole);
  }

  private static byte[] empty(byte[] whole) {
    return new byte[0];
  }

  private static byte[] half(byte[] whole) {
    return Arrays.copyOf(whole, whole.length / 2);
  }

  /** One bit in the middle: of a shard it lies in the activations, of a manifest anywhere. */
  private static byte[] bit(byte[] whole) {
    byte[] flipped = whole.clone();
    flipped[whole.length / 2] ^= 0x10;
    return flipped;
  }

  private static byte[] text(byte[] whole) {
    return "no such format\n"
        .repeat(1 + whole.length / 15)
        .substring(0, whole.length)
        .getBytes(StandardCharsets.US_ASCII);
  }

  private enum Kind {
    MISSING(null),
    EMPTY(BadInputTest::empty),
    TRUNCATED(BadInputTest::half),
    FLIPPED(BadInputTest::bit),
    FOREIGN(BadInputTest::text);

    private final Damage damage;

    Kind(Damage damage) {
      this.damage = damage;
    }

    private void to(Path file) throws IOException {
      if (damage == null) {
        Files.delete(file);
      } else {
        Files.write(file, damage.of(Files.readAllBytes(file)));
      }
    }
  }

  @BeforeEach
  void writeAll() throws IOException {
    store = temp.resolve("store");
    trained = temp.resolve("trained");
    broken = temp.resolve("broken");
    ActivationStore activations = SyntheticStore.write(store, 1500, DType.F32, 1);
    run(activations, trained, 4);
    run(activations, broken, 2);
  }

  /** A run of four steps that is stopped after {@code last}. */
  private static void run(ActivationStore activations, Path folder, int last) throws IOException {
    TrainingConfig config =
        TrainingConfig.of(SyntheticStore.HOOK)
            .features(32)
            .k(4)
            .batch(16)
            .steps(4)
            .checkpointEvery(1)
            .build();
    class Stop extends RuntimeException {
      private static final long serialVersionUID = 1;
    }
    EngineFactory engines = EngineFactory.named("reference", Device.CPU);
    try (Trainer trainer = Trainer.start(activations, config, engines, "run", folder)) {
      trainer.run(
          new TrainingListener() {
            @Override
            public void stepped(long step, long tokens) {
              if (step == last && last < 4) {
                throw new Stop();
              }
            }
          });
    } catch (Stop expected) {
      assertThat(folder.resolve("dictionary.json")).doesNotExist();
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void damagedShardsAreNamed(Kind kind) throws IOException {
    kind.to(store.resolve(SHARD));
    everyReaderOfTheStoreRefuses(SHARD);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void damagedManifestsAreNamed(Kind kind) throws IOException {
    kind.to(store.resolve(MANIFEST));
    everyReaderOfTheStoreRefuses(MANIFEST);
  }

  @Test
  void aFileInPlaceOfAStoreIsNamed() throws IOException {
    store = Files.writeString(temp.resolve("a file"), "text");
    everyReaderOfTheStoreRefuses("a file: not a folder");
  }

  @Test
  void checksumsAreSkippedOnRequestOnly() throws IOException {
    Kind.FLIPPED.to(store.resolve(SHARD));
    assertThat(sluice("spectrum", "--store", store, "--no-verify")).as(err).isZero();
  }

  @Test
  void whatIsNotFiniteIsNamedByColumnAndRow() throws IOException {
    store = temp.resolve("with NaN");
    SyntheticStore.writeWithNaN(store, 1500, 1, 1234);
    everyReaderOfTheStoreRefuses(SyntheticStore.HOOK, "row 1234", "NaN");
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void damagedDictionariesAreNamed(Kind kind) throws IOException {
    Path weights = trained.resolve("dictionary.safetensors");
    byte[] good = Files.readAllBytes(weights);
    kind.to(weights);
    refused(1, "dictionary.safetensors", "evaluate", "--store", store, "--dictionary", trained);
    Files.write(weights, good);
    kind.to(trained.resolve("dictionary.json"));
    refused(1, "dictionary.json", "evaluate", "--store", store, "--dictionary", trained);
  }

  @Test
  void aStoreOfAnotherWidthIsRefusedWithBothWidths() throws IOException {
    Path other = temp.resolve("narrow");
    StoreSpec spec = StoreSpec.of("m", "t", List.of(new Column(SyntheticStore.HOOK, 8, DType.F32)));
    try (StoreWriter writer = StoreWriter.create(other, spec)) {
      int[] ids = new int[3];
      writer.append(ids, ids, ids, DType.F32, MemorySegment.ofArray(new float[3 * 8]));
      writer.finish();
    }
    refused(1, "is 8 wide", "evaluate", "--store", other, "--dictionary", trained);
    refused(1, "run.json", "train", "--resume", "--store", other, "--out", broken);
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"EMPTY", "TRUNCATED", "FLIPPED", "FOREIGN"})
  void damagedCheckpointsAreNamed(Kind kind) throws IOException {
    Path newest;
    try (Stream<Path> files = Files.list(broken)) {
      newest = files.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList().getLast();
    }
    kind.to(newest);
    refused(1, newest.getFileName().toString(), "train", "--resume", "--out", broken);
    assertThat(err).contains("delete it to continue from");
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"MISSING", "EMPTY", "TRUNCATED", "FOREIGN"})
  void damagedRunFilesAreNamed(Kind kind) throws IOException {
    kind.to(broken.resolve("run.json"));
    refused(1, "run.json", "train", "--resume", "--out", broken);
  }

  private void everyReaderOfTheStoreRefuses(String... parts) throws IOException {
    Path file = temp.resolve("spectrum.json");
    Path run = temp.resolve("run");
    refused(1, parts[0], "spectrum", "--store", store, "--out", file);
    assertThat(err).contains(parts);
    refused(1, parts[0], "evaluate", "--store", store, "--dictionary", trained);
    assertThat(err).contains(parts);
    Object[] train = {
      "train",
      "--store",
      store,
      "--hook",
      SyntheticStore.HOOK,
      "--features",
      "32",
      "--k",
      "4",
      "--engine",
      "reference",
      "--steps",
      "200",
      "--batch",
      "16",
      "--out",
      run
    };
    refused(1, parts[0], train);
    assertThat(err).contains(parts);
    assertThat(run.resolve("dictionary.json")).doesNotExist();
    if (!parts[parts.length - 1].equals("NaN")) { // another store than the run began with
      refused(1, parts[0], "train", "--resume", "--store", store, "--out", broken);
    }
  }

  private void refused(int status, String part, Object... arguments) throws IOException {
    Map<Path, Integer> before = contents();
    assertThat(sluice(arguments)).as(err).isEqualTo(status);
    assertThat(err.strip().lines()).as(err).hasSize(1);
    assertThat(err).contains(part).doesNotContain("internal error");
    assertThat(contents()).as("files after: " + err).containsAllEntriesOf(before);
  }

  private Map<Path, Integer> contents() throws IOException {
    Map<Path, Integer> contents = new HashMap<>();
    for (Path folder : List.of(trained, broken)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : (Iterable<Path>) files::iterator) {
          // A lock says who has held it.
          if (!file.endsWith(".lock")) {
            contents.put(file, Arrays.hashCode(Files.readAllBytes(file)));
          }
        }
      }
    }
    return contents;
  }

  private int sluice(Object... arguments) {
    StringWriter errors = new StringWriter();
    int status =
        Main.run(
            new PrintWriter(new StringWriter()),
            new PrintWriter(errors),
            Stream.of(arguments).map(Object::toString).toArray(String[]::new));
    err = errors.toString();
    return status;
  }
}
