package io.sluice.features.gather;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.EngineFactory;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.testing.Seeds;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A gathering in parts, in any order, beside the same in one pass. */
class SharedGatheringTest {
  @TempDir Path temporary;
  private final Random random = new Random(Seeds.seed());

  @ParameterizedTest
  @ValueSource(ints = {2, 100})
  void writesTheBytesOfOnePass(int batch) throws IOException {
    GoldenFeatures golden = new GoldenFeatures();
    Path place = golden.store(temporary.resolve("store"), "tiny", 64);
    Path dictionary = golden.dictionary(temporary.resolve("dictionary"), "tiny");
    GatherSpec usual = GoldenFeatures.SPEC;
    GatherSpec spec =
        new GatherSpec(
            usual.top(),
            usual.lower(),
            usual.window(),
            usual.firstPosition(),
            usual.deadWindow(),
            batch);
    ActivationStore store = ActivationStore.open(place);
    try (Workers workers = Workers.of(1);
        FeatureGathering whole = gathering(dictionary, store, spec, workers);
        FeatureGathering cut = gathering(dictionary, store, spec, workers);
        SharedGathering shared = cut.shared()) {
      FeatureFolderWriter.write(
          temporary.resolve("whole"),
          fresh -> {
            whole.encode(fresh.folder(), done -> {});
            return whole.writeTo(fresh, done -> {});
          });
      FeatureFolderWriter.write(temporary.resolve("cut"), fresh -> write(shared, fresh));
    }
    List<Path> files = files(temporary.resolve("whole"));
    assertThat(files(temporary.resolve("cut"))).isEqualTo(files);
    for (Path file : files) {
      assertThat(temporary.resolve("cut").resolve(file))
          .hasSameBinaryContentAs(temporary.resolve("whole").resolve(file));
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.map(Path::getFileName).sorted().toList();
    }
  }

  private static FeatureGathering gathering(
      Path dictionary, ActivationStore store, GatherSpec spec, Workers workers) throws IOException {
    return new FeatureGathering(
        GatheredDictionary.load(dictionary), store, spec, EngineFactory.vector(workers), workers);
  }

  private FeatureManifest write(SharedGathering shared, FeatureFolderWriter fresh)
      throws IOException {
    List<CodeChunk> chunks = new ArrayList<>();
    List<Integer> blocks = new ArrayList<>(IntStream.range(0, shared.blocks()).boxed().toList());
    Collections.shuffle(blocks, random);
    for (int block : blocks) {
      shared.verify(block, block + 1);
      shared.encode(block, block + 1, done -> {}).forEachRemaining(chunks::add);
    }
    List<SimilarRows> similar = new ArrayList<>();
    for (int part = shared.searches() - 1; part >= 0; part--) {
      similar.add(shared.similar(part));
    }
    List<DescribedFeatures> described = new ArrayList<>();
    double[][] directions = shared.activeDirections();
    for (int group = 0; group < shared.groups(); group++) {
      int own = group;
      List<int[]> codes =
          chunks.stream()
              .filter(chunk -> chunk.group() == own)
              .sorted(Comparator.comparingLong(CodeChunk::order))
              .map(CodeChunk::codes)
              .toList();
      assertThat(codes).isNotEmpty();
      for (DescribedFeatures some : shared.describe(group, codes, directions)) {
        described.add(sent(some));
      }
    }
    return shared.writeTo(fresh, similar, described.iterator(), done -> {});
  }

  /** As another process gets it. */
  private static DescribedFeatures sent(DescribedFeatures features) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(features);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      return (DescribedFeatures) in.readObject();
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }
}
