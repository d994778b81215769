package io.sluice.lorsa.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.EngineFactory;
import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest.Window;
import io.sluice.features.FeatureReader;
import io.sluice.features.HeadShares;
import io.sluice.features.Sources;
import io.sluice.features.effects.EffectsWriter;
import io.sluice.features.effects.FiringFeatures;
import io.sluice.features.gather.FeatureGathering;
import io.sluice.features.gather.GatherSpec;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.SpecialTokens;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Features of a Lorsa against {@code lorsa_features_golden.py}. */
@Tag("cuda")
class GatheredLorsaTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final String READ = "layers.1.attn_in";
  private static final String WRITTEN = "layers.1.attn_out";
  private static final int TOP = 5;

  @TempDir private Path folder;
  private Safetensors golden;
  private LorsaSpec spec;
  private int contexts;
  private int length;

  @BeforeEach
  void needsLibTorch() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  @ParameterizedTest
  @CsvSource({"LLAMA, 0", "GPT2, 0", "GPT2, 2"})
  void codesSourcesAndHeadsAreThoseOfPyTorch(TinyModel tiny, int from) throws IOException {
    load(tiny, from);
    try (LoadedModel model = tiny.open()) {
      FeatureFolder features = gather(model);
      assertThat(features.manifest().tokens()).isEqualTo((long) contexts * (length - from));
      assertThat(features.manifest().dictionary().kind()).isEqualTo("lorsa");
      Sources sources = Sources.open(features).orElseThrow();
      HeadShares shares = HeadShares.open(features).orElseThrow();
      int firing = 0;
      for (int head = 0; head < spec.heads(); head++) {
        assertThat(features.features().count(head)).isEqualTo(fired(head, from));
        List<FeatureContext> top = features.contexts().of(head, FeatureContexts.TOP);
        assertThat(top).hasSize((int) Math.min(TOP, fired(head, from)));
        for (FeatureContext context : top) {
          requireSources(sources.of(head, context.rank()).orElseThrow(), context);
        }
        requireShares(shares, head, top, model.transformer().shape().heads());
        firing += top.isEmpty() ? 0 : 1;
      }
      assertThat(firing).isGreaterThan(6);
    }
  }

  @Test
  void aFeatureSaysWithWhichGroupItAttendsAndWhatItPromotes() throws IOException {
    load(TinyModel.LLAMA, 0);
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      FeatureFolder features = gather(model);
      FeatureReader reader = new FeatureReader(features);
      assertThat(reader.read(7).group()).isEqualTo(7 / 3);
      assertThat(reader.read(7).promotes()).hasSize(10);
      assertThat(reader.read(7).cosine()).isNull();
      assertThat(reader.read(7).activeShare()).isBetween(0f, 1f);
      int fires =
          IntStream.range(0, spec.heads())
              .filter(head -> features.features().count(head) > 0)
              .findFirst()
              .getAsInt();
      assertThat(reader.read(fires).top().getFirst().sources())
          .isNotEmpty()
          .allSatisfy(source -> assertThat(source.head()).isEqualTo(Sources.Split.NO_HEAD));
    }
  }

  @Test
  void onATextTheFeaturesFireThatTheEngineActivates() throws IOException {
    load(TinyModel.LLAMA, 0);
    try (LoadedModel model = TinyModel.LLAMA.open();
        TensorScope scope = TensorScope.open()) {
      Device device = model.transformer().device();
      GatheredLorsa owner = GatheredLorsa.load(folder.resolve("lorsa"), device);
      List<FiringFeatures.Token> tokens = LorsaFiring.of(model, owner, "the whale of the sea");
      assertThat(tokens).hasSize(5);
      int before = tokens.getFirst().position();
      int[] ids =
          SpecialTokens.of(model.tokenizer())
              .around(model.tokenizer().encode("the whale of the sea"));
      List<Tensor> seen = new ArrayList<>();
      model
          .transformer()
          .observe(
              TokenBatch.of(List.of(ids)),
              Hooks.none()
                  .observe(
                      List.of(HookPoint.parse(READ)),
                      (point, x) -> seen.add(x.to(DType.F32).copy().moveTo(scope))));
      float[] all;
      try (LorsaEngine engine = LorsaEngine.running(owner.lorsa().weights(), device)) {
        all =
            engine
                .activations(new LorsaBatch(seen.getFirst(), null, new int[] {ids.length}, 0))
                .toFloats();
      }
      for (FiringFeatures.Token token : tokens) {
        int row = token.position();
        float[] sorted = Arrays.copyOfRange(all, row * spec.heads(), (row + 1) * spec.heads());
        for (int i = 0; i < token.features().length; i++) {
          assertThat(token.activations()[i])
              .isCloseTo(all[row * spec.heads() + token.features()[i]], within(1e-5f));
        }
        Arrays.sort(sorted);
        int first = Math.max(before, model.firstPosition());
        for (int i = 0; row >= first && i < spec.k(); i++) {
          float expected = Math.max(0, sorted[sorted.length - 1 - i]);
          float actual = i < token.activations().length ? token.activations()[i] : 0;
          assertThat(actual).isCloseTo(expected, within(1e-5f));
        }
      }
    }
  }

  @Test
  void aStoreWithoutWholeContextsIsRefusedInOneLine() throws IOException {
    load(TinyModel.LLAMA, 0);
    writeStore(folder.resolve("cut"), 1);
    GatheredLorsa owner = GatheredLorsa.load(folder.resolve("lorsa"), Device.CPU);
    try (Workers workers = Workers.of(1);
        FeatureGathering gathering =
            new FeatureGathering(
                owner,
                ActivationStore.open(folder.resolve("cut")),
                GatherSpec.from(0),
                EngineFactory.reference(),
                workers)) {
      assertThatThrownBy(() -> gathering.encode(folder, done -> {}))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("row 0 is at position 1")
          .hasMessageContaining("--special-tokens");
    }
  }

  /** The listed sources and the bias add up to the activation, and each is the golden one. */
  private void requireSources(Sources.Split split, FeatureContext context) {
    int head = context.feature();
    int row = (int) context.row();
    float expected = value("codes", row * spec.heads() + head);
    assertThat(context.activation()).isCloseTo(expected, within(1e-4f));
    double sum = split.rest() + split.bias();
    int start = context.position() - row % length;
    for (int i = 0; i < split.positions().length; i++) {
      int at = (row * spec.heads() + head) * length + split.positions()[i] - start;
      assertThat(split.contributions()[i]).isCloseTo(value("sources", at), within(1e-4f));
      sum += split.contributions()[i];
    }
    assertThat(sum).isCloseTo(context.activation(), within(1e-4));
    assertThat(split.bias()).isEqualTo(value("value_bias", head));
  }

  /** Shares are of what the model's heads write along the output direction. */
  private void requireShares(
      HeadShares shares, int head, List<FeatureContext> top, int modelHeads) {
    double[] sums = new double[modelHeads + 1];
    for (FeatureContext context : top) {
      for (int j = 0; j < modelHeads; j++) {
        int at = ((int) context.row() * spec.heads() + head) * modelHeads + j;
        sums[j] += value("written", at);
      }
      sums[modelHeads] += value("constant", head);
    }
    double all = Arrays.stream(sums).sum();
    double total = shares.bias(head);
    for (int j = 0; j < modelHeads; j++) {
      double expected = top.isEmpty() ? 0 : sums[j] / all;
      double tolerance = 1e-3 * Math.max(1, 1 / Math.abs(all));
      assertThat((double) shares.of(head)[j]).isCloseTo(expected, within(tolerance));
      total += shares.of(head)[j];
    }
    assertThat(total).isCloseTo(top.isEmpty() ? 0 : 1, within(1e-3));
  }

  private long fired(int head, int from) {
    return IntStream.range(0, contexts * length)
        .filter(row -> row % length >= from && value("codes", row * spec.heads() + head) > 0)
        .count();
  }

  private FeatureFolder gather(LoadedModel model) throws IOException {
    ActivationStore store = ActivationStore.open(folder.resolve("store"));
    GatheredLorsa owner = GatheredLorsa.load(folder.resolve("lorsa"), model.transformer().device());
    EffectsWriter effects = LorsaSourcePass.effects(model, store, owner);
    assertThat(effects.leftOut()).isEmpty();
    GatherSpec settings = new GatherSpec(TOP, 3, new Window(3, 2), 0, Long.MAX_VALUE, 64);
    Path out = folder.resolve("features");
    try (Workers workers = Workers.of(2);
        FeatureGathering gathering =
            new FeatureGathering(owner, store, settings, EngineFactory.reference(), workers)) {
      FeatureFolderWriter.write(
          out,
          fresh -> {
            gathering.encode(fresh.folder(), done -> {});
            return effects.write(fresh, gathering.writeTo(fresh, done -> {}), done -> {});
          });
    }
    FeatureFolder features = FeatureFolder.open(out);
    features.verify();
    return features;
  }

  private void load(TinyModel tiny, int from) throws IOException {
    golden =
        Safetensors.open(
            GOLDEN.resolve("lorsa-features-" + tiny.folder().getFileName() + ".safetensors"));
    JsonNode json = new ObjectMapper().readTree(golden.metadata().get("settings"));
    float[] frequencies = new float[json.get("rotaryFrequencies").size()];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = (float) json.get("rotaryFrequencies").get(i).asDouble();
    }
    spec =
        new LorsaSpec(
            json.get("inputWidth").asInt(),
            json.get("outputWidth").asInt(),
            json.get("heads").asInt(),
            json.get("groups").asInt(),
            json.get("headDim").asInt(),
            frequencies,
            json.get("scale").asDouble(),
            json.get("cap").asDouble(),
            json.get("window").asInt(),
            json.get("causal").asBoolean(),
            json.get("k").asInt(),
            json.get("rankByOutputNorm").asBoolean());
    Map<LorsaTensor, MemorySegment> memory = new EnumMap<>(LorsaTensor.class);
    for (LorsaTensor tensor : LorsaTensor.values()) {
      memory.put(tensor, golden.data(tensor.label()));
    }
    String name = tiny.folder().getFileName().toString();
    LorsaConfig config = new LorsaConfig(name, READ, WRITTEN, from, spec);
    new Lorsa(config, new LorsaWeights(spec, memory))
        .save(Files.createDirectories(folder.resolve("lorsa")));
    contexts = (int) golden.shape("attn_in")[0];
    length = (int) golden.shape("attn_in")[1];
    writeStore(folder.resolve("store"), 0);
  }

  /** A store of what the golden model's attention reads and writes. */
  private void writeStore(Path path, int firstPosition) throws IOException {
    int rows = contexts * length;
    int[] ids =
        Arrays.stream(golden.data("input_ids").toArray(ValueLayout.JAVA_LONG))
            .mapToInt(Math::toIntExact)
            .toArray();
    int[] positions = IntStream.range(0, rows).map(i -> i % length + firstPosition).toArray();
    int[] documents = IntStream.range(0, rows).map(i -> i / length / 2).toArray();
    StoreSpec columns =
        StoreSpec.of(
                "",
                "golden",
                List.of(
                    new Column(READ, spec.inputWidth(), DType.F32),
                    new Column(WRITTEN, spec.outputWidth(), DType.F32)))
            .withRowsPerShard(10);
    try (StoreWriter writer = StoreWriter.create(path, columns)) {
      writer.tokens(TokenTable.of(IntStream.range(0, 48).mapToObj(i -> " w" + i).toList()));
      writer.append(
          ids,
          positions,
          documents,
          DType.F32,
          new MemorySegment[] {golden.data("attn_in"), golden.data("attn_out")});
      writer.finish();
    }
  }

  private float value(String tensor, int at) {
    return golden.data(tensor).getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
  }
}
