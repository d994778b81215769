package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.JsonMutations;
import io.sluice.testing.Mutations;
import io.sluice.weights.PyTorchFile;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorInfo;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Dictionaries of every format whose configs and tensors are damaged in what they say: each is read
 * and computes something, or is refused in one line.
 */
@Tag("fuzz")
class DictionaryFuzzTest {
  @TempDir(factory = InMemory.class)
  private Path folder;

  /** A dictionary's config, and its tensors where they can be written with changes. */
  private record Sample(
      Path config, byte[] json, Path weights, byte[] bytes, TensorSource tensors) {}

  @ParameterizedTest
  @EnumSource(
      value = DictionaryFormat.class,
      names = {"SLUICE", "SAELENS", "SPARSIFY", "LLAMASCOPIUM", "DICTIONARY_LEARNING"})
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void isReadOrRefusedInOneLine(DictionaryFormat format) throws IOException {
    List<Sample> samples = samples(format);
    Path damaged = Files.createDirectory(folder.resolve("damaged"));
    int count = FuzzRun.MUTATIONS;
    int read =
        FuzzRun.run(
            "DictionaryFuzzTest " + format.label(),
            count,
            damaged,
            random -> write(samples.get(random.nextInt(samples.size())), damaged, random),
            () -> {
              Dictionary dictionary = format.read(damaged, Origin.UNKNOWN);
              dictionary.open(EngineFactory.reference()).close();
            });
    assertThat(read).isBetween(count / 100, count - count / 20);
  }

  private static long write(Sample sample, Path damaged, Random random) throws IOException {
    byte[] json = sample.json;
    Path weights = damaged.resolve(sample.weights.getFileName());
    Files.write(weights, sample.bytes);
    int what = random.nextInt(4);
    if (what < 3) {
      json = JsonMutations.mutate(json, random);
    }
    if (what > 1 || sample.weights.endsWith("dictionary.safetensors")) {
      // Without the metadata: they repeat the config, and carry checksums.
      writeTensors(sample, weights, what == 3, random);
    }
    Files.write(damaged.resolve(sample.config.getFileName()), json);
    return json.length + sample.bytes.length;
  }

  private static void writeTensors(Sample sample, Path weights, boolean change, Random random)
      throws IOException {
    if (weights.endsWith("ae.pt")) {
      if (change) {
        Files.write(weights, Mutations.mutate(sample.bytes, random));
      }
      return;
    }
    List<TensorData> tensors = new ArrayList<>();
    for (String name : sample.tensors.names()) {
      TensorInfo info = sample.tensors.info(name);
      tensors.add(TensorData.of(name, info.dtype(), sample.tensors.data(name), info.shape()));
    }
    if (change) {
      int at = random.nextInt(tensors.size());
      TensorData one = tensors.get(at);
      MemorySegment data = one.data();
      long values = data.byteSize() / 4;
      switch (random.nextInt(6)) {
        case 0 -> tensors.remove(at);
        case 1 -> tensors.add(TensorData.of("later", DType.F32, data, values));
        case 2 -> tensors.set(at, TensorData.of(one.info().name(), DType.I32, data, values));
        case 3 -> tensors.set(at, TensorData.of(one.info().name(), DType.F32, data, values, 1));
        case 4 -> {
          int count = 1;
          for (long side : one.info().shape()) {
            count *= (int) side;
          }
          float[] odd = new float[count];
          odd[random.nextInt(odd.length)] =
              new float[] {Float.NaN, Float.POSITIVE_INFINITY, -1, 1e38f}[random.nextInt(4)];
          MemorySegment changed = ForeignTensors.segment(odd);
          tensors.set(at, TensorData.of(one.info().name(), DType.F32, changed, one.info().shape()));
        }
        default -> tensors.set(at, TensorData.of(one.info().name() + "s", DType.F32, data, values));
      }
    }
    Safetensors.write(weights, tensors, Map.of());
    if (change && random.nextInt(3) == 0) {
      Files.write(weights, Mutations.mutate(Files.readAllBytes(weights), 200, random));
    }
  }

  private List<Sample> samples(DictionaryFormat format) throws IOException {
    List<Sample> samples = new ArrayList<>();
    for (Path golden : ForeignRun.goldenFolders()) {
      if (format == DictionaryFormat.SLUICE) {
        Dictionary dictionary = DictionaryFormat.of(golden).read(golden, Origin.UNKNOWN);
        Path own = folder.resolve(golden.getFileName().toString());
        format.write(dictionary, own);
        samples.add(sample(own));
      } else if (DictionaryFormat.of(golden) == format) {
        samples.add(sample(golden));
      }
    }
    if (format == DictionaryFormat.SLUICE) {
      Path several = folder.resolve("several");
      format.write(several(samples.size()), several);
      samples.add(sample(several));
    }
    return samples;
  }

  /** One of two sites, nested. */
  private static Dictionary several(int seed) throws IOException {
    Path golden = DictionaryFormatTest.goldenFolder("saelens-topk");
    Dictionary one = DictionaryFormat.SAELENS.read(golden, Origin.UNKNOWN);
    DictionaryConfig c = one.config();
    return new Dictionary(
        new DictionaryConfig(
                "tiny",
                "a,b",
                "a,b",
                c.inputWidth(),
                c.outputWidth(),
                c.features(),
                c.activation(),
                true,
                true)
            .withSites(List.of(new Site("a", 2), new Site("b", c.outputWidth() - 2)))
            .withPrefixes(List.of(4, 8 + seed % 2)),
        one.parameters());
  }

  private static Sample sample(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> listed = Files.list(folder)) {
      files = listed.filter(file -> !file.endsWith("expected.safetensors")).toList();
    }
    Path config = files.stream().filter(file -> file.toString().endsWith("json")).findAny().get();
    Path weights = files.stream().filter(file -> !file.equals(config)).findAny().orElseThrow();
    return new Sample(
        config,
        Files.readAllBytes(config),
        weights,
        Files.readAllBytes(weights),
        weights.endsWith("ae.pt") ? PyTorchFile.open(weights) : Safetensors.open(weights));
  }
}
