package io.sluice.features.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Transcoders, crosscoders and cross-layer transcoders are compared, also on a store. */
class ComparedKindsTest {
  private static final int ROWS = 400;
  private static final int FEATURES = 30;
  private static final Site IN_0 = new Site("layers.0.mlp_in", 12);
  private static final Site IN_1 = new Site("layers.1.mlp_in", 12);
  private static final Site OUT_0 = new Site("layers.0.mlp_out", 10);
  private static final Site OUT_1 = new Site("layers.1.mlp_out", 8);

  @TempDir private Path folder;
  private final Random random = new Random(9);

  @Test
  void theLayersOfCrossLayerTranscodersAreMatchedEachWithItsOwn() throws IOException {
    Dictionary first = dictionary(List.of(IN_0), List.of(OUT_0, OUT_1));
    Dictionary second = dictionary(List.of(IN_1), List.of(OUT_1));
    ComparedDictionary a = joint(first, second);
    int[] orderFirst = shuffled();
    int[] orderSecond = shuffled();
    ComparedDictionary b = joint(permuted(first, orderFirst), permuted(second, orderSecond));
    Comparison same = compare(a, b, store(List.of(IN_0, IN_1, OUT_0, OUT_1)));
    assertThat(same.featuresA()).isEqualTo(2 * FEATURES);
    assertThat(same.meanMaxCosineA()).isCloseTo(1, within(1e-5));
    assertThat(same.oneToOne().pairs()).isEqualTo(2 * FEATURES);
    assertThat(same.oneToOne().mean()).isCloseTo(1, within(1e-3));
    assertThat(same.unstableA()).isNull();
    Comparison.CoActivation fired = same.coActivation();
    assertThat(fired.tokens()).isEqualTo(ROWS);
    assertThat(fired.meanBestA()).isCloseTo(1, within(1e-6));
    assertThat(fired.agree()).isEqualTo(1);
    assertThat(fired.ofPairs()).isCloseTo(1, within(1e-6));
    assertThat(fired.activeDimension()).isNull();
  }

  @Test
  void inAnotherLayerTheSameFeatureIsNoMatch() throws IOException {
    Dictionary first = dictionary(List.of(IN_0), List.of(OUT_0, OUT_1));
    Dictionary second = dictionary(List.of(IN_1), List.of(OUT_1));
    Dictionary other = dictionary(List.of(IN_1), List.of(OUT_1));
    Comparison found = compare(joint(first, second), joint(first, other), null);
    // Half of the features are the same, the others are random.
    assertThat(found.meanMaxCosineA()).isBetween(0.6, 0.99);
    assertThat(found.stable().getLast().bestA()).isBetween(0.5, 0.6);
    // Rows of the second layer have zeros at the first hook point.
    assertThat(found.unstableA().dimension()).isLessThanOrEqualTo(OUT_1.width());
    assertThat(found.unstableA().features()).isLessThanOrEqualTo(FEATURES);
  }

  @Test
  void transcodersAndCrosscodersAreComparedOnAStore() throws IOException {
    Dictionary transcoder = dictionary(List.of(IN_0), List.of(OUT_0));
    ActivationStore inputsAlone = store(List.of(IN_0, IN_1));
    Comparison one =
        compare(
            ComparedDictionary.of(transcoder),
            ComparedDictionary.of(permuted(transcoder, shuffled())),
            inputsAlone);
    assertThat(one.coActivation().meanBestA()).isCloseTo(1, within(1e-6));
    assertThat(one.coActivation().activeDimension()).isNull();
    Dictionary crosscoder = dictionary(List.of(IN_0, IN_1), List.of(IN_0, IN_1));
    Comparison several =
        compare(
            ComparedDictionary.of(crosscoder),
            ComparedDictionary.of(dictionary(List.of(IN_0, IN_1), List.of(IN_0, IN_1))),
            inputsAlone);
    assertThat(several.coActivation().firingA()).isGreaterThan(FEATURES / 2);
    assertThat(several.coActivation().meanBestA()).isBetween(0.0, 0.9);
    assertThat(several.unstableA().active()).isNull();
    assertThat(several.unstableA().dimension()).isLessThanOrEqualTo(24);
  }

  @Test
  void rowsThatCannotBeComparedAreRefused() {
    Dictionary first = dictionary(List.of(IN_0), List.of(OUT_0, OUT_1));
    Dictionary second = dictionary(List.of(IN_1), List.of(OUT_1));
    assertThatThrownBy(
            () -> new DictionaryComparer(joint(first, second), ComparedDictionary.of(first)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("one has 2 layers, the other 1");
    assertThatThrownBy(() -> new DictionaryComparer(first, second))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("18")
        .hasMessageContaining("8");
  }

  private static Comparison compare(
      ComparedDictionary a, ComparedDictionary b, ActivationStore store) throws IOException {
    DictionaryComparer comparer = new DictionaryComparer(a, b);
    List<Long> reported = new ArrayList<>();
    Comparison found = comparer.compare(store, 10_000, EngineFactory.reference(), reported::add);
    assertThat(reported).isSorted().endsWith(comparer.work(store, 10_000));
    return found;
  }

  private static ComparedDictionary joint(Dictionary first, Dictionary second) {
    return ComparedDictionary.of(new CrossLayerDictionary(List.of(first, second)));
  }

  private int[] shuffled() {
    List<Integer> order = new ArrayList<>(IntStream.range(0, FEATURES).boxed().toList());
    Collections.shuffle(order, random);
    return order.stream().mapToInt(Integer::intValue).toArray();
  }

  private Dictionary dictionary(List<Site> reads, List<Site> writes) {
    int in = Site.widths(reads);
    int out = Site.widths(writes);
    DictionaryConfig config =
        new DictionaryConfig(
            "m",
            Site.names(reads),
            Site.names(writes),
            in,
            out,
            FEATURES,
            new TopK(3),
            false,
            false);
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), in, out, FEATURES);
    fill(p.encoder());
    fill(p.decoder());
    return new Dictionary(writes.size() > 1 ? config.withSites(writes) : config, p);
  }

  private void fill(MemorySegment rows) {
    for (long i = 0; i < rows.byteSize() / Float.BYTES; i++) {
      rows.setAtIndex(DictionaryParameters.FLOAT, i, (float) random.nextGaussian());
    }
  }

  private static Dictionary permuted(Dictionary from, int[] order) {
    DictionaryParameters p = from.parameters();
    DictionaryParameters to =
        DictionaryParameters.allocate(Arena.ofAuto(), p.inputWidth(), p.outputWidth(), FEATURES);
    for (int row = 0; row < FEATURES; row++) {
      copy(p.encoder(), order[row], to.encoder(), row, p.inputWidth());
      copy(p.decoder(), order[row], to.decoder(), row, p.outputWidth());
    }
    return new Dictionary(from.config(), to);
  }

  private static void copy(MemorySegment from, int at, MemorySegment to, int row, int width) {
    long bytes = (long) width * Float.BYTES;
    MemorySegment.copy(from, at * bytes, to, row * bytes, bytes);
  }

  private ActivationStore store(List<Site> sites) throws IOException {
    Path path = folder.resolve("store");
    StoreSpec spec =
        StoreSpec.of(
            "m",
            "t",
            sites.stream().map(site -> new Column(site.hook(), site.width(), DType.F32)).toList());
    MemorySegment[] blocks = new MemorySegment[sites.size()];
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = Arena.ofAuto().allocate((long) ROWS * sites.get(i).width() * Float.BYTES, 64);
      fill(blocks[i]);
    }
    int[] zeros = new int[ROWS];
    try (StoreWriter writer = StoreWriter.create(path, spec)) {
      writer.append(zeros, zeros, zeros, DType.F32, blocks);
      writer.finish();
    }
    return ActivationStore.open(path);
  }
}
