package io.sluice.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.Subspace;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.testing.Python;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What replacing an activation costs, against transformers with hooks that replace it likewise. */
@Tag("cuda")
class InterventionTest {
  private static final Path MODELS = Path.of("src/test/resources/golden/model/causal");
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  @TempDir Path folder;

  @BeforeEach
  void requireTorch() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tiny-gpt2",
        "tiny-neox",
        "tiny-neox-sequential",
        "tiny-llama",
        "tiny-mistral",
        "tiny-qwen2",
        "tiny-qwen3",
        "tiny-gemma2"
      })
  void lossesAgreeWithTransformers(String name) throws IOException {
    Safetensors golden = Safetensors.open(MODELS.resolve(name + ".safetensors"));
    List<Hooks> variants = new ArrayList<>(List.of(Hooks.none()));
    List<String> expected = new ArrayList<>(List.of("loss"));
    List<Intervention> open = new ArrayList<>();
    for (String hook : List.of("layers.1.attn_out", "layers.1.mlp_out")) {
      Covariance covariance =
          Covariance.of(25, doubles(golden, hook + ".mean"), doubles(golden, hook + ".covariance"));
      open.add(SubspaceProjection.meanAblation(covariance.mean(), DEVICE, 1));
      expected.add(hook + ".ablated");
      for (int k : new int[] {1, 6, 23}) {
        open.add(SubspaceProjection.on(Subspace.topDirections(covariance, k), DEVICE, 1));
        expected.add(hook + "." + k);
      }
      for (Intervention intervention : open.subList(variants.size() - 1, open.size())) {
        variants.add(Hooks.none().replace(HookPoint.parse(hook), intervention));
      }
    }
    try (LoadedModel model = LoadedModel.open(MODELS.resolve(name), DEVICE)) {
      List<TokenLoss> losses =
          model.languageModel().losses(TokenBatch.of(contexts(golden)), variants);
      for (int i = 0; i < losses.size(); i++) {
        double value = Double.parseDouble(golden.metadata().get(expected.get(i)));
        assertThat(losses.get(i).mean()).as(expected.get(i)).isCloseTo(value, within(2e-5));
      }
    } finally {
      open.forEach(Intervention::close);
    }
  }

  @Tag("slow")
  @Test
  void aCurveStartsAtTheMeanAndEndsAtTheWholeActivation() throws IOException {
    Safetensors golden = Safetensors.open(MODELS.resolve("tiny-llama.safetensors"));
    Path text =
        Files.writeString(
            folder.resolve("text.txt"),
            "call me ishmael . the white whale of the sea , in that ship");
    Map<HookPoint, Covariance> covariances = new LinkedHashMap<>();
    for (String hook : List.of("layers.1.attn_out", "layers.1.mlp_out")) {
      covariances.put(
          HookPoint.parse(hook),
          Covariance.of(
              25, doubles(golden, hook + ".mean"), doubles(golden, hook + ".covariance")));
    }
    try (LoadedModel model = LoadedModel.open(MODELS.resolve("tiny-llama"), DEVICE)) {
      ContextSpec contexts = new ContextSpec(List.of(text), 8, 4, 2, Long.MAX_VALUE);
      List<Long> done = new ArrayList<>();
      LossRecovery recovery =
          new LossMeasurement(model, contexts, 1).curves(covariances, null, done::add);
      // Each of the 14 words is predicted once, the first from the token before the text.
      assertThat(recovery.tokens()).isEqualTo(14);
      assertThat(done.getLast()).isEqualTo(14);
      assertThat(recovery.hooks()).hasSize(2);
      for (LossRecovery.Curve curve : recovery.hooks()) {
        assertThat(curve.points()).extracting(LossRecovery.Point::k).isSorted().endsWith(24);
        assertThat(curve.points().getLast().recovered()).isCloseTo(1, within(1e-3));
        assertThat(curve.points().getLast().loss()).isCloseTo(recovery.cleanLoss(), within(1e-4));
      }
    }
  }

  @Test
  void aDictionaryOfTheIdentityRecoversEverything() throws IOException {
    Safetensors golden = Safetensors.open(MODELS.resolve("tiny-gpt2.safetensors"));
    String hook = "layers.1.mlp_out";
    Path text = Files.writeString(folder.resolve("text.txt"), "the white whale of the sea");
    try (LoadedModel model = LoadedModel.open(MODELS.resolve("tiny-gpt2"), DEVICE);
        Arena arena = Arena.ofConfined()) {
      LossMeasurement measurement =
          new LossMeasurement(model, ContextSpec.of(List.of(text), model), 1);
      double[] mean = doubles(golden, hook + ".mean");
      LossRecovered whole =
          measurement.of(identity(arena, hook, 24), EngineFactory.reference(), mean, done -> {});
      assertThat(whole.tokens()).isEqualTo(5);
      assertThat(whole.recovered()).isCloseTo(1, within(1e-3));
      LossRecovered part =
          measurement.of(identity(arena, hook, 3), EngineFactory.reference(), mean, done -> {});
      assertThat(part.loss()).isNotCloseTo(whole.loss(), within(1e-3));
      assertThat(part.cleanLoss()).isEqualTo(whole.cleanLoss());
      assertThat(part.recovered())
          .isCloseTo(
              (part.ablatedLoss() - part.loss()) / (part.ablatedLoss() - part.cleanLoss()),
              within(1e-12));
    }
  }

  @Test
  void normalisedTokensAreBroughtBackBeforeTheyTakeTheirPlace() throws IOException {
    Safetensors golden = Safetensors.open(MODELS.resolve("tiny-gpt2.safetensors"));
    String hook = "layers.1.mlp_out";
    Path text = Files.writeString(folder.resolve("text.txt"), "the white whale of the sea");
    try (LoadedModel model = LoadedModel.open(MODELS.resolve("tiny-gpt2"), DEVICE);
        Arena arena = Arena.ofConfined()) {
      LossMeasurement measurement =
          new LossMeasurement(model, ContextSpec.of(List.of(text), model), 1);
      double[] mean = doubles(golden, hook + ".mean");
      Dictionary identity = identity(arena, hook, 24);
      for (TokenNorm.Kind kind : TokenNorm.Kind.values()) {
        for (boolean undone : new boolean[] {true, false}) {
          Dictionary normalising =
              new Dictionary(
                  identity.config().withTokenNorm(Optional.of(new TokenNorm(kind, undone))),
                  identity.parameters());
          LossRecovered found =
              measurement.of(normalising, EngineFactory.reference(), mean, done -> {});
          // The LayerNorm that reads it subtracts the mean anyway.
          if (undone || kind == TokenNorm.Kind.CENTRED) {
            assertThat(found.recovered()).isCloseTo(1, within(1e-3));
          } else {
            assertThat(found.loss()).isNotCloseTo(found.cleanLoss(), within(1e-3));
          }
        }
      }
    }
  }

  @Test
  void aTranscoderThatIsTheOutputProjectionRecoversEverything() throws IOException {
    Safetensors golden = Safetensors.open(MODELS.resolve("tiny-gpt2.safetensors"));
    Safetensors weights = Safetensors.open(MODELS.resolve("tiny-gpt2/model.safetensors"));
    Path text = Files.writeString(folder.resolve("text.txt"), "the white whale of the sea");
    try (LoadedModel model = LoadedModel.open(MODELS.resolve("tiny-gpt2"), DEVICE);
        Arena arena = Arena.ofConfined()) {
      LossMeasurement measurement =
          new LossMeasurement(model, ContextSpec.of(List.of(text), model), 1);
      double[] mean = doubles(golden, "layers.1.attn_out.mean");
      Dictionary projection = outputProjection(arena, weights, "layers.1.z", "layers.1.attn_out");
      LossRecovered whole = measurement.of(projection, EngineFactory.reference(), mean, done -> {});
      assertThat(whole.recovered()).isCloseTo(1, within(1e-3));
      Dictionary silent = outputProjection(arena, weights, "layers.1.z", "layers.1.attn_out");
      silent.parameters().encoder().fill((byte) 0);
      for (int i = 0; i < 24; i++) {
        silent.parameters().decoderBias().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) mean[i]);
      }
      LossRecovered nothing = measurement.of(silent, EngineFactory.reference(), mean, done -> {});
      assertThat(nothing.recovered()).isCloseTo(0, within(1e-3));
      Dictionary backwards = outputProjection(arena, weights, "layers.1.resid", "layers.1.mlp_out");
      assertThatThrownBy(
              () -> measurement.of(backwards, EngineFactory.reference(), mean, done -> {}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'layers.1.resid', which a running model computes after");
    }
  }

  @Test
  void aCrosscoderOfTheIdentityRecoversEverything() throws IOException {
    List<String> hooks = List.of("layers.0.attn_out", "layers.1.mlp_out", "layers.2.mlp_out");
    Path text = Files.writeString(folder.resolve("text.txt"), "the white whale of the sea");
    Map<HookPoint, double[]> means = new LinkedHashMap<>();
    hooks.forEach(hook -> means.put(HookPoint.parse(hook), new double[24]));
    try (LoadedModel model = LoadedModel.open(MODELS.resolve("tiny-gpt2"), DEVICE)) {
      LossMeasurement measurement =
          new LossMeasurement(model, ContextSpec.of(List.of(text), model), 1);
      LossRecovered whole =
          measurement.of(
              List.of(crosscoder(hooks, 72)), EngineFactory.reference(), means, done -> {});
      assertThat(whole.recovered()).isCloseTo(1, within(1e-3));
      LossRecovered nothing =
          measurement.of(
              List.of(crosscoder(hooks, 0)), EngineFactory.reference(), means, done -> {});
      assertThat(nothing.loss()).isEqualTo(nothing.ablatedLoss());
      assertThat(nothing.recovered()).isZero();
    }
  }

  /** Two features for each of the first {@code kept} coordinates of the sites side by side. */
  private static Dictionary crosscoder(List<String> hooks, int kept) {
    List<Site> sites = hooks.stream().map(hook -> new Site(hook, 24)).toList();
    int width = Site.widths(sites);
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), width, width, 2 * width);
    for (int i = 0; i < kept; i++) {
      for (int side = 0; side < 2; side++) {
        long at = (2L * i + side) * width + i;
        p.encoder().setAtIndex(ValueLayout.JAVA_FLOAT, at, side == 0 ? 1 : -1);
        p.decoder().setAtIndex(ValueLayout.JAVA_FLOAT, at, side == 0 ? 1 : -1);
      }
    }
    String names = Site.names(sites);
    return new Dictionary(
        new DictionaryConfig(
                "tiny", names, names, width, width, 2 * width, new ReLU(), false, false)
            .withSites(sites),
        p);
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void jointLossesAgreeWithTransformers() throws IOException {
    Python.require();
    List<Site> sites = List.of(new Site("layers.0.attn_out", 24), new Site("layers.1.resid", 24));
    Dictionary shared = random(1, sites, sites);
    List<Site> outputs =
        List.of(new Site("layers.1.mlp_out", 24), new Site("layers.2.mlp_out", 24));
    // The second layer reads what the first has changed.
    CrossLayerDictionary crossLayer =
        new CrossLayerDictionary(
            List.of(
                random(2, List.of(new Site("layers.0.resid", 24)), outputs),
                random(3, List.of(new Site("layers.1.resid", 24)), outputs.subList(1, 2))));
    String attention = "layers.1.attn_out";
    Dictionary layerNorm =
        normalising(4, attention, attention, new TokenNorm(TokenNorm.Kind.LAYER_NORM, true));
    Dictionary constantNorm =
        normalising(
            5, attention, attention, new TokenNorm(TokenNorm.Kind.CONSTANT_NORM_RESCALE, true));
    Dictionary reading =
        normalising(
            6, "layers.0.resid", attention, new TokenNorm(TokenNorm.Kind.LAYER_NORM, false));
    layerNorm.save(Files.createDirectories(folder.resolve("layer-norm")));
    constantNorm.save(Files.createDirectories(folder.resolve("constant-norm")));
    reading.save(Files.createDirectories(folder.resolve("reading")));
    shared.save(Files.createDirectories(folder.resolve("shared")));
    crossLayer.save(Files.createDirectories(folder.resolve("cross-layer")));
    Safetensors golden = Safetensors.open(MODELS.resolve("tiny-gpt2.safetensors"));
    try (LoadedModel model = LoadedModel.open(MODELS.resolve("tiny-gpt2"), DEVICE);
        JointReplacement crosscoder =
            new CrosscoderReconstruction(shared, EngineFactory.reference(), 1);
        JointReplacement transcoder =
            new CrossLayerTranscoding(crossLayer.layers(), EngineFactory.reference(), 1);
        Intervention first = new DictionaryReconstruction(layerNorm, EngineFactory.reference(), 1);
        Intervention second =
            new DictionaryReconstruction(constantNorm, EngineFactory.reference(), 1);
        Transcoding third = new Transcoding(reading, EngineFactory.reference(), 1)) {
      assertThat(transcoder.reading().points()).isEmpty();
      List<Hooks> variants =
          List.of(
              crosscoder.reading(),
              crosscoder.hooks(),
              Hooks.none(),
              transcoder.hooks(),
              Hooks.none().replace(HookPoint.parse(attention), first),
              Hooks.none().replace(HookPoint.parse(attention), second),
              third.hooks());
      List<TokenLoss> losses =
          model.languageModel().losses(TokenBatch.of(contexts(golden)), variants);
      String printed =
          Python.run(
              "replaced_losses.py",
              MODELS.resolve("tiny-gpt2"),
              MODELS.resolve("tiny-gpt2.safetensors"),
              folder.resolve("shared"),
              folder.resolve("cross-layer"),
              folder.resolve("layer-norm"),
              folder.resolve("constant-norm"),
              folder.resolve("reading"));
      double[] expected =
          Arrays.stream(printed.split("\\s+")).mapToDouble(Double::parseDouble).toArray();
      assertThat(losses.get(0).mean()).isCloseTo(expected[0], within(2e-5));
      assertThat(losses.get(1).mean()).isCloseTo(expected[1], within(2e-5));
      assertThat(losses.get(2).mean()).isCloseTo(expected[0], within(2e-5));
      assertThat(losses.get(3).mean()).isCloseTo(expected[2], within(2e-5));
      assertThat(expected[1]).isNotCloseTo(expected[0], within(1e-2));
      assertThat(expected[2]).isNotCloseTo(expected[0], within(1e-2));
      for (int i = 3; i < 6; i++) {
        assertThat(losses.get(1 + i).mean()).isCloseTo(expected[i], within(2e-5));
        assertThat(expected[i]).isNotCloseTo(expected[0], within(1e-3));
      }
    }
  }

  private static Dictionary normalising(long seed, String reads, String writes, TokenNorm norm) {
    Dictionary plain = random(seed, List.of(new Site(reads, 24)), List.of(new Site(writes, 24)));
    return new Dictionary(
        plain.config().withTokenNorm(Optional.of(norm)), plain.parameters(), plain.skip());
  }

  /** A dictionary of 40 features with ReLU. */
  private static Dictionary random(long seed, List<Site> inputs, List<Site> outputs) {
    Random random = new Random(seed);
    int read = Site.widths(inputs);
    int written = Site.widths(outputs);
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), read, written, 40);
    for (MemorySegment each : List.of(p.encoder(), p.encoderBias(), p.decoder(), p.decoderBias())) {
      for (long i = 0; i < each.byteSize() / Float.BYTES; i++) {
        each.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (0.2 * random.nextGaussian()));
      }
    }
    if (seed == 3) {
      // What several layers write has one bias, the first's.
      p.decoderBias().fill((byte) 0);
    }
    return new Dictionary(
        new DictionaryConfig(
                "tiny",
                Site.names(inputs),
                Site.names(outputs),
                read,
                written,
                40,
                new ReLU(),
                false,
                false)
            .withSites(outputs.size() > 1 ? outputs : List.of()),
        p);
  }

  @Test
  void whatIsReplacedTogetherIsReadFirst() throws IOException {
    Safetensors golden = Safetensors.open(MODELS.resolve("tiny-gpt2.safetensors"));
    Dictionary shared = crosscoder(List.of("layers.0.attn_out", "layers.1.mlp_out"), 48);
    Dictionary backwards =
        random(1, List.of(new Site("layers.1.resid", 24)), List.of(new Site("layers.1.z", 24)));
    assertThatThrownBy(
            () -> new CrossLayerTranscoding(List.of(backwards), EngineFactory.reference(), 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'layers.1.resid', which a running model computes after");
    try (LoadedModel model = LoadedModel.open(MODELS.resolve("tiny-gpt2"), DEVICE);
        JointReplacement replacement =
            new CrosscoderReconstruction(shared, EngineFactory.reference(), 1)) {
      TokenBatch batch = TokenBatch.of(contexts(golden));
      assertThatThrownBy(() -> model.languageModel().loss(batch, replacement.hooks()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("run the unchanged model over the batch first");
      List<Hooks> variants = List.of(replacement.reading(), replacement.hooks());
      List<TokenLoss> losses = model.languageModel().losses(batch, variants);
      assertThat(losses.get(1).mean()).isCloseTo(losses.get(0).mean(), within(2e-5));
      // Once per reading: what was read of one batch is not written into another.
      assertThatThrownBy(() -> model.languageModel().loss(batch, replacement.hooks()))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  /** Two features for each element of z, one up, one down, that write its rows of W_O. */
  private static Dictionary outputProjection(
      Arena arena, Safetensors weights, String input, String output) {
    String name =
        weights.names().stream()
            .filter(each -> each.endsWith("h.1.attn.c_proj.weight"))
            .findFirst()
            .orElseThrow();
    float[] matrix = weights.data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    DictionaryParameters parameters = DictionaryParameters.allocate(arena, 24, 24, 48);
    for (int i = 0; i < 24; i++) {
      for (int side = 0; side < 2; side++) {
        long row = (2L * i + side) * 24;
        int sign = side == 0 ? 1 : -1;
        parameters.encoder().setAtIndex(ValueLayout.JAVA_FLOAT, row + i, sign);
        for (int j = 0; j < 24; j++) {
          parameters
              .decoder()
              .setAtIndex(ValueLayout.JAVA_FLOAT, row + j, sign * matrix[i * 24 + j]);
        }
      }
    }
    parameters.decoderBias().copyFrom(weights.data(name.replace("weight", "bias")));
    DictionaryConfig config =
        new DictionaryConfig("tiny", input, output, 24, 24, 48, new ReLU(), false, false);
    return new Dictionary(config, parameters);
  }

  @Test
  void positionsBeforeTheFirstStayAsTheyAre() {
    try (TensorScope scope = TensorScope.open();
        SubspaceProjection ablation =
            SubspaceProjection.meanAblation(new double[] {7, 8}, DEVICE, 2)) {
      Tensor x = Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 1, 3, 2).to(DEVICE);
      HookPoint point = HookPoint.parse("layers.0.resid");
      assertThat(ablation.apply(point, x).toFloats()).containsExactly(1, 2, 3, 4, 7, 8);
      Tensor shorter = x.narrow(1, 0, 2);
      assertThat(ablation.apply(point, shorter)).isSameAs(shorter);
      Tensor wider = x.reshape(1, 2, 3);
      assertThatThrownBy(() -> ablation.apply(point, wider))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("3 wide")
          .hasMessageContaining("width 2");
    }
  }

  @Test
  void refusesWhatDoesNotFit() throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), "the white whale");
    Path bert = Path.of("src/test/resources/golden/model/tiny-bert");
    try (LoadedModel encoder = LoadedModel.open(bert, Device.CPU)) {
      ContextSpec contexts = ContextSpec.of(List.of(text), encoder);
      assertThatThrownBy(() -> new LossMeasurement(encoder, contexts, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("predicts no next tokens");
    }
    try (LoadedModel model = LoadedModel.open(MODELS.resolve("tiny-gpt2"), Device.CPU)) {
      LossMeasurement measurement =
          new LossMeasurement(model, ContextSpec.of(List.of(text), model), 1);
      Covariance narrow = Covariance.of(3, new double[2], new double[] {1, 0, 0, 1});
      assertThatThrownBy(
              () ->
                  measurement.curves(
                      Map.of(HookPoint.parse("layers.0.z"), narrow), null, done -> {}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("layers.0.z of tiny-gpt2 is 24 wide, not 2");
      Covariance zero = Covariance.of(3, new double[24], new double[24 * 24]);
      assertThatThrownBy(
              () ->
                  measurement.curves(Map.of(HookPoint.parse("layers.3.z"), zero), null, done -> {}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("has 3 layers");
      assertThatThrownBy(
              () ->
                  measurement.curves(
                      Map.of(HookPoint.parse("layers.0.z"), zero), new int[] {25}, done -> {}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("25");
    }
  }

  @Test
  void interpolatesWhatSuffices() {
    LossRecovery.Curve curve =
        new LossRecovery.Curve(
            "layers.0.z",
            4,
            9,
            List.of(
                new LossRecovery.Point(1, 0.25, 0, 0.5), new LossRecovery.Point(3, 0.75, 0, 1)));
    assertThat(curve.shareThatRecovers(0.25).orElseThrow()).isEqualTo(0.125);
    assertThat(curve.shareThatRecovers(0.75).orElseThrow()).isEqualTo(0.5);
    assertThat(curve.shareThatRecovers(1.1)).isEmpty();
    assertThat(LossMeasurement.usualKs(576)).startsWith(9).endsWith(576).hasSize(12);
    assertThat(LossMeasurement.usualKs(1)).containsExactly(1);
  }

  /** Two features for each of the first {@code kept} coordinates: one up, one down. */
  private static Dictionary identity(Arena arena, String hook, int kept) {
    DictionaryParameters parameters = DictionaryParameters.allocate(arena, 24, 24, 48);
    for (int i = 0; i < kept; i++) {
      for (int side = 0; side < 2; side++) {
        long at = (2L * i + side) * 24 + i;
        parameters.encoder().setAtIndex(ValueLayout.JAVA_FLOAT, at, side == 0 ? 1 : -1);
        parameters.decoder().setAtIndex(ValueLayout.JAVA_FLOAT, at, side == 0 ? 1 : -1);
      }
    }
    DictionaryConfig config =
        new DictionaryConfig("tiny", hook, hook, 24, 24, 48, new ReLU(), false, false);
    return new Dictionary(config, parameters);
  }

  private static double[] doubles(Safetensors file, String name) {
    return file.data(name).toArray(ValueLayout.JAVA_DOUBLE);
  }

  private static List<int[]> contexts(Safetensors file) {
    long[] shape = file.shape("input_ids");
    long[] ids = file.data("input_ids").toArray(ValueLayout.JAVA_LONG);
    long[] mask = file.data("attention_mask").toArray(ValueLayout.JAVA_LONG);
    int length = (int) shape[1];
    List<int[]> contexts = new ArrayList<>();
    for (int i = 0; i < shape[0]; i++) {
      int real = (int) Arrays.stream(mask, i * length, (i + 1) * length).sum();
      contexts.add(
          Arrays.stream(ids, i * length, i * length + real).mapToInt(Math::toIntExact).toArray());
    }
    return contexts;
  }
}
